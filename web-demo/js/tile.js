/** One picture in the room: somebody's camera or screen, or their initials, with their name under it. */

import { fromTemplate, setIcon, setText, within } from './dom.js';
import { hueOf } from './synthetic.js';
import { identityOf } from './mark.js';
import { initialsOf } from './names.js';

/**
 * What a tile shows. `picture` is null where there is none to show: the camera is off, or nothing has come.
 *
 * @typedef {object} TileState
 * @property {string} name
 * @property {boolean} self
 * @property {'person' | 'screen'} kind
 * @property {MediaStreamTrack | null} picture
 * @property {boolean} muted Whether they cannot be heard.
 * @property {boolean} mirrored
 * @property {boolean} paused Whether nothing of it comes, because the connection is too slow.
 * @property {boolean} pinned
 * @property {(() => void) | null} pin What a press on the pin does; null if there is nothing to pin.
 */

export class Tile {
  element = fromTemplate('tile-template');
  #video = within(this.element, 'video', HTMLVideoElement);
  #name = within(this.element, '.plate-name', HTMLElement);
  #state = within(this.element, '.plate-state', HTMLElement);
  #initials = within(this.element, '.initials', HTMLElement);
  #figures = within(this.element, '.tile-figures', HTMLElement);
  #paused = within(this.element, '.tile-paused', HTMLElement);
  #pin = within(this.element, '.tile-pin', HTMLButtonElement);
  /** @type {MediaStreamTrack | null} */
  #picture = null;

  /** @param {TileState} state */
  show({ name, self, kind, picture, muted, mirrored, paused, pinned, pin }) {
    const label = kind === 'screen' ? (self ? 'Your screen' : `${name}’s screen`) : self ? `${name} (you)` : name;
    setText(this.#name, label);
    setText(this.#initials, initialsOf(name));
    this.element.style.setProperty('--hue', String(hueOf(identityOf(name))));
    this.element.dataset.kind = kind;
    this.element.toggleAttribute('data-self', self);
    this.element.toggleAttribute('data-muted', muted);
    this.element.toggleAttribute('data-mirrored', mirrored);
    this.element.toggleAttribute('data-pinned', pinned);
    this.element.toggleAttribute('data-paused', paused);
    this.#paused.hidden = !paused;
    this.#pin.hidden = pin === null;
    this.#pin.onclick = pin;
    this.#pin.setAttribute('aria-pressed', String(pinned));
    this.#pin.setAttribute('aria-label', `Pin ${label}`);
    setIcon(within(this.element, '.plate-icon', SVGSVGElement), 'microphone-off');
    const states = [muted && 'microphone off', kind === 'person' && picture === null && 'camera off'];
    setText(this.#state, states.filter(Boolean).map((state) => `, ${state}`).join(''));
    this.#showPicture(picture);
  }

  /** Somebody speaks, or has stopped. @param {boolean} speaking */
  set speaking(speaking) {
    this.element.toggleAttribute('data-speaking', speaking);
  }

  /** A line of figures over the picture; null takes it away. @param {string | null} text */
  set figures(text) {
    this.#figures.hidden = text === null;
    setText(this.#figures, text ?? '');
  }

  remove() {
    this.#video.srcObject = null;
    this.element.remove();
  }

  /** @param {MediaStreamTrack | null} picture */
  #showPicture(picture) {
    if (picture === this.#picture) return;
    this.#picture = picture;
    this.element.removeAttribute('data-picture');
    this.#video.srcObject = picture === null ? null : new MediaStream([picture]);
    if (picture === null) return;
    this.#video.play().catch(() => {}); // Muted pictures may always play; a change of source interrupts, harmlessly.
    // The initials stay until there is something to see, so that a slot's former picture never shows under this name.
    this.#whenFrameComes(() => {
      if (this.#picture === picture) this.element.toggleAttribute('data-picture', true);
    });
  }

  /** @param {() => void} then */
  #whenFrameComes(then) {
    if ('requestVideoFrameCallback' in this.#video) this.#video.requestVideoFrameCallback(then);
    else /** @type {HTMLVideoElement} */ (this.#video).addEventListener('loadeddata', then, { once: true });
  }
}
