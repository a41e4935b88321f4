/**
 * The media of a session: begins a media connection when the server is there, brings what it sends in line with
 * LocalMedia and the shared screen, asks for slots, and begins anew when the path to the server is lost.
 *
 * @import {Codec} from './encodings.js'
 * @import {Answer, ClientMessage, Joined, Source, WantedEncoding} from './protocol.js'
 * @import {LocalMedia} from './local-media.js'
 * @import {Roster} from './roster.js'
 */

import { pauseAfter } from './backoff.js';
import { openScreen } from './devices.js';
import { INPUTS } from './local-media.js';
import { MediaLink } from './media-link.js';

/** Media that has not come up after this, in milliseconds, is said to be blocked. ICE takes well under a second. */
const MEDIA_TIMEOUT = 12_000;

/**
 * `waiting`: on its way. `interrupted`: was there, and may come back by itself. `blocked`: did not come up in time.
 *
 * @typedef {'waiting' | 'flowing' | 'interrupted' | 'blocked'} MediaState
 */

/**
 * @typedef {object} SessionMediaOptions
 * @property {LocalMedia} local
 * @property {Codec | null} codec Of the camera, where the browser has it; null for the browser's choice.
 * @property {Roster} roster
 * @property {(message: ClientMessage) => Promise<any>} request
 * @property {(error: unknown) => void} onRefused
 * @property {() => void} onChange
 */

export class SessionMedia {
  /** @type {SessionMediaOptions} */
  #options;
  /** What the server allows, while there is a session. @type {Joined | null} */
  #joined = null;
  /** @type {MediaLink | null} */
  #link = null;
  /** @type {MediaState} */
  #state = 'waiting';
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {{video: MediaStreamTrack, audio: MediaStreamTrack | null} | null} */
  #screen = null;
  /** What the server believes to be muted. @type {Map<Source, boolean>} */
  #toldMuted = new Map();
  /** Changes are made one after the other. */
  #publishing = Promise.resolve();
  /** @type {() => void} */
  #unwatch;

