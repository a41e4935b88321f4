/**
 * With which codec and in which layers a camera is sent, and how a screen is.
 *
 * VP8 and H.264 are sent as several encodings (simulcast), VP9 and AV1 as one that has spatial layers in it (SVC): that
 * takes fewer bits and one encoder, and viewers need not wait for a keyframe to get less.
 */

/**
 * The smallest area, in pixels, that is worth a layer below it. libwebrtc sends three layers from 960×540 on and two
 * from 480×270 on; below, it drops the *largest* of the layers it was given. So a smaller camera must not ask for
 * more than it can have, or nobody would see its full size.
 */
const AREA_FOR_THREE_LAYERS = 960 * 540;
const AREA_FOR_TWO_LAYERS = 480 * 270;

/**
 * From small to large. Bits per second for a layer of that share of a 1280×720 picture: what VP8 needs to look
 * decent at 30 frames a second (a guess, near what browsers choose themselves).
 */
const LAYERS = [
  { rid: 'q', maxBitrate: 200_000 },
  { rid: 'h', maxBitrate: 600_000 },
  { rid: 'f', maxBitrate: 1_800_000 },
];

/** @typedef {RTCRtpEncodingParameters & {rid: string}} Layer */

/** Names in links, and of MIME types behind `video/`. */
export const CODECS = /** @type {const} */ (['vp8', 'vp9', 'h264', 'av1']);

/** @typedef {typeof CODECS[number]} Codec */

/**
 * The formats in which this browser can send, those of one MIME type first.
 *
 * @param {string} mimeType In lower case.
 * @returns {RTCRtpCodec[] | null} Null if it cannot send in that one.
 */
export function preferring(mimeType) {
  const codecs = RTCRtpSender.getCapabilities?.(mimeType.startsWith('audio/') ? 'audio' : 'video')?.codecs ?? [];
  const isPreferred = (/** @type {RTCRtpCodec} */ codec) => codec.mimeType.toLowerCase() === mimeType;
  if (!codecs.some(isPreferred)) return null;
  return [...codecs.filter(isPreferred), ...codecs.filter((codec) => !isPreferred(codec))];
}

/**
 * What all layers of an SVC camera take together at most, in bits per second. About a fifth less for the same picture
 * than VP8 needs for its largest layer and the two others (a guess).
 */
const SVC_BITRATE = 2_000_000;

/**
 * @param {MediaStreamTrack | null} track
 * @param {Codec | null} codec Null for the browser's choice, which is one of those that are sent as several encodings.
 * @returns {RTCRtpEncodingParameters[]}
 */
export function cameraEncodings(track, codec) {
  const { width = 1280, height = 720 } = track?.getSettings() ?? {};
  return codec === 'vp9' || codec === 'av1' ? [svcFor(width, height)] : layersFor(width, height);
}

/**
 * Three RIDs always, so that another camera can take the place of the first without a new offer; of a small camera
 * the upper ones are switched off.
 *
 * @param {number} width
 * @param {number} height
 * @returns {Layer[]}
 */
export function layersFor(width, height) {
  const count = layerCount(width, height);
  return LAYERS.map(({ rid, maxBitrate }, index) => ({
    rid,
    maxBitrate,
    active: index < count,
    scaleResolutionDownBy: 2 ** Math.max(0, count - 1 - index),
  }));
}

/**
 * One encoding with spatial layers, each half as high as the one above, and three temporal ones. Only keyframes of an upper
 * layer refer to the one below (`_KEY`), so that what is below need not go to whoever sees the upper one.
 *
 * @param {number} width
 * @param {number} height
 * @returns {RTCRtpEncodingParameters & {scalabilityMode: string}}
 */
export function svcFor(width, height) {
  const count = layerCount(width, height);
  return { maxBitrate: SVC_BITRATE, scalabilityMode: count > 1 ? `L${count}T3_KEY` : 'L1T3' };
}

/** @param {number} width @param {number} height */
function layerCount(width, height) {
  const area = width * height;
  return area >= AREA_FOR_THREE_LAYERS ? 3 : area >= AREA_FOR_TWO_LAYERS ? 2 : 1;
}

/** One layer: text must stay sharp, and frames may be few. @returns {RTCRtpEncodingParameters[]} */
export function screenEncodings() {
  return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
}
