/** How loud somebody is, and whether that is speech or the hum of a room. */

import { audioContext } from './audio-context.js';

/** Levels are linear, from 0 (silence) to 1 (full scale). Above this somebody speaks; a guess that rooms confirm. */
const SPEECH = 0.015;

/** Between words there are pauses, in milliseconds, that do not end speaking. */
const PAUSE = 700;

/** The loudness of a track of our own. */
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

/**
 * The loudness of what is received, as its packets say (RFC 6464); 0 if none came since the last reading.
 *
 * @param {RTCRtpReceiver} receiver
 * @param {Map<RTCRtpReceiver, number>} seen Timestamps of the last reading, kept by the caller.
 */
export function receivedLevel(receiver, seen) {
  const newest = receiver.getSynchronizationSources?.()[0];
  if (newest === undefined || seen.get(receiver) === newest.rtpTimestamp) return 0;
  seen.set(receiver, newest.rtpTimestamp);
  return newest.audioLevel ?? 0;
}

/** Decides from levels who is speaking. */
export class SpeechDetector {
  /** When somebody was last heard, in milliseconds. @type {Map<string, number>} */
  #heard = new Map();

  /**
   * @param {string} who
   * @param {number} level
   * @param {number} now Milliseconds.
   * @returns {boolean} Whether they speak.
   */
  hear(who, level, now) {
    if (level > SPEECH) this.#heard.set(who, now);
    const last = this.#heard.get(who);
    return last !== undefined && now - last < PAUSE;
  }
}
