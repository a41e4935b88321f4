/** The link that brings others into the room. */

/**
 * @param {string} room
 * @returns {string}
 */
export function invitationTo(room) {
  const url = new URL('.', location.href);
  url.searchParams.set('room', room);
  return url.href;
}

/**
 * @param {string} link
 * @returns {Promise<boolean>} Whether it is on the clipboard.
 */
export async function copy(link) {
  try {
    await navigator.clipboard.writeText(link);
    return true;
  } catch {
    // No permission, or a page without HTTPS: there, the older way still works.
    const field = document.createElement('textarea');
    field.value = link;
    field.className = 'visually-hidden';
    document.body.append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    return copied;
  }
}
