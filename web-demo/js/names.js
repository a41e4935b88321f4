/** Names of rooms and people: what is allowed, and what becomes of what somebody types. */

/** What the server allows (docs/protocol.md, `join`). */
const LONGEST = 64;

/**
 * Turns what a person types into the name of a room: `Café au lait` becomes `Cafe-au-lait`.
 *
 * @param {string} typed
 */
export function roomNameFrom(typed) {
  return typed
    .normalize('NFKD')
    .replace(/\s+/g, '-')
    .replace(/[^A-Za-z0-9._-]/g, '')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, LONGEST);
}

/**
 * Takes off what the server does not allow in a name.
 *
 * @param {string} typed
 */
export function displayNameFrom(typed) {
  const clean = typed.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '').trim();
  return [...clean].slice(0, LONGEST).join('').trim();
}

const FIRST = ['amber', 'calm', 'clear', 'early', 'green', 'lucky', 'quiet', 'silver', 'sunny', 'swift'];
const SECOND = ['bridge', 'harbour', 'junction', 'lantern', 'meadow', 'platform', 'signal', 'siding', 'station', 'viaduct'];

/** A room that nobody is likely to be in: the number has 9000 values, the words 100. */
export function newRoomName() {
  const pick = (/** @type {string[]} */ words) => words[Math.floor(Math.random() * words.length)];
  return `${pick(FIRST)}-${pick(SECOND)}-${1000 + Math.floor(Math.random() * 9000)}`;
}

/**
 * One or two letters that stand for a name.
 *
 * @param {string} name
 */
export function initialsOf(name) {
  const words = name.split(/\s+/).filter((word) => word !== '');
  const [first, last] = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return [first, last].map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase();
}
