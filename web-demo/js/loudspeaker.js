/**
 * Plays the sound of every slot, one element each for as long as the slot lives, so that nothing clicks when another
 * person takes it. Browsers may refuse to play before the visitor has done something; that is known here.
 */

export class Loudspeaker {
  /** @type {Map<MediaStreamTrack, HTMLAudioElement>} */
  #players = new Map();
  /** Those that may not play before the visitor has done something. @type {Set<HTMLAudioElement>} */
  #blocked = new Set();
  /** @type {() => void} */
  #onChange;

  /** @param {() => void} onChange Called when `blocked` has changed. */
  constructor(onChange) {
    this.#onChange = onChange;
    for (const gesture of ['pointerdown', 'keydown']) addEventListener(gesture, this.#whenTouched, { capture: true });
  }

  /** Whether the browser waits for a click before it plays sound. */
  get blocked() {
    return this.#blocked.size > 0;
  }

  /** Plays exactly these receivers. @param {RTCRtpReceiver[]} receivers */
  play(receivers) {
    const wanted = new Set(receivers.map(({ track }) => track).filter(({ kind }) => kind === 'audio'));
    for (const [track, player] of this.#players) {
      if (wanted.has(track)) continue;
      player.srcObject = null;
      this.#blocked.delete(player);
      this.#players.delete(track);
    }
    for (const track of wanted) {
      if (this.#players.has(track)) continue;
      const player = new Audio();
      player.srcObject = new MediaStream([track]);
      this.#players.set(track, player);
      void this.#start(player);
    }
  }

  /** Tries again, after a click. */
  async unblock() {
    await Promise.all([...this.#blocked].map((player) => this.#start(player)));
  }

  close() {
    for (const gesture of ['pointerdown', 'keydown']) removeEventListener(gesture, this.#whenTouched, { capture: true });
    this.play([]);
  }

  #whenTouched = () => void this.unblock();

  /** @param {HTMLAudioElement} player */
  async #start(player) {
    const before = this.blocked;
    try {
      await player.play();
      this.#blocked.delete(player);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      // Anything else: it was taken away before it began.
      if (error.name === 'NotAllowedError') this.#blocked.add(player);
    }
    if (this.blocked !== before) this.#onChange();
  }
}
