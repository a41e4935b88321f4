/** Generated pictures and sound, for who has no camera or microphone or will not use it. */

import { audioContext } from './audio-context.js';
import { MARK_HEIGHT, drawMark, identityOf } from './mark.js';

const WIDTH = 640;
const HEIGHT = 360;

/** A soft double chime every so many seconds: heard, and soon forgotten. */
const CHIME_INTERVAL = 2.4;
const CHIME_GAIN = 0.06;

/** Whole semitones that sound well together, so that a room of synthetic people is no torture. */
const PENTATONIC = [0, 3, 5, 7, 10, 12];

/** @typedef {{track: MediaStreamTrack, stop: () => void}} SyntheticSource */

/**
 * An animated picture with the name, a clock and a mark that machines can read.
 *
 * @param {string} name
 * @returns {SyntheticSource}
 */
export function syntheticCamera(name) {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d', { alpha: false });
  const track = canvas.captureStream().getVideoTracks()[0];
  if (context === null || track === undefined) throw new Error('this browser cannot generate a picture');
  track.contentHint = 'motion';

  const identity = identityOf(name);
  const backdrop = drawBackdrop(name, hueOf(identity));
  const draw = () => drawFrame(context, backdrop, identity, Date.now());
  draw();
  const ticker = new Worker(new URL('./ticker.js', import.meta.url));
  ticker.onmessage = draw;
  return {
    track,
    stop() {
      ticker.terminate();
      track.stop();
    },
  };
}

/**
 * A chime whose pitch belongs to the name.
 *
 * @param {string} name
 * @returns {SyntheticSource}
 */
export function syntheticMicrophone(name) {
  const context = audioContext();
  const output = context.createMediaStreamDestination();
  const track = output.stream.getAudioTracks()[0];
  if (track === undefined) throw new Error('this browser cannot generate sound');
  const semitone = PENTATONIC[identityOf(name) % PENTATONIC.length] ?? 0;
  const pitch = 330 * 2 ** (semitone / 12);
  let next = context.currentTime + 0.1;
  // Notes are scheduled a little ahead: a timer alone would stutter when the page is busy.
  const schedule = () => {
    next = Math.max(next, context.currentTime);
    while (next < context.currentTime + 2 * CHIME_INTERVAL) {
      chime(context, output, pitch, next);
      chime(context, output, pitch * 1.5, next + 0.22);
      next += CHIME_INTERVAL;
    }
  };
  schedule();
  const timer = setInterval(schedule, (CHIME_INTERVAL * 1000) / 2);
  return {
    track,
    stop() {
      clearInterval(timer);
      track.stop();
    },
  };
}

/**
 * The colour that belongs to a name, here and in its tile.
 *
 * @param {number} identity
 * @returns {number} Degrees on the colour wheel.
 */
export function hueOf(identity) {
  return Math.round((identity * 137.508) % 360);
}

/** @param {AudioContext} context @param {AudioNode} output @param {number} pitch @param {number} at */
function chime(context, output, pitch, at) {
  const gain = context.createGain();
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(CHIME_GAIN, at + 0.03);
  gain.gain.exponentialRampToValueAtTime(0.0005, at + 1.1);
  const tone = context.createOscillator();
  tone.frequency.value = pitch;
  tone.connect(gain).connect(output);
  tone.start(at);
  tone.stop(at + 1.2);
  tone.onended = () => gain.disconnect();
}

/**
 * What does not move is drawn once.
 *
 * @param {string} name
 * @param {number} hue
 */
function drawBackdrop(name, hue) {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d', { alpha: false });
  if (context === null) throw new Error('this browser cannot generate a picture');
  const sky = context.createLinearGradient(0, HEIGHT * MARK_HEIGHT, 0, HEIGHT);
  sky.addColorStop(0, `hsl(${hue} 38% 34%)`);
  sky.addColorStop(1, `hsl(${hue} 42% 22%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.strokeStyle = `hsl(${hue} 40% 42%)`;
  context.lineWidth = 3;
  for (const y of TRACKS) {
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(WIDTH, y);
    context.stroke();
  }
  context.fillStyle = '#fff';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let size = 56; size >= 28; size -= 4) {
    context.font = `600 ${size}px system-ui, sans-serif`;
    if (context.measureText(name).width <= UNCROPPED_WIDTH) break;
  }
  context.fillText(name, WIDTH / 2, 126, UNCROPPED_WIDTH);
  return canvas;
}

/** Tiles crop a picture at its sides; this much is always seen. */
const UNCROPPED_WIDTH = HEIGHT;

/** Heights of the lines on which something runs. */
const TRACKS = [236, 266, 296];

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLCanvasElement} backdrop
 * @param {number} identity
 * @param {number} now
 */
function drawFrame(context, backdrop, identity, now) {
  context.drawImage(backdrop, 0, 0);
  context.fillStyle = 'rgb(255 255 255 / 75%)';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.font = '500 30px ui-monospace, monospace';
  context.fillText(new Date(now).toTimeString().slice(0, 8), WIDTH / 2, 188);
  TRACKS.forEach((y, n) => {
    const length = 90 + 30 * n;
    const run = WIDTH + length;
    const x = ((now / (9 - 2 * n) + n * 230) % run) - length;
    context.fillStyle = `hsl(${(hueOf(identity) + 40 * n) % 360} 70% 70%)`;
    context.fillRect(x, y - 9, length, 18);
  });
  drawMark(context, WIDTH, HEIGHT, hueOf(identity), identity, now);
}
