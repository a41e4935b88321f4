/** How large tiles are, and how many stand in a row, so that they fill the space they have. Pure arithmetic. */

/** The shape of a camera picture or a screen, width over height; no tile is wider. */
export const WHOLE = 16 / 9;

/** Below this width, in CSS pixels, faces cannot be told apart: then the list scrolls instead. */
const SMALLEST_WIDTH = 132;

/**
 * @typedef {object} Layout
 * @property {number} columns
 * @property {number} width Of a tile, in CSS pixels.
 * @property {number} height Of a tile, in CSS pixels.
 */

/**
 * @param {number} count How many tiles.
 * @param {number} width Of the space, in CSS pixels.
 * @param {number} height Of the space, in CSS pixels.
 * @param {number} gap Between tiles, in CSS pixels.
 * @param {number} narrowest How narrow a tile may be, width over height: WHOLE, or less if pictures may be cropped.
 * @returns {Layout}
 */
export function bestLayout(count, width, height, gap, narrowest) {
  /** @type {Layout & {seen: number}} */
  let best = { columns: 1, width: 0, height: 0, seen: -1 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cell = { width: (width - gap * (columns - 1)) / columns, height: (height - gap * (rows - 1)) / rows };
    const aspect = Math.min(WHOLE, Math.max(narrowest, cell.width / cell.height));
    const tileWidth = Math.min(cell.width, cell.height * aspect);
    const tileHeight = tileWidth / aspect;
    // What counts is how much of everybody one sees: a cropped tile shows less than its area.
    const seen = tileWidth * tileHeight * Math.sqrt(aspect / WHOLE);
    if (seen > best.seen) best = { columns, width: Math.floor(tileWidth), height: Math.floor(tileHeight), seen };
  }
  if (best.width >= Math.min(SMALLEST_WIDTH, width)) return best;
  const columns = Math.max(1, Math.floor((width + gap) / (SMALLEST_WIDTH + gap)));
  const tileWidth = Math.floor((width - gap * (columns - 1)) / columns);
  return { columns, width: tileWidth, height: Math.floor((tileWidth * 3) / 4) };
}
