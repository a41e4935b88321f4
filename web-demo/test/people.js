/**
 * People in rooms, for scenarios: they join in a browser, and it is judged what they see and hear of each other — by
 * the browser's statistics and by the pictures themselves, never by the absence of errors.
 *
 * @import {ReceivedSample, SentSample} from './probe.js'
 * @import {BrowserName, TestBrowser, TestPage} from './browsers.js'
 * @import {TestServer} from './server.js'
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from '../js/mark.js';
import { screenshotFile } from './artifacts.js';
import { installEyes, sampleReceived, sampleSent } from './probe.js';

/** How long people may take to see and hear each other, in milliseconds, on a machine that is busy with more. */
const PATIENCE = 60_000;

/** How long it is looked at what they see and hear, in milliseconds; a synthetic voice sounds every 2.4 s. */
const WINDOW = 4_000;

/** Of the frames that are sent, so many must be decoded in the same time; what is sent depends on the machine. */
const LEAST_FRAMES = 0.7;

/** The same for packets of sound: no repair is made for them, and none is lost on one machine. */
const LEAST_AUDIO = 0.9;

/** A picture that is older, in milliseconds, is no conversation. */
const OLDEST = 2_000;

/**
 * @typedef {object} Person
 * @property {string} name
 * @property {TestPage} page
 * @property {'synthetic' | 'device'} source
 */

/**
 * @param {TestBrowser} browser
 * @param {TestServer} server
 * @param {string} room
 * @param {string} name
 * @param {'synthetic' | 'device'} [source] What they show and say: `device` is the browser's fake camera.
 * @param {Record<string, string>} [more] What else the link says.
 * @returns {Promise<Person>}
 */
export async function join(browser, server, room, name, source = 'synthetic', more = {}) {
  const page = await browser.newPage();
  const link = new URLSearchParams({ room, name, join: '1', camera: source, microphone: source, ...more });
  await page.goto(`${server.url}/?${link}`);
  await page.evaluate(installEyes);
  return { name, page, source };
}

/**
 * Waits until the check finds nothing wrong.
 *
 * @param {string} what Should come true.
 * @param {() => Promise<string | null>} check What is still wrong, or null.
 * @param {number} [within] Milliseconds.
 */
export async function eventually(what, check, within = PATIENCE) {
  const deadline = Date.now() + within;
  for (;;) {
    const wrong = await check();
    if (wrong === null) return;
    if (Date.now() > deadline) assert.fail(`${what}: not within ${within / 1000} s; at last, ${wrong}`);
    await sleep(200);
  }
}

/**
 * Waits until, for a whole window of time, one sees and hears the other as well as the other sends.
 *
 * @param {Person} viewer
 * @param {Person} publisher
 * @returns {Promise<ReceivedSample>} The last sample.
 */
export async function seesAndHears(viewer, publisher) {
  const what = `${viewer.name} (${viewer.page.browser}) sees and hears ${publisher.name} (${publisher.page.browser})`;
  /** @type {ReceivedSample | null} */
  let last = null;
  try {
    await eventually(what, async () => {
      const [received, sent] = await sampleBoth(viewer, publisher);
      if (typeof received === 'string') return received;
      if (typeof sent === 'string') return sent;
      if (received.picture === null) return `the tile shows no picture; video is ${JSON.stringify(received.video)}`;
      await sleep(WINDOW);
      const [laterReceived, laterSent] = await sampleBoth(viewer, publisher);
      if (typeof laterReceived === 'string') return laterReceived;
      if (typeof laterSent === 'string') return laterSent;
      last = laterReceived;
      return (
        judgeConnection(laterReceived) ??
        judgeVideo(received, laterReceived, sent, laterSent) ??
        judgeAudio(received, laterReceived, sent, laterSent) ??
        judgePicture(laterReceived, publisher, viewer.page.browser)
      );
    });
  } catch (error) {
    await viewer.page.screenshot(screenshotFile(`failed ${what}`)).catch(() => {});
    throw error;
  }
  assert.ok(last);
  return last;
}

/**
 * Everybody sees and hears everybody else.
 *
 * @param {Person[]} people
 */
export async function allSeeAndHear(people) {
  const pairs = people.flatMap((viewer) => people.filter((other) => other !== viewer).map((other) => [viewer, other]));
  await Promise.all(pairs.map(([viewer, other]) => viewer && other && seesAndHears(viewer, other)));
}

/**
 * Nobody of that name is there any more.
 *
 * @param {Person} viewer
 * @param {string} name
 */
export async function noLongerSees(viewer, name) {
  await eventually(`${viewer.name} no longer sees ${name}`, async () => {
    const names = await tileNames(viewer);
    return names.includes(name) ? `the tiles are ${names.join(', ')}` : null;
  });
}

/**
 * The names under the tiles, one's own included.
 *
 * @param {Person} viewer
 */
export function tileNames({ page }) {
  return page.evaluate(() =>
    [...document.querySelectorAll('#people .plate-name')].map((plate) => plate.textContent ?? ''),
  );
}

