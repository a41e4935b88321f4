/** How long to wait before trying again. */

/** The first pause, in milliseconds: a server that restarts is often back within a second. */
const FIRST = 300;

/** Nobody should wait longer than this after the server is back. */
const LONGEST = 8_000;

/**
 * Doubles with every failure and strews the result over the upper half, so that a thousand pages that lost the same
 * server do not come back in the same instant.
 *
 * @param {number} failures How many times it went wrong, from 0.
 * @param {number} random From 0 to 1.
 * @returns {number} Milliseconds.
 */
export function pauseAfter(failures, random) {
  const full = Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 16));
  return full * (0.5 + 0.5 * random);
}
