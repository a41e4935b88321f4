/**
 * A mark that synthetic pictures carry: who it is and when it was drawn, as two rows of light and dark cells along
 * the upper edge. A test, or a curious person, reads it back from the received video. It survives scaling to 160×90
 * and a strong encoder, because a cell is then still 10×4 pixels and only its middle is looked at.
 */

const COLUMNS = 16;
const PAYLOAD_BITS = 12;

/** Share of the picture's height that one row takes. */
const ROW = 1 / 22;

/** Time runs in these steps, in milliseconds; twelve bits of them are nearly seven minutes. */
export const TIME_STEP = 100;
export const TIME_STEPS = 2 ** PAYLOAD_BITS;

/** Of all there is above the picture proper. */
export const MARK_HEIGHT = 2 * ROW;

/**
 * The number that stands for a name: its FNV-1a hash, folded to twelve bits.
 *
 * @param {string} name
 */
export function identityOf(name) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return (hash ^ (hash >>> 12) ^ (hash >>> 24)) & (2 ** PAYLOAD_BITS - 1);
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {number} hue Of the cells, in degrees.
 * @param {number} identity
 * @param {number} time Milliseconds, as of Date.now().
 */
export function drawMark(context, width, height, hue, identity, time) {
  drawRow(context, width, height, hue, 0, identity);
  drawRow(context, width, height, hue, 1, Math.floor(time / TIME_STEP) % TIME_STEPS);
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @returns {{identity: number, time: number} | null} `time` in steps of TIME_STEP, modulo TIME_STEPS; null if the
 *   picture has no readable mark.
 */
export function readMark(context, width, height) {
  const identity = readRow(context, width, height, 0);
  const time = readRow(context, width, height, 1);
  return identity === null || time === null ? null : { identity, time };
}

/**
 * How old a frame is, in milliseconds, to the precision of TIME_STEP.
 *
 * @param {number} step As read from the mark.
 * @param {number} now As of Date.now() on the same clock as the sender's.
 */
export function ageOf(step, now) {
  const steps = (Math.floor(now / TIME_STEP) - step) % TIME_STEPS;
  return ((steps + TIME_STEPS) % TIME_STEPS) * TIME_STEP;
}

/** @param {number} payload A row: light, dark, the payload, a parity bit, light. */
function cellsOf(payload) {
  /** @type {number[]} */
  const bits = Array.from({ length: PAYLOAD_BITS }, (_, n) => (payload >> (PAYLOAD_BITS - 1 - n)) & 1);
  const parity = bits.reduce((sum, bit) => sum ^ bit, 0);
  return [1, 0, ...bits, parity, 1];
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {number} hue
 * @param {number} row From the upper edge, from 0.
 * @param {number} payload
 */
function drawRow(context, width, height, hue, row, payload) {
  const cellWidth = width / COLUMNS;
  const cellHeight = height * ROW;
  cellsOf(payload).forEach((bit, column) => {
    context.fillStyle = bit ? `hsl(${hue} 32% 52%)` : `hsl(${hue} 40% 17%)`;
    context.fillRect(column * cellWidth, row * cellHeight, cellWidth, cellHeight);
  });
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {number} row
 * @returns {number | null}
 */
function readRow(context, width, height, row) {
  const y = Math.floor((row + 0.5) * height * ROW);
  const brightness = Array.from({ length: COLUMNS }, (_, column) => {
    const x = Math.floor(((column + 0.5) * width) / COLUMNS);
    const [red = 0, green = 0, blue = 0] = context.getImageData(x, y, 1, 1).data;
    return red + 2 * green + blue;
  });
  // The first two cells are light and dark by definition, whatever the encoder made of them.
  const [light = 0, dark = 0] = brightness;
  /** @type {number[]} */
  const cells = brightness.map((value) => (value > (light + dark) / 2 ? 1 : 0));
  const payload = cells.slice(2, 2 + PAYLOAD_BITS).reduce((sum, bit) => (sum << 1) | bit, 0);
  return cellsOf(payload).every((bit, n) => bit === cells[n]) ? payload : null;
}