/**
 * What somebody's tile says: `muted`, `picture`.
 *
 * @param {Person} viewer
 * @param {string} name
 */
export function tileOf({ page }, name) {
  return page.evaluate((wanted) => {
    const tiles = [...document.querySelectorAll('#people .tile')];
    const tile = tiles.find((candidate) => candidate.querySelector('.plate-name')?.textContent === wanted);
    return tile ? { muted: tile.hasAttribute('data-muted'), picture: tile.hasAttribute('data-picture') } : null;
  }, name);
}

/**
 * Both ends of what one sends and another receives, at the same moment. The stalls are those of both pages: where the
 * machine itself stood still, a freeze is nobody's fault.
 *
 * @param {Person} viewer
 * @param {Person} publisher
 * @returns {Promise<[ReceivedSample | string, SentSample | string]>}
 */
export async function sampleBoth(viewer, publisher) {
  const [received, sent, own] = await Promise.all([
    viewer.page.evaluate(sampleReceived, publisher.name),
    publisher.page.evaluate(sampleSent),
    viewer.page.evaluate(sampleSent),
  ]);
  if (typeof sent === 'string' || typeof own === 'string') return [received, sent];
  if (sent.heights.length === 0) return [received, 'nothing is sent yet'];
  return [received, { ...sent, stalls: sent.stalls + own.stalls, stalled: sent.stalled + own.stalled }];
}

/** How many frames were sent in the meantime, by the layer that has most. @param {SentSample} before @param {SentSample} after */
export function framesSent(before, after) {
  return Math.max(0, ...Object.entries(after.frames).map(([layer, frames]) => frames - (before.frames[layer] ?? 0)));
}

/** @param {ReceivedSample} sample */
function judgeConnection({ connection, srtpCipher }) {
  if (connection !== 'connected') return `the connection is ${connection}`;
  // Chromium says SRTP_AEAD_AES_128_GCM, Firefox the same or without its beginning.
  if (!/AES_128_GCM/.test(srtpCipher)) return `media is encrypted with ${srtpCipher || 'nobody knows what'}`;
  return null;
}

/** @param {ReceivedSample} before @param {ReceivedSample} after @param {SentSample} sentBefore @param {SentSample} sentAfter */
export function judgeVideo(before, after, sentBefore, sentAfter) {
  if (!before.video || !after.video) return 'no video arrives';
  const received = (after.video.decoded - before.video.decoded) / (after.at - before.at);
  const sent = framesSent(sentBefore, sentAfter) / (sentAfter.at - sentBefore.at);
  const rates = `${(received * 1000).toFixed(1)} frames a second are decoded, ${(sent * 1000).toFixed(1)} are sent`;
  if (sent <= 0 || received < LEAST_FRAMES * sent) return `${rates}; ${JSON.stringify(after.video)}`;
  const freezes = after.video.freezes - before.video.freezes;
  const stalls = sentAfter.stalls - sentBefore.stalls;
  if (freezes > stalls) return `the picture froze ${freezes} times, the pages themselves ${stalls} times; ${rates}`;
  return null;
}

/** @param {ReceivedSample} before @param {ReceivedSample} after @param {SentSample} sentBefore @param {SentSample} sentAfter */
export function judgeAudio(before, after, sentBefore, sentAfter) {
  if (!before.audio || !after.audio) return 'no audio arrives';
  const received = (after.audio.packets - before.audio.packets) / (after.at - before.at);
  const sent = (sentAfter.audioPackets - sentBefore.audioPackets) / (sentAfter.at - sentBefore.at);
  if (sent <= 0 || received < LEAST_AUDIO * sent) {
    return `${(received * 1000).toFixed(1)} packets of sound a second arrive, ${(sent * 1000).toFixed(1)} are sent`;
  }
  const energy = after.audio.energy - before.audio.energy;
  return energy > 0 ? null : `it is silent: energy has grown by ${energy}`;
}

/** @param {ReceivedSample} sample @param {Person} publisher @param {BrowserName} browser The viewer’s. */
function judgePicture({ picture, video, audio }, { name, source }, browser) {
  if (picture === null) return 'the tile shows no picture';
  const described = JSON.stringify(picture);
  // Fake cameras show a moving figure on a colour; black or one flat colour is no picture.
  if (source === 'device') return picture.contrast > 20 ? null : `the picture is flat: ${described}`;
  if (picture.identity !== identityOf(name)) return `the picture is not that of ${name} (${identityOf(name)}): ${described}`;
  // Without a sound device Firefox’s clock of sound runs slow: it sends 2,400 to 2,800 of the 3,000 packets of a minute,
  // and plays as slowly, so that sound waits in its jitter buffer and the picture with it.
  const waits = browser === 'firefox' ? (audio?.buffered ?? 0) : 0;
  if (picture.age === null || picture.age > OLDEST + waits) {
    return `the picture is too old: ${described}, and the jitter buffers held ${video?.buffered} and ${audio?.buffered} ms`;
  }
  return null;
}
