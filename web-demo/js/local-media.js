/**
 * What we show and say: a camera and a microphone, each a device, something synthetic, or nothing; each on or off.
 * The page before joining, the room and the session all look at this one object.
 *
 * @import {DeviceProblem} from './devices.js'
 */

import { DeviceError, openDevices } from './devices.js';
import { syntheticCamera, syntheticMicrophone } from './synthetic.js';

/**
 * `device:` with an id after it, or with nothing for the browser's choice.
 *
 * @typedef {`device:${string}` | 'synthetic' | 'none'} Choice
 */

/** @typedef {'camera' | 'microphone'} Input */

/**
 * @typedef {object} InputState
 * @property {Choice} choice What was asked for.
 * @property {boolean} on Whether others are to see or hear it.
 * @property {MediaStreamTrack | null} track Null while it is off, none, or being opened.
 * @property {boolean} synthetic Whether the track is generated, by choice or for want of a device.
 * @property {DeviceProblem | null} problem Why the device that was asked for is not used.
 * @property {boolean} opening Whether the browser is asking the visitor, or starting the device.
 */

/** @type {readonly Input[]} */
export const INPUTS = ['camera', 'microphone'];

export class LocalMedia {
  /** @type {Record<Input, InputState>} */
  #inputs = { camera: closedInput(), microphone: closedInput() };
  /** @type {Record<Input, () => void>} */
  #stop = { camera: () => {}, microphone: () => {} };
  /** Grows with every change of mind, so that a late device is not used. @type {Record<Input, number>} */
  #turn = { camera: 0, microphone: 0 };
  /** @type {Set<() => void>} */
  #watchers = new Set();
  #name = '';

  /** @returns {Readonly<InputState>} */
  get camera() {
    return this.#inputs.camera;
  }

  /** @returns {Readonly<InputState>} */
  get microphone() {
    return this.#inputs.microphone;
  }

  /**
   * @param {() => void} watcher Called after every change.
   * @returns {() => void} Stops the calls.
   */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** The name that synthetic sources carry. @param {string} name */
  async rename(name) {
    if (name === this.#name) return;
    this.#name = name;
    const stale = INPUTS.filter((input) => this.#inputs[input].synthetic && this.#inputs[input].track !== null);
    for (const input of stale) this.#useSynthetic(input);
    if (stale.length > 0) this.#changed();
  }

  /**
   * Chooses and opens sources. Asked for together, camera and microphone make a single question to the visitor.
   *
   * @param {Partial<Record<Input, Choice>>} choices
   */
  async choose(choices) {
    const chosen = INPUTS.filter((input) => choices[input] !== undefined);
    for (const input of chosen) {
      const state = this.#inputs[input];
      state.choice = choices[input] ?? 'none';
      state.on = state.choice !== 'none';
    }
    await this.#open(chosen);
  }

  /**
   * Shows or hides, speaks or falls silent. A camera that is off is closed, so that its light goes out; a microphone
   * that is off stays open and sends silence, so that the first word is not lost.
   *
   * @param {Input} input
   * @param {boolean} on
   */
  async turn(input, on) {
    const state = this.#inputs[input];
    if (state.on === on) return;
    state.on = on;
    if (input === 'microphone' && state.track !== null) {
      state.track.enabled = on;
      this.#changed();
    } else if (on) {
      if (state.choice === 'none') state.choice = 'device:';
      await this.#open([input]);
    } else {
      this.#release(input);
      this.#changed();
    }
  }

  /** Opens again, after `close`, what was on. */
  async reopen() {
    await this.#open([...INPUTS]);
  }

  /** Lets go of everything, and remembers what it was. */
  close() {
    for (const input of INPUTS) this.#release(input);
    this.#changed();
  }

  /** @param {Input[]} inputs */
  async #open(inputs) {
    /** @type {{camera: string | null, microphone: string | null}} */
    const wanted = { camera: null, microphone: null };
    for (const input of inputs) {
      this.#release(input);
      const state = this.#inputs[input];
      state.problem = null;
      if (!state.on) continue;
      if (state.choice === 'synthetic') this.#useSynthetic(input);
      else if (state.choice !== 'none') {
        wanted[input] = state.choice.slice('device:'.length);
        state.opening = true;
      }
    }
    this.#changed();
    const turns = { ...this.#turn };
    if (INPUTS.every((input) => wanted[input] === null)) return;
    const opened = await openDevices(wanted);
    for (const input of INPUTS) {
      const result = opened[input];
      if (wanted[input] === null || result === null) continue;
      if (turns[input] !== this.#turn[input]) {
        if (!(result instanceof DeviceError)) result.stop();
        continue;
      }
      this.#inputs[input].opening = false;
      if (result instanceof DeviceError) {
        this.#inputs[input].problem = result.problem;
        this.#useSynthetic(input);
      } else this.#useDevice(input, result);
    }
    this.#changed();
  }

  /** @param {Input} input @param {MediaStreamTrack} track */
  #useDevice(input, track) {
    const state = this.#inputs[input];
    track.enabled = state.on;
    state.track = track;
    state.synthetic = false;
    this.#stop[input] = () => track.stop();
    // The device was unplugged, or the permission taken back: better nothing than something nobody asked for.
    track.onended = () => {
      if (state.track !== track) return;
      this.#release(input);
      state.on = false;
      state.problem = 'missing';
      this.#changed();
    };
  }

  /** @param {Input} input */
  #useSynthetic(input) {
    this.#release(input);
    const state = this.#inputs[input];
    const source = (input === 'camera' ? syntheticCamera : syntheticMicrophone)(this.#name);
    source.track.enabled = state.on;
    state.track = source.track;
    state.synthetic = true;
    this.#stop[input] = source.stop;
  }

  /** @param {Input} input */
  #release(input) {
    this.#turn[input]++;
    const state = this.#inputs[input];
    state.track = null;
    state.opening = false;
    this.#stop[input]();
    this.#stop[input] = () => {};
  }

  #changed() {
    for (const watcher of this.#watchers) watcher();
  }
}

/** @returns {InputState} */
function closedInput() {
  return { choice: 'none', on: false, track: null, synthetic: false, problem: null, opening: false };
}
