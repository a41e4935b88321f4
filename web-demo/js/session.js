/**
 * One stay in a room: joins, and comes back by itself when the server or the network was away. Who is there is kept
 * by Roster, what is sent and received by SessionMedia. It knows nothing of the page.
 *
 * @import {Codec} from './encodings.js'
 * @import {ClientMessage, Joined, ServerMessage, ViewedTrack} from './protocol.js'
 * @import {Input, LocalMedia} from './local-media.js'
 * @import {RosterNews} from './roster.js'
 */

import { pauseAfter } from './backoff.js';
import { Roster } from './roster.js';
import { SessionMedia } from './session-media.js';
import { ConnectionLost, RequestError, Signaling } from './signaling.js';

/** A session this old, in milliseconds, counts as a success: the next failure is again the first. */
const STABLE_AFTER = 5_000;

/** Refusals that may well be different in a moment. */
const PASSING_ERRORS = new Set(['internal', 'overloaded', 'session-over']);

/**
 * `joining`: not yet in. `live`: in the room. `reconnecting`: was in, or nearly, and tries again by itself.
 * `over`: will not try again.
 *
 * @typedef {'joining' | 'live' | 'reconnecting' | 'over'} Phase
 */

/** @typedef {{code: string, message: string}} Ending Why it is over: an error or close code, and the server's words. */

/**
 * What happened, for who wants to tell people.
 *
 * @typedef {RosterNews
 *   | {type: 'reconnected'}
 *   | {type: 'muted-by-admin', input: Input}
 *   | {type: 'refused', code: string, message: string}} News
 */

/**
 * @typedef {object} SessionOptions
 * @property {string} url Of the WebSocket.
 * @property {string} room
 * @property {string} name
 * @property {string | null} token
 * @property {LocalMedia} local
 * @property {Codec | null} codec Of the camera, where the browser has it; null for the browser's choice.
 * @property {() => void} onChange
 * @property {(news: News) => void} onNews
 */

export class Session {
  /** @type {SessionOptions} */
  #options;
  /** @type {Phase} */
  #phase = 'joining';
  /** @type {Ending | null} */
  #ending = null;
  /** @type {Signaling | null} */
  #signaling = null;
  /** @type {Joined | null} */
  #joined = null;
  #roster = new Roster();
  /** @type {() => void} */
  #hurry = () => {};

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.media = new SessionMedia({
      local: options.local,
      codec: options.codec,
      roster: this.#roster,
      request: (message) => this.#signaling?.request(message) ?? Promise.reject(new ConnectionLost()),
      onRefused: (error) => this.#refused(error),
      onChange: options.onChange,
    });
    addEventListener('online', this.#whenOnline);
    void this.#stay();
  }

  get phase() {
    return this.#phase;
  }

  /** Why it is over, if it is. */
  get ending() {
    return this.#ending;
  }

  /** Changes when the server has forgotten what we said. Null before the first time. */
  get id() {
    return this.#phase === 'live' ? (this.#joined?.participant ?? null) : null;
  }

  get room() {
    return this.#options.room;
  }

  /** Our name, as the server has it. */
  get name() {
    return this.#joined?.name ?? this.#options.name;
  }

  get mayPublish() {
    return this.#joined?.permissions.publish ?? true;
  }

  /** Everybody else, in the order in which they came. */
  get participants() {
    return this.#roster.participants;
  }

  /** Whether somebody talks. @param {string} participantId */
  speaks(participantId) {
    return this.#phase === 'live' && this.#roster.speaks(participantId);
  }

  /** Whether we ourselves are heard to talk. */
  get iSpeak() {
    return this.#joined !== null && this.speaks(this.#joined.participant);
  }

  /**
   * The slot that plays a track.
   *
   * @param {string} trackId
   * @returns {{mid: string, receiver: RTCRtpReceiver} | null} Null if the track has none.
   */
  slotOf(trackId) {
    const mid = this.#roster.midOf(trackId);
    const receiver = mid === null ? null : this.media.receiver(mid);
    return mid === null || receiver === null ? null : { mid, receiver };
  }

  /** Whether nothing of a track is sent to us, because our connection is too slow. @param {string} trackId */
  isPaused(trackId) {
    return this.#roster.isPaused(trackId);
  }

