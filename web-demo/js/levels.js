/** How loud a microphone of our own is. */

import { audioContext } from './audio-context.js';

/** The loudness of a track of our own, linear, from 0 (silence) to 1 (full scale). */
export class Loudness {
  #analyser;
  #source;
  #samples;

  /** @param {MediaStreamTrack} track */
  constructor(track) {
    const context = audioContext();
    this.track = track;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source = context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  /** Now, as root of the mean square. */
  read() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }

  close() {
    this.#source.disconnect();
  }
}
