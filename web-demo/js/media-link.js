/**
 * The media connection: one RTCPeerConnection with what we publish and a pool of slots (recvonly transceivers) to
 * receive in. It makes the offers, one at a time, and knows nothing of rooms, names or the page.
 *
 * @import {Codec} from './encodings.js'
 * @import {Answer, Source, WantedEncoding} from './protocol.js'
 */

import { cameraEncodings, preferring, screenEncodings } from './encodings.js';

/** Slot pairs in the first offer: enough for most rooms, and cheap when empty. */
const FIRST_SLOT_PAIRS = 4;

/** More pictures than this no laptop decodes, and no eye follows; who has no slot is shown by their initials. A guess. */
const MOST_SLOT_PAIRS = 24;

/** Slots are added a few at a time, so that a room that fills up does not need an offer for each person. */
const SLOT_PAIRS_STEP = 2;

/**
 * @typedef {object} Published
 * @property {RTCRtpTransceiver} transceiver
 * @property {boolean} muted
 * @property {string | null} trackId
 * @property {WantedEncoding[]} wanted What the server has said of the track; empty: all is wanted.
 */

/**
 * @typedef {object} MediaLinkOptions
 * @property {RTCIceServer[]} iceServers
 * @property {Codec | null} codec Of the camera, where the browser has it; null for the browser's choice.
 * @property {number} maxSlots As the server's limits say.
 * @property {(sdp: string, tracks: {mid: string, source: Source, muted: boolean}[]) => Promise<Answer>} offer
 * @property {() => void} onChange The connection's state has changed, or a slot has appeared.
 */

export class MediaLink {
  /** @type {RTCPeerConnection} */
  #connection;
  /** @type {MediaLinkOptions} */
  #options;
  /** Of the camera; null for the browser's choice. @type {Codec | null} */
  #codec;
  /** @type {Map<Source, Published>} */
  #published = new Map();
  /** @type {{audio: RTCRtpTransceiver[], video: RTCRtpTransceiver[]}} */
  #slots = { audio: [], video: [] };
  /** @type {Promise<void>} */
  #negotiation = Promise.resolve();
  #offerWanted = false;
  #closed = false;

  /** @param {MediaLinkOptions} options */
  constructor(options) {
    this.#options = options;
    this.#codec = preferring(`video/${options.codec}`) === null ? null : options.codec;
    this.#connection = new RTCPeerConnection({ iceServers: options.iceServers, bundlePolicy: 'max-bundle' });
    this.#connection.onconnectionstatechange = () => {
      if (!this.#closed) options.onChange();
    };
  }

  /** The browser's own word for how the connection does. */
  get state() {
    return this.#closed ? 'closed' : this.#connection.connectionState;
  }