  /** @param {SessionMediaOptions} options */
  constructor(options) {
    this.#options = options;
    this.#unwatch = options.local.watch(() => {
      void this.#publish();
      options.onChange();
    });
  }

  get state() {
    return this.#state;
  }

  /** What we share, or null. */
  get screen() {
    return this.#screen?.video ?? null;
  }

  /**
   * What a slot plays.
   *
   * @param {string} mid
   */
  receiver(mid) {
    return this.#link?.slots.get(mid) ?? null;
  }

  /** Every slot's receiver, shown or not: sound is played from all of them. */
  get receivers() {
    return [...(this.#link?.slots.values() ?? [])];
  }

  /** What we send, for statistics. */
  get sending() {
    return this.#link?.sending ?? [];
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async stats() {
    return (await this.#link?.stats()) ?? null;
  }

  /** The browser's own word for how the connection does. */
  get linkState() {
    return this.#link?.state ?? 'closed';
  }

  /** Whether a media connection is there that a resumed session can go on with. */
  get isAlive() {
    return this.#link !== null && this.#link.state !== 'failed' && this.#link.state !== 'closed';
  }

  /** The session goes on, over another WebSocket. @param {Joined} joined */
  resume(joined) {
    this.#joined = joined;
    this.#toldMuted.clear(); // Whatever was on its way may be lost.
    void this.#publish();
  }

  /** A session begins. @param {Joined} joined */
  begin(joined) {
    this.#joined = joined;
    this.#renewLink();
  }

  /** The WebSocket is gone; media may well flow on. */
  pause() {
    this.#joined = null;
    clearTimeout(this.#timer);
  }

  close() {
    this.pause();
    this.#unwatch();
    this.#link?.close();
    this.#link = null;
    this.#stopScreen();
  }

  /** The server says which encodings of our track anybody is to see. @param {string} trackId @param {WantedEncoding[]} encodings */
  want(trackId, encodings) {
    this.#publishing = this.#publishing
      .then(() => this.#link?.want(trackId, encodings))
      .catch(this.#options.onRefused);
  }

  /** The server says that media can flow. */
  connected() {
    this.#stateIs('flowing');
  }

  /**
   * Which of our inputs a track is.
   *
   * @param {string} trackId
   */
  ownInput(trackId) {
    return INPUTS.find((input) => this.#link?.trackId(input) === trackId) ?? null;
  }

  /** Somebody else has muted us. @param {Source} source */
  noteMuted(source) {
    this.#toldMuted.set(source, true);
  }

  /** Offers as many slots as there are tracks to see and hear, if there are too few. */
  growSlots() {
    if (!this.#joined?.permissions.subscribe) return;
    const { roster } = this.#options;
    if (this.#link?.growSlots(roster.count('audio'), roster.count('video'))) void this.#negotiate();
  }

  /** Shares a screen that the visitor chooses. @returns {Promise<void>} Rejects with DeviceError. */
  async shareScreen() {
    if (this.#screen !== null) return;
    this.#screen = await openScreen();
    // Browsers have a button of their own for it.
    this.#screen.video.onended = () => void this.stopSharing();
    await this.#publish();
  }

  async stopSharing() {
    if (this.#screen === null) return;
    this.#stopScreen();
    await this.#publish();
  }

  #stopScreen() {
    this.#screen?.video.stop();
    this.#screen?.audio?.stop();
    this.#screen = null;
  }

  /** Begins a media connection, in place of the one there may be. */
  #renewLink() {
    const joined = this.#joined;
    if (joined === null) return;
    this.#link?.close();
    this.#options.roster.forgetSlots();
    this.#toldMuted.clear();
    const link = new MediaLink({
      iceServers: joined.iceServers,
      codec: this.#options.codec,
      maxSlots: joined.limits.slots,
      offer: (sdp, tracks) => this.#offer(sdp, tracks),
      onChange: () => this.#linkChanged(link),
    });
    this.#link = link;
    this.#stateIs('waiting');
    void this.#publish();
  }

  /**
   * @param {string} sdp
   * @param {{mid: string, source: Source, muted: boolean}[]} tracks
   * @returns {Promise<Answer>}
   */
  async #offer(sdp, tracks) {
    const answer = await this.#options.request({ type: 'offer', sdp, tracks });
    for (const { source, muted } of tracks) {
      // Of a track that the server knows already, the offer says nothing new.
      if (!this.#toldMuted.has(source)) this.#toldMuted.set(source, muted);
    }
    return answer;
  }

  /** @param {MediaLink} link */
  #linkChanged(link) {
    if (link !== this.#link) return;
    if (link.state === 'connected') this.#stateIs('flowing');
    else if (link.state === 'disconnected') this.#stateIs('interrupted');
    else if (link.state === 'failed') this.#linkFailed();
    this.#options.onChange();
  }

  /** The path is gone: perhaps another network. First ICE looks for another way, then all begins anew. */
  #linkFailed() {
    this.#failures++;
    if (this.#failures === 1) {
      this.#stateIs('interrupted');
      void this.#negotiate({ restartIce: true });
      return;
    }
    this.#stateIs('blocked');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renewLink(), pauseAfter(this.#failures, Math.random()));
  }

  /** @param {MediaState} state */
  #stateIs(state) {
    if (state === 'flowing') this.#failures = 0;
    // Still blocked while the next attempt is under way, or the page would change its mind every few seconds.
    this.#state = state === 'waiting' && this.#failures > 0 ? 'blocked' : state;
    clearTimeout(this.#timer);
    if (state === 'flowing') return;
    this.#timer = setTimeout(() => {
      this.#failures++;
      this.#renewLink();
      this.#options.onChange();
    }, MEDIA_TIMEOUT);
  }

  /** Brings what we send in line with what there is to send. */
  #publish() {
    this.#publishing = this.#publishing.then(() => this.#publishNow()).catch(this.#options.onRefused);
    return this.#publishing;
  }

  async #publishNow() {
    const link = this.#link;
    if (link === null || this.#joined === null) return;
    const { permissions } = this.#joined;
    let changed = false;
    if (permissions.publish) {
      const { camera, microphone } = this.#options.local;
      changed = await bring(link, 'microphone', microphone.track, !microphone.on);
      changed = (await bring(link, 'camera', camera.track, !camera.on)) || changed;
      changed = (await this.#bringScreen(link)) || changed;
    }
    const { roster } = this.#options;
    if (permissions.subscribe) changed = link.growSlots(roster.count('audio'), roster.count('video')) || changed;
    if (changed) await link.negotiate();
    await this.#tellMuted();
  }

  /** @param {MediaLink} link */
  async #bringScreen(link) {
    const wanted = /** @type {const} */ ([
      ['screen', this.#screen?.video],
      ['screen-audio', this.#screen?.audio],
    ]);
    let changed = false;
    for (const [source, track] of wanted) {
      if (track) changed = (await bring(link, source, track, false)) || changed;
      else changed = (await link.unpublish(source)) || changed;
    }
    return changed;
  }

  /** Tells the server what is muted, where it has another idea. */
  async #tellMuted() {
    for (const input of INPUTS) {
      const track = this.#link?.trackId(input) ?? null;
      const muted = !this.#options.local[input].on;
      if (track === null || this.#toldMuted.get(input) === muted) continue;
      this.#toldMuted.set(input, muted);
      await this.#options.request({ type: 'mute', track, muted });
    }
  }

  /** @param {{restartIce?: boolean}} [how] */
  async #negotiate(how) {
    try {
      await this.#link?.negotiate(how);
    } catch (error) {
      this.#options.onRefused(error);
    }
  }
}

/**
 * @param {MediaLink} link
 * @param {Source} source
 * @param {MediaStreamTrack | null} track
 * @param {boolean} muted
 * @returns {Promise<boolean>} Whether an offer is needed.
 */
async function bring(link, source, track, muted) {
  const before = link.isPublished(source);
  await link.publish(source, track, muted);
  return !before;
}
