/**
 * What runs inside a page to find out what it really sends, receives and shows. Each function is sent to the browser
 * as text, so it may use nothing from outside itself.
 *
 * @import {Session} from '../js/session.js'
 */

/**
 * @typedef {object} VideoSample
 * @property {number} decoded Frames.
 * @property {number} freezes
 * @property {number} packets
 * @property {number} lost
 * @property {number} width
 * @property {number} height
 * @property {number} buffered Milliseconds in the jitter buffer, the mean since the beginning.
 */

/** @typedef {{energy: number, packets: number, seconds: number, buffered: number}} AudioSample */

/**
 * What a picture shows: the mark of a synthetic one, the age of the frame in milliseconds, and how much its pixels
 * differ in brightness (0 is one flat colour, 255 black beside white).
 *
 * @typedef {object} PictureSample
 * @property {number | null} identity
 * @property {number | null} age
 * @property {number} contrast
 */

/**
 * @typedef {object} ReceivedSample
 * @property {number} at Milliseconds.
 * @property {string} connection The peer connection's state as the browser says it.
 * @property {string} srtpCipher
 * @property {VideoSample | null} video
 * @property {AudioSample | null} audio
 * @property {PictureSample | null} picture Null while the tile shows none.
 */

/**
 * @typedef {object} SentSample
 * @property {number} at Milliseconds.
 * @property {number} frames Of the layer that has most.
 * @property {number} stalls How often the encoder stood still for longer than receivers forgive.
 * @property {number[]} heights Of the layers, the largest first.
 * @property {number} audioPackets
 */

/** @typedef {(video: HTMLVideoElement | null) => Promise<PictureSample | null>} LookAt */

/** Gives a page eyes: `lookAt`, which the other functions here use. */
export function installEyes() {
  /** @type {LookAt} */
  const lookAt = async (video) => {
    if (!video || video.videoWidth === 0) return null;
    const { videoWidth: width, videoHeight: height } = video;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (context === null) return null;
    context.drawImage(video, 0, 0);
    const marks = await import(new URL('js/mark.js', document.baseURI).href);
    const mark = marks.readMark(context, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    let least = 255;
    let most = 0;
    for (let n = 0; n < data.length; n += 4) {
      const brightness = ((data[n] ?? 0) + 2 * (data[n + 1] ?? 0) + (data[n + 2] ?? 0)) / 4;
      least = Math.min(least, brightness);
      most = Math.max(most, brightness);
    }
    return {
      identity: mark?.identity ?? null,
      age: mark === null ? null : marks.ageOf(mark.time, Date.now()),
      contrast: most - least,
    };
  };
  Object.assign(globalThis, { lookAt });
}

/**
 * What the page receives from somebody, and what their tile shows.
 *
 * @param {string} name
 * @returns {Promise<ReceivedSample | string>} A string says why there is nothing to look at yet.
 */
export async function sampleReceived(name) {
  const { switchyard } = /** @type {{switchyard?: {session: Session}}} */ (/** @type {unknown} */ (globalThis));
  if (switchyard === undefined) return 'the page has not joined';
  const { session } = switchyard;
  if (session.phase !== 'live') return `the session is ${session.phase}`;
  const who = session.participants.find((participant) => participant.name === name);
  if (who === undefined) {
    return `${name} is not there, only ${session.participants.map((participant) => participant.name).join(', ') || 'nobody'}`;
  }
  const tracks = [...who.tracks.values()];
  const slot = (/** @type {string} */ source) => {
    const track = tracks.find((candidate) => candidate.source === source);
    return track === undefined ? null : session.slotOf(track.id);
  };
  const camera = slot('camera');
  const microphone = slot('microphone');
  if (camera === null || microphone === null) {
    return `${name} publishes ${tracks.map(({ source }) => source).join(', ') || 'nothing'}, of which not all have slots`;
  }
  const report = await session.media.stats();
  if (report === null) return 'there is no media connection';
  const bufferedMs = (/** @type {any} */ { jitterBufferDelay, jitterBufferEmittedCount }) =>
    Math.round((1_000 * (jitterBufferDelay ?? 0)) / Math.max(1, jitterBufferEmittedCount ?? 0));
  /** @type {Map<string, any>} */
  const inbound = new Map();
  let srtpCipher = '';
  for (const entry of report.values()) {
    if (entry.type === 'inbound-rtp') inbound.set(entry.mid, entry);
    if (entry.type === 'transport' && entry.srtpCipher) srtpCipher = entry.srtpCipher;
  }
  const tiles = [...document.querySelectorAll('#people .tile')];
  const tile = tiles.find((candidate) => candidate.querySelector('.plate-name')?.textContent === name);
  const { lookAt } = /** @type {{lookAt: LookAt}} */ (/** @type {unknown} */ (globalThis));
  const video = inbound.get(camera.mid);
  const audio = inbound.get(microphone.mid);
  return {
    at: performance.now(),
    connection: session.media.linkState,
    srtpCipher,
    video: video && {
      decoded: video.framesDecoded ?? 0,
      freezes: video.freezeCount ?? 0,
      packets: video.packetsReceived ?? 0,
      lost: video.packetsLost ?? 0,
      width: video.frameWidth ?? 0,
      height: video.frameHeight ?? 0,
      buffered: bufferedMs(video),
    },
    audio: audio && {
      energy: audio.totalAudioEnergy ?? 0,
      packets: audio.packetsReceived ?? 0,
      seconds: audio.totalSamplesDuration ?? 0,
      buffered: bufferedMs(audio),
    },
    picture: tile?.hasAttribute('data-picture') ? await lookAt(tile.querySelector('video')) : null,
  };
}

/**
 * What the page sends. Polls from the first call on, because only the sender can tell its own stalls from a freeze that
 * the server made.
 *
 * @returns {Promise<SentSample | string>}
 */
export async function sampleSent() {
  const scope = /** @type {{switchyard?: {session: Session}, sent?: {frames: number, stalls: number, moved: number}}} */ (
    /** @type {unknown} */ (globalThis)
  );
  const { switchyard } = scope;
  if (switchyard === undefined) return 'the page has not joined';
  const read = async () => {
    let frames = 0;
    let audioPackets = 0;
    /** @type {number[]} */
    const heights = [];
    for (const { source, sender } of switchyard.session.media.sending) {
      for (const entry of (await sender.getStats()).values()) {
        if (entry.type !== 'outbound-rtp') continue;
        if (source === 'microphone') audioPackets = entry.packetsSent ?? 0;
        if (source !== 'camera' || !entry.framesEncoded) continue;
        frames = Math.max(frames, entry.framesEncoded);
        heights.push(entry.frameHeight ?? 0);
      }
    }
    return { frames, audioPackets, heights: heights.sort((a, b) => b - a) };
  };
  if (scope.sent === undefined) {
    // A frame takes 33 ms; receivers call a gap of 150 ms more than usual a freeze.
    const longestGap = 150;
    const sent = { frames: 0, stalls: 0, moved: performance.now() };
    scope.sent = sent;
    const poll = async () => {
      const { frames } = await read();
      const now = performance.now();
      if (frames > sent.frames) {
        if (sent.frames > 0 && now - sent.moved > longestGap) sent.stalls++;
        sent.moved = now;
      }
      sent.frames = frames;
      setTimeout(poll, 40);
    };
    await poll();
  }
  const now = await read();
  return now.frames === 0 ? 'nothing is sent yet' : { ...now, at: performance.now(), stalls: scope.sent.stalls };
}