  /**
   * Publishes, replaces or takes back one source. `null` as track keeps the m-line and sends nothing.
   *
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   * @param {boolean} muted
   */
  async publish(source, track, muted) {
    const known = this.#published.get(source);
    if (known === undefined || known.transceiver.direction === 'stopped') {
      const transceiver = this.#addSender(source, track);
      this.#published.set(source, { transceiver, muted, trackId: null, wanted: [] });
      return;
    }
    known.muted = muted;
    const { transceiver } = known;
    if (transceiver.sender.track === track && transceiver.direction === 'sendonly') return;
    await transceiver.sender.replaceTrack(track);
    if (track !== null && source === 'camera') await setEncodings(transceiver.sender, this.#cameraEncodings(track), known.wanted);
    if (transceiver.direction !== 'sendonly') {
      transceiver.direction = 'sendonly';
      known.trackId = null;
    }
  }

  /**
   * Sends of a track what anybody is to see, and no more.
   *
   * @param {string} trackId
   * @param {WantedEncoding[]} wanted
   */
  async want(trackId, wanted) {
    for (const [source, published] of this.#published) {
      if (published.trackId !== trackId) continue;
      published.wanted = wanted;
      const { sender } = published.transceiver;
      const encodings = source === 'camera' ? this.#cameraEncodings(sender.track) : screenEncodings();
      await setEncodings(sender, encodings, wanted);
    }
  }

  /**
   * Stops publishing a source; takes effect with the next offer.
   *
   * @param {Source} source
   * @returns {Promise<boolean>} Whether it was published.
   */
  async unpublish(source) {
    const known = this.#published.get(source);
    if (known === undefined || known.transceiver.direction !== 'sendonly') return false;
    known.transceiver.direction = 'inactive';
    known.trackId = null;
    await known.transceiver.sender.replaceTrack(null);
    return true;
  }

  /**
   * The id by which the server knows one of our tracks, once it has answered.
   *
   * @param {Source} source
   */
  trackId(source) {
    return this.#published.get(source)?.trackId ?? null;
  }

  /** @param {Source} source */
  isPublished(source) {
    return this.#published.get(source)?.transceiver.direction === 'sendonly';
  }

  /** Our sending m-lines: what they are, for statistics. */
  get sending() {
    return [...this.#published].map(([source, { transceiver }]) => ({ source, sender: transceiver.sender }));
  }

  /** Every slot that has been negotiated, by mid. */
  get slots() {
    /** @type {Map<string, RTCRtpReceiver>} */
    const slots = new Map();
    for (const transceiver of [...this.#slots.audio, ...this.#slots.video]) {
      if (transceiver.mid !== null) slots.set(transceiver.mid, transceiver.receiver);
    }
    return slots;
  }

  /**
   * Makes the pool large enough for this many tracks of each kind. The n-th audio and the n-th video slot are a
   * pair, so both kinds grow together.
   *
   * @param {number} audio
   * @param {number} video
   * @returns {boolean} Whether an offer is needed.
   */
  growSlots(audio, video) {
    const have = this.#slots.video.length;
    const most = Math.min(MOST_SLOT_PAIRS, Math.floor(this.#options.maxSlots / 2));
    const needed = Math.max(audio, video, FIRST_SLOT_PAIRS);
    const wanted = have === 0 ? needed : have + Math.ceil((needed - have) / SLOT_PAIRS_STEP) * SLOT_PAIRS_STEP;
    const pairs = Math.min(wanted, most);
    for (let n = have; n < pairs; n++) {
      this.#slots.audio.push(this.#connection.addTransceiver('audio', { direction: 'recvonly' }));
      this.#slots.video.push(this.#connection.addTransceiver('video', { direction: 'recvonly' }));
    }
    return pairs > have;
  }

  /**
   * Offers what has changed. Calls while an offer is under way are answered by one more offer after it.
   *
   * @param {{restartIce?: boolean}} [how]
   * @returns {Promise<void>} Rejects if the server refuses the offer; the connection is then as before.
   */
  negotiate({ restartIce = false } = {}) {
    if (restartIce) this.#connection.restartIce();
    if (!this.#offerWanted) {
      this.#offerWanted = true;
      this.#negotiation = this.#negotiation
        .catch(() => {}) // The one who asked for that offer has been told.
        .then(() => {
          this.#offerWanted = false;
          return this.#exchange();
        });
    }
    return this.#negotiation;
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async stats() {
    return this.#closed ? null : this.#connection.getStats();
  }

  close() {
    this.#closed = true;
    this.#connection.close();
  }

  async #exchange() {
    if (this.#closed) return;
    await this.#connection.setLocalDescription();
    const sdp = this.#connection.localDescription?.sdp ?? '';
    try {
      const answer = await this.#options.offer(sdp, this.#describeTracks());
      if (this.#closed) return;
      await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
      this.#noteTrackIds(answer);
    } catch (error) {
      if (!this.#closed && this.#connection.signalingState === 'have-local-offer') {
        await this.#connection.setLocalDescription({ type: 'rollback' });
      }
      throw error;
    }
    this.#options.onChange();
  }

  #describeTracks() {
    const tracks = [];
    for (const [source, { transceiver, muted }] of this.#published) {
      const { mid, direction } = transceiver;
      if (mid !== null && direction === 'sendonly') tracks.push({ mid, source, muted });
    }
    return tracks;
  }

  /** @param {Answer} answer */
  #noteTrackIds(answer) {
    const ids = new Map(answer.tracks.map(({ mid, track }) => [mid, track]));
    for (const published of this.#published.values()) {
      published.trackId = ids.get(published.transceiver.mid ?? '') ?? null;
    }
  }

  /** @param {Source} source @param {MediaStreamTrack | null} track */
  #addSender(source, track) {
    const kind = source === 'camera' || source === 'screen' ? 'video' : 'audio';
    /** @type {RTCRtpTransceiverInit} */
    const init = { direction: 'sendonly' };
    if (source === 'camera') init.sendEncodings = this.#cameraEncodings(track);
    if (source === 'screen') init.sendEncodings = screenEncodings();
    const transceiver = this.#connection.addTransceiver(track ?? kind, init);
    // Redundancy sends each frame of speech once more with the next one (RFC 2198): what is lost on the way to the server is
    // whole again for everybody. The server decides by itself who gets it twice.
    const codec = source === 'microphone' ? 'audio/red' : source === 'camera' ? `video/${this.#codec}` : null;
    const codecs = codec === null ? null : preferring(codec);
    if (codecs !== null) transceiver.setCodecPreferences(codecs);
    return transceiver;
  }

  /** @param {MediaStreamTrack | null} track */
  #cameraEncodings(track) {
    return cameraEncodings(track, this.#codec);
  }
}

/**
 * Adapts the layers of a sender: to a camera of another size, and to what anybody is to see.
 *
 * @param {RTCRtpSender} sender
 * @param {RTCRtpEncodingParameters[]} encodings
 * @param {WantedEncoding[]} wanted
 */
async function setEncodings(sender, encodings, wanted) {
  const parameters = sender.getParameters();
  for (const encoding of parameters.encodings ?? []) {
    const { rid } = encoding;
    const known = encodings.find((candidate) => candidate.rid === rid);
    const isWanted = wanted.find((candidate) => candidate.rid === rid)?.wanted ?? true;
    Object.assign(encoding, known, { active: (known?.active ?? true) && isWanted });
  }
  // Before the first answer there are no encodings to change; they were right when the sender was made.
  if (parameters.encodings?.length) await sender.setParameters(parameters);
}
