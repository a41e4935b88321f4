/** Which layers a camera is sent in, and how a screen is. */

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

/**
 * Three RIDs always, so that another camera can take the place of the first without a new offer; of a small camera
 * the upper ones are switched off.
 *
 * @param {MediaStreamTrack | null} track
 * @returns {Layer[]}
 */
export function cameraEncodings(track) {
  const { width = 1280, height = 720 } = track?.getSettings() ?? {};
  return layersFor(width, height);
}

/**
 * @param {number} width
 * @param {number} height
 * @returns {Layer[]}
 */
export function layersFor(width, height) {
  const area = width * height;
  const count = area >= AREA_FOR_THREE_LAYERS ? 3 : area >= AREA_FOR_TWO_LAYERS ? 2 : 1;
  return LAYERS.map(({ rid, maxBitrate }, index) => ({
    rid,
    maxBitrate,
    active: index < count,
    scaleResolutionDownBy: 2 ** Math.max(0, count - 1 - index),
  }));
}

/** One layer: text must stay sharp, and frames may be few. @returns {RTCRtpEncodingParameters[]} */
export function screenEncodings() {
  return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
}
