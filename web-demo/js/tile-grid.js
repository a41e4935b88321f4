/** A list of tiles that keeps itself in step with what should be shown, and fills its space. */

import { WHOLE, bestLayout } from './layout.js';
import { Tile } from './tile.js';

/** @import {TileState} from './tile.js' */

/** Between tiles, in CSS pixels; style.css reads it from here. */
const GAP = 10;

/** How far cameras may be cropped at their sides, width over height: more on an upright page. */
const NARROWEST = { landscape: 4 / 3, portrait: 3 / 4 };

export class TileGrid {
  #list;
  #croppable;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();

  /**
   * @param {HTMLUListElement} list
   * @param {{croppable: boolean}} options
   */
  constructor(list, { croppable }) {
    this.#list = list;
    this.#croppable = croppable;
    list.style.setProperty('--gap', `${GAP}px`);
    new ResizeObserver(() => this.#arrange()).observe(list);
  }

  /** Shows exactly these, in this order. @param {Map<string, TileState>} states */
  show(states) {
    for (const [key, tile] of this.#tiles) {
      if (states.has(key)) continue;
      tile.remove();
      this.#tiles.delete(key);
    }
    let before = this.#list.firstElementChild;
    for (const [key, state] of states) {
      let tile = this.#tiles.get(key);
      if (tile === undefined) {
        tile = new Tile();
        this.#tiles.set(key, tile);
      }
      tile.show(state);
      // Moving an element that stands where it should would stop its video for a moment.
      if (tile.element === before) before = before.nextElementSibling;
      else this.#list.insertBefore(tile.element, before);
    }
    this.#arrange();
  }

  /** @param {string} key */
  tile(key) {
    return this.#tiles.get(key) ?? null;
  }

  #arrange() {
    const { clientWidth, clientHeight } = this.#list;
    if (clientWidth === 0 || this.#tiles.size === 0) return;
    const cropped = innerWidth > innerHeight ? NARROWEST.landscape : NARROWEST.portrait;
    const narrowest = this.#croppable && this.#tiles.size > 1 ? cropped : WHOLE;
    // A pinned tile takes the place of four.
    const pinned = this.#tiles.size > 1 && this.#croppable && this.#list.querySelector('[data-pinned]') !== null;
    const places = this.#tiles.size + (pinned ? 3 : 0);
    const { width, height } = bestLayout(places, clientWidth, clientHeight, GAP, narrowest);
    this.#list.style.setProperty('--tile-width', `${width}px`);
    this.#list.style.setProperty('--tile-height', `${height}px`);
  }
}
