/**
 * Tells the server how large everybody's picture is shown, so that it sends no larger one than can be seen: when
 * tiles change their size, scroll out of view, or the page is hidden.
 *
 * @import {ViewedTrack} from './protocol.js'
 */

/** Sizes settle within this, in milliseconds: a window that is being dragged is not told of at every step. */
const SETTLING = 250;

/** A page that was left for a moment keeps its pictures, in milliseconds. */
const LINGER = 2_000;

export class Viewing {
  /** Tiles' elements and the tracks that they show. @type {Map<Element, {track: string, height: number, seen: boolean}>} */
  #shown = new Map();
  #tell;
  #told = '';
  #pageSeen = !document.hidden;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) this.#change(target, { height: Math.round(target.clientHeight * devicePixelRatio) });
  });
  #sights = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) this.#change(target, { seen: isIntersecting });
  });

  /** @param {(tracks: ViewedTrack[]) => void} tell */
  constructor(tell) {
    this.#tell = tell;
    document.addEventListener('visibilitychange', this.#pageChanged);
  }

  /** These tiles show these tracks now, and no others. @param {Map<Element, string>} tracks */
  show(tracks) {
    for (const element of this.#shown.keys()) {
      if (tracks.has(element)) continue;
      this.#shown.delete(element);
      this.#sizes.unobserve(element);
      this.#sights.unobserve(element);
    }
    for (const [element, track] of tracks) {
      const known = this.#shown.get(element);
      if (known !== undefined) known.track = track;
      else {
        const height = Math.round(element.clientHeight * devicePixelRatio);
        this.#shown.set(element, { track, height, seen: true });
        this.#sizes.observe(element);
        this.#sights.observe(element);
      }
    }
    this.#tellSoon(SETTLING);
  }

  /** The server has forgotten what it was told. */
  repeat() {
    this.#told = '';
    this.#tellSoon(0);
  }

  close() {
    clearTimeout(this.#timer);
    this.#sizes.disconnect();
    this.#sights.disconnect();
    document.removeEventListener('visibilitychange', this.#pageChanged);
  }

  #pageChanged = () => {
    this.#pageSeen = !document.hidden;
    this.#tellSoon(this.#pageSeen ? 0 : LINGER);
  };

  /** @param {Element} element @param {{height?: number, seen?: boolean}} change */
  #change(element, change) {
    const known = this.#shown.get(element);
    if (known === undefined) return;
    Object.assign(known, change);
    this.#tellSoon(SETTLING);
  }

  /** @param {number} milliseconds */
  #tellSoon(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tellNow(), milliseconds);
  }

  #tellNow() {
    const tracks = [...this.#shown.values()].map(({ track, height, seen }) => ({
      track,
      height: seen && this.#pageSeen ? Math.min(height, 65_535) : 0,
    }));
    const told = JSON.stringify(tracks);
    if (told === this.#told) return;
    this.#told = told;
    this.#tell(tracks);
  }
}
