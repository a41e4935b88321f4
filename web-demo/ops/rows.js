/** The rows of a table, changed in place: who selects or reads one is not disturbed each second. */
import { setText } from '../js/dom.js';

/**
 * @typedef {object} Row
 * @property {boolean} isBad
 * @property {number} bar How long its bar is, 0 to 1.
 * @property {string[]} cells
 */

export class Rows {
  /** @type {{row: HTMLTableRowElement, cells: HTMLElement[], bar: HTMLElement}[]} */
  #rows = [];

  /**
   * @param {HTMLTableSectionElement} body
   * @param {number} columns
   * @param {number} barColumn Which of them has a bar.
   */
  constructor(body, columns, barColumn) {
    this.body = body;
    this.columns = columns;
    this.barColumn = barColumn;
  }

  /** @param {Row[]} rows */
  show(rows) {
    while (this.#rows.length > rows.length) this.#rows.pop()?.row.remove();
    while (this.#rows.length < rows.length) this.#rows.push(this.#add());
    for (const [index, { isBad, bar, cells }] of rows.entries()) {
      const shown = this.#rows[index];
      if (shown === undefined) continue;
      shown.row.classList.toggle('bad', isBad);
      shown.bar.style.setProperty('width', `${Math.min(1, Math.max(0, bar)) * 100}%`);
      shown.bar.classList.toggle('full', bar > 0.8 && this.columns > 3);
      for (const [column, text] of cells.entries()) {
        const cell = shown.cells[column];
        if (cell) setText(cell, text);
      }
    }
  }

  #add() {
    const row = this.body.insertRow();
    const bar = document.createElement('span');
    bar.className = 'bar-fill';
    const cells = Array.from({ length: this.columns }, (_, column) => {
      const cell = document.createElement(column === 0 ? 'th' : 'td');
      if (column === 0) cell.setAttribute('scope', 'row');
      row.append(cell);
      const text = document.createElement('span');
      if (column === this.barColumn) {
        const track = document.createElement('span');
        track.className = 'bar-track';
        track.setAttribute('aria-hidden', 'true');
        track.append(bar);
        cell.append(track);
      }
      cell.append(text);
      return text;
    });
    return { row, cells, bar };
  }
}