  /** Says which track matters most, or that all matter the same. @param {string | null} trackId */
  pin(trackId) {
    this.#tell({ type: 'subscribe', pinned: trackId === null ? [] : [trackId] });
  }

  /** Says how large tracks are shown, in device pixels. @param {ViewedTrack[]} tracks */
  view(tracks) {
    this.#tell({ type: 'view', tracks });
  }

  /** Leaves for good. */
  leave() {
    // The request is on its way before the connection is closed behind it.
    this.#signaling?.request({ type: 'leave' }).catch(() => {});
    this.#finish({ code: 'left', message: 'you left' });
  }

  #whenOnline = () => this.#hurry();

  async #stay() {
    let failures = 0;
    while (!this.#isOver()) {
      const began = performance.now();
      await this.#connectOnce();
      if (this.#isOver()) return;
      if (performance.now() - began > STABLE_AFTER) failures = 0;
      this.media.pause();
      this.#phase = 'reconnecting';
      this.#options.onChange();
      await this.#pause(pauseAfter(failures++, Math.random()));
    }
  }

  /** Connects, joins, and returns when the connection is over. */
  async #connectOnce() {
    const signaling = new Signaling(this.#options.url, (message) => this.#handle(message));
    this.#signaling = signaling;
    try {
      await signaling.opened;
      this.#enter(await signaling.request(this.#joinRequest()));
    } catch (error) {
      if (error instanceof RequestError && !PASSING_ERRORS.has(error.code)) this.#finish(error);
      signaling.close();
    }
    const closed = await signaling.ended;
    if (closed === null) return;
    if (!closed.retry) this.#finish(closed);
    this.#joined = null; // The server has forgotten us: there is nothing to resume.
  }

  #joinRequest() {
    const { room, name, token } = this.#options;
    const resume = this.#joined?.resume;
    return /** @type {const} */ ({ type: 'join', room, name, ...(token && { token }), ...(resume && { resume }) });
  }

  /** @param {Joined} joined */
  #enter(joined) {
    if (this.#isOver()) return;
    const returned = this.#phase === 'reconnecting';
    this.#joined = joined;
    this.#phase = 'live';
    this.#roster.reset(joined);
    if (joined.resumed && this.media.isAlive) this.media.resume(joined);
    else this.media.begin(joined);
    this.#options.onChange();
    if (returned) this.#options.onNews({ type: 'reconnected' });
  }

  /** @param {ServerMessage} message */
  #handle(message) {
    if (this.#isOver()) return;
    const news = this.#roster.handle(message);
    if (message.type === 'connected') this.media.connected();
    if (message.type === 'wanted') this.media.want(message.track, message.encodings);
    if (message.type === 'assignments' && this.#roster.unassigned > 0) this.media.growSlots();
    if (message.type === 'track-muted' && message.muted) this.#mutedByAdmin(message.track);
    this.#options.onChange();
    if (news !== null) this.#options.onNews(news);
  }

  /** To be heard again takes a decision of our own. @param {string} trackId */
  #mutedByAdmin(trackId) {
    const input = this.media.ownInput(trackId);
    if (input === null) return;
    this.media.noteMuted(input);
    void this.#options.local.turn(input, false);
    this.#options.onNews({ type: 'muted-by-admin', input });
  }

  /** Says something that is said again when it was lost. @param {ClientMessage} message */
  #tell(message) {
    if (this.#phase === 'live') this.#signaling?.request(message).catch((error) => this.#refused(error));
  }

  /** @param {unknown} error */
  #refused(error) {
    if (error instanceof RequestError) {
      this.#options.onNews({ type: 'refused', code: error.code, message: error.message });
    } else if (!(error instanceof ConnectionLost) && !this.#isOver()) console.error(error);
  }

  /** @param {Ending} ending */
  #finish({ code, message }) {
    if (this.#isOver()) return;
    this.#phase = 'over';
    this.#ending = { code, message };
    removeEventListener('online', this.#whenOnline);
    this.media.close();
    this.#signaling?.close();
    this.#hurry();
    this.#options.onChange();
  }

  #isOver() {
    return this.#phase === 'over';
  }

  /** @param {number} milliseconds */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}
