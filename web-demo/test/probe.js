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
 * @property {number} frozen All freezes together, in seconds.
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
 * @property {Record<string, number>} frames That were encoded, by layer: those that nobody watches stand still.
 * @property {number} stalls How often the page or its encoder stood still for longer than receivers forgive.
 * @property {number} stalled How long it stood still in all these stalls, in seconds.
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
      frozen: video.totalFreezesDuration ?? 0,
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
  /** @typedef {{frames: number, moved: number, polled: number, stalls: number, stalled: number}} Watch */
  const scope = /** @type {{switchyard?: {session: Session}, watch?: Watch}} */ (/** @type {unknown} */ (globalThis));
  const { switchyard } = scope;
  if (switchyard === undefined) return 'the page has not joined';
  const read = async () => {
    let audioPackets = 0;
    /** @type {Record<string, number>} */
    const frames = {};
    /** @type {number[]} */
    const heights = [];
    for (const { source, sender } of switchyard.session.media.sending) {
      for (const entry of (await sender.getStats()).values()) {
        if (entry.type !== 'outbound-rtp') continue;
        if (source === 'microphone') audioPackets = entry.packetsSent ?? 0;
        if (source !== 'camera' || !entry.framesEncoded) continue;
        // Chromium counts each spatial layer of a picture.
        const [, layers] = /^L(\d)/.exec(entry.scalabilityMode ?? '') ?? [];
        frames[entry.id] = entry.framesEncoded / Number(layers ?? 1);
        heights.push(entry.frameHeight ?? 0);
      }
    }
    return { frames, audioPackets, heights: heights.sort((a, b) => b - a) };
  };
  if (scope.watch === undefined) {
    // A frame takes 33 ms; receivers call a gap of 150 ms more than usual a freeze.
    const longestGap = 150;
    const began = performance.now();
    const watch = { frames: 0, moved: began, polled: began, stalls: 0, stalled: 0 };
    scope.watch = watch;
    const poll = async () => {
      const frames = Object.values((await read()).frames).reduce((sum, of) => sum + of, 0);
      const now = performance.now();
      const sends = watch.frames > 0;
      // A page that sends nothing can only tell that it got no turn.
      const gap = sends ? (frames > watch.frames ? now - watch.moved : 0) : now - watch.polled;
      if (gap > longestGap) {
        watch.stalls++;
        watch.stalled += gap / 1_000;
      }
      if (frames > watch.frames) watch.moved = now;
      watch.frames = frames;
      watch.polled = now;
      setTimeout(poll, 40);
    };
    await poll();
  }
  const now = await read();
  return { ...now, at: performance.now(), stalls: scope.watch.stalls, stalled: scope.watch.stalled };
}

/**
 * Clicks on “Join the room”, and waits for a picture that is not one's own.
 *
 * @returns {Promise<{joined: number, connected: number, picture: number}>} Milliseconds since the click.
 */
export async function joinAndWait() {
  const began = performance.now();
  const since = () => Math.round(performance.now() - began);
  const found = { joined: 0, connected: 0, picture: 0 };
  document.getElementById('join-button')?.click();
  for (;;) {
    const { switchyard } = /** @type {any} */ (globalThis);
    if (!found.joined && switchyard?.session.phase === 'live') found.joined = since();
    if (!found.connected && switchyard?.session.media.linkState === 'connected') found.connected = since();
    if (document.querySelector('#people .tile:not([data-self])[data-picture]')) {
      found.picture = since();
      return found;
    }
    if (since() > 30_000) throw new Error(`no picture after 30 s: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
