/** Sentences over the pictures: what the trouble is, and a button where one can do something about it. */

import { byId, fromTemplate, setText, within } from './dom.js';

/** How long a notice that needs no action stays, in milliseconds: long enough to read it twice. */
const PASSING = 8_000;

/** @typedef {{label: string, act: () => void}} NoticeAction */

export class Notices {
  #container = byId('notices', HTMLElement);
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /**
   * Shows, changes or takes away the notice about a subject.
   *
   * @param {string} subject
   * @param {string | null} sentence
   * @param {NoticeAction | null} [action]
   */
  set(subject, sentence, action = null) {
    clearTimeout(this.#timers.get(subject));
    let notice = this.#shown.get(subject);
    if (sentence === null) {
      notice?.remove();
      this.#shown.delete(subject);
      return;
    }
    if (notice === undefined) {
      notice = fromTemplate('notice-template');
      this.#shown.set(subject, notice);
      this.#container.append(notice);
    }
    setText(within(notice, 'p', HTMLElement), sentence);
    const button = within(notice, 'button', HTMLButtonElement);
    button.hidden = action === null;
    button.textContent = action?.label ?? '';
    button.onclick = action?.act ?? null;
  }

  /** Shows a notice that goes by itself. @param {string} subject @param {string} sentence */
  pass(subject, sentence) {
    this.set(subject, sentence);
    this.#timers.set(subject, setTimeout(() => this.set(subject, null), PASSING));
  }

  clear() {
    for (const subject of [...this.#shown.keys()]) this.set(subject, null);
  }
}
