/**
 * Cameras, microphones and screens: opens them, lists them, and says in one word why one cannot be had.
 */

/**
 * `denied`: the visitor or a policy said no. `missing`: there is none. `busy`: another program holds it.
 * `insecure`: the page is not served over HTTPS or from this machine. `failed`: anything else.
 *
 * @typedef {'denied' | 'missing' | 'busy' | 'insecure' | 'failed'} DeviceProblem
 */

/** @typedef {{id: string, label: string}} Device */

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** A device could not be opened. */
export class DeviceError extends Error {
  /** @param {DeviceProblem} problem @param {unknown} cause */
  constructor(problem, cause) {
    super(`the device could not be opened: ${problem}`, { cause });
    this.name = 'DeviceError';
    this.problem = problem;
  }
}

/**
 * Opens a camera and a microphone with a single question to the visitor, if both are wanted.
 *
 * @param {{camera: string | null, microphone: string | null}} wanted Device ids; '' is the browser's choice,
 *   null is none.
 * @returns {Promise<{camera: MediaStreamTrack | DeviceError | null, microphone: MediaStreamTrack | DeviceError | null}>}
 */
export async function openDevices({ camera, microphone }) {
  if (camera !== null && microphone !== null) {
    try {
      const stream = await open(camera, microphone);
      return { camera: stream.getVideoTracks()[0] ?? null, microphone: stream.getAudioTracks()[0] ?? null };
    } catch (error) {
      const problem = problemOf(error);
      // A no to both is a no to each; any other fault may lie with one of the two only.
      if (problem === 'denied' || problem === 'insecure') {
        const refused = new DeviceError(problem, error);
        return { camera: refused, microphone: refused };
      }
    }
  }
  return {
    camera: camera === null ? null : await openOne(camera, null),
    microphone: microphone === null ? null : await openOne(null, microphone),
  };
}

/**
 * Asks the visitor for a screen, window or tab.
 *
 * @returns {Promise<{video: MediaStreamTrack, audio: MediaStreamTrack | null}>} Rejects with DeviceError.
 */
export async function openScreen() {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: true });
    const video = stream.getVideoTracks()[0];
    if (video === undefined) throw new Error('no picture came');
    video.contentHint = 'detail';
    return { video, audio: stream.getAudioTracks()[0] ?? null };
  } catch (error) {
    throw new DeviceError(problemOf(error), error);
  }
}

/** Phones have no screens to share. */
export function canShareScreen() {
  return typeof navigator.mediaDevices?.getDisplayMedia === 'function';
}

/**
 * What can be chosen. Labels are empty until a device has been allowed.
 *
 * @returns {Promise<{cameras: Device[], microphones: Device[]}>}
 */
export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  /** @param {MediaDeviceKind} kind @param {string} noun */
  const devices = (kind, noun) =>
    all
      .filter((device) => device.kind === kind && device.deviceId !== '')
      .map(({ deviceId, label }, n) => ({ id: deviceId, label: label || `${noun} ${n + 1}` }));
  return { cameras: devices('videoinput', 'Camera'), microphones: devices('audioinput', 'Microphone') };
}

/** @param {string | null} camera @param {string | null} microphone */
async function openOne(camera, microphone) {
  try {
    return (await open(camera, microphone)).getTracks()[0] ?? null;
  } catch (error) {
    return new DeviceError(problemOf(error), error);
  }
}

/** @param {string | null} camera @param {string | null} microphone */
function open(camera, microphone) {
  if (navigator.mediaDevices === undefined) throw new DOMException('no secure context', 'SecurityError');
  // `ideal`: a device that was unplugged since it was chosen is replaced by another.
  return navigator.mediaDevices.getUserMedia({
    video: camera === null ? false : { ...CAMERA, ...(camera && { deviceId: { ideal: camera } }) },
    audio: microphone === null ? false : { ...MICROPHONE, ...(microphone && { deviceId: { ideal: microphone } }) },
  });
}

/**
 * @param {unknown} error
 * @returns {DeviceProblem}
 */
function problemOf(error) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    case 'SecurityError':
      return 'insecure';
    default:
      return 'failed';
  }
}
