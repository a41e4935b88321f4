/** Viewers whose ways to the server become narrow, and wide again: the picture becomes small, and large again. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { screenshotFile } from './artifacts.js';
import { BROWSERS, startBrowser } from './browsers.js';
import { openDetailedCamera } from './detailed-camera.js';
import { narrowPath } from './narrow-path.js';
import { eventually, judgeVideo, sampleBoth } from './people.js';
import { installEyes } from './probe.js';
import { startServer } from './server.js';

/** @import {TestContext} from 'node:test' */
/** @import {BrowserName, TestBrowser, TestPage} from './browsers.js' */
/** @import {NarrowPath} from './narrow-path.js' */
/** @import {Person} from './people.js' */
/** @import {ReceivedSample, SentSample} from './probe.js' */
/** @import {TestServer} from './server.js' */

/** @typedef {Person & {way: NarrowPath}} Viewer */
/** @typedef {{received: ReceivedSample, sent: SentSample}} Sample */

/** Carries sound and the lowest of three layers of at most 200, 600 and 1,800 kbit/s; or the lower ones of SVC. */
const NARROW = 400_000;

/** Heights in pixels. A publisher whose machine is busy makes the largest layer a little smaller. */
const isLarge = (/** @type {number} */ height) => height > 400;
const isSmall = (/** @type {number} */ height) => height > 0 && height < 400;

/** Carries sound, and no picture. */
const FAR_TOO_NARROW = 80_000;

/** How long it is looked at a picture that should not change, in milliseconds. */
const WINDOW = 4_000;

/** A picture becomes larger six times a minute at most, so that several attempts have to wait. In milliseconds. */
const LONGEST_WAIT = 90_000;

/** Frames and freezes are counted as they are shown, a little after the first of them was decoded. In milliseconds. */
const SETTLING = 500;

/**
 * How long the picture may stand still when the way becomes narrow, in seconds, beside the time for which a page itself
 * does: a queue of 0.3 s fills before anybody can know; a report comes, the publisher is told to send the small layer
 * again, and its keyframe goes through the narrow place. On an idle machine it is half a second.
 */
const LONGEST_STEP_DOWN = 2;

/** A machine that stands still for a moment says nothing of a server. What does harm does so each time. */
const ATTEMPTS = 4;

/** @type {TestServer} */
let server;
/** @type {TestBrowser} */
let publishing;
/** @type {Map<BrowserName, TestBrowser>} */
const watching = new Map();
/** @type {NarrowPath[]} */
const ways = [];
/** @type {TestPage[]} */
let pages = [];

before(async () => {
  server = await startServer();
  publishing = await startBrowser('chromium');
  for (const name of BROWSERS) watching.set(name, await startBrowser(name));
});

afterEach(async () => {
  for (const page of pages) await page.close();
  pages = [];
});

after(async () => {
  for (const browser of watching.values()) await browser.close();
  await publishing?.close();
  for (const way of ways) await way.close();
  await server?.stop();
});

/**
 * @param {string} url @param {TestBrowser | undefined} browser
 * @param {{room: string, name: string, codec?: string, microphone: 'synthetic' | 'none'}} who
 * @returns {Promise<Person>}
 */
async function arrive(url, browser, who) {
  const page = await (browser ?? assert.fail()).newPage();
  pages.push(page);
  const link = new URLSearchParams({ join: '1', camera: 'none', ...who });
  await page.goto(`${url}/?${link}`);
  await page.evaluate(installEyes);
  return { name: who.name, page, source: 'device' };
}

/**
 * Somebody who speaks and sends a detailed picture. Layers that nobody watches are paused, so that they soon send none
 * if nobody comes.
 *
 * @param {string} codec Also the name of the room.
 */
async function arrivePublishing(codec) {
  const ada = await arrive(server.url, publishing, { room: codec, name: 'Ada', codec, microphone: 'synthetic' });
  await eventually('Ada’s page is live', () =>
    ada.page.evaluate(() => {
      const phase = /** @type {any} */ (globalThis).switchyard?.session.phase;
      return phase === 'live' ? null : `it is ${phase}`;
    }),
  );
  await ada.page.evaluate(openDetailedCamera);
  return ada;
}

/** @param {string} room @param {BrowserName} browser @returns {Promise<Viewer>} */
async function arriveNarrow(room, browser) {
  const way = await narrowPath(server);
  ways.push(way);
  const person = await arrive(way.url, watching.get(browser), { room, name: `${browser} viewer`, microphone: 'none' });
  return { ...person, way };
}

/** With which codecs and in which modes the camera is sent. */
async function sentAs() {
  const { switchyard } = /** @type {any} */ (globalThis);
  const report = await switchyard.session.media.stats();
  const found = new Set();
  for (const entry of report.values()) {
    if (entry.type !== 'outbound-rtp' || entry.kind !== 'video' || !entry.codecId) continue;
    found.add(`${report.get(entry.codecId)?.mimeType} ${entry.scalabilityMode}`);
  }
  return [...found].join(', ');
}

/** What a tile says that shows no picture because the way is too narrow, as a reader gets it. @param {Person} viewer */
const pauseSaid = ({ page }) =>
  page.evaluate(() => {
    const notices = [...document.querySelectorAll('.tile-paused')];
    const shown = notices.find((notice) => notice instanceof HTMLElement && notice.offsetParent !== null);
    return shown?.textContent ?? null;
  });

/**
 * Waits until pictures of such a height arrive.
 *
 * @param {Person} viewer @param {Person} publisher @param {string} what @param {(height: number) => boolean} isWanted
 * @returns {Promise<Sample>}
 */
async function until(viewer, publisher, what, isWanted) {
  /** @type {Sample | null} */
  let found = null;
  await eventually(`${viewer.name}: ${what}`, async () => {
    const [received, sent] = await sampleBoth(viewer, publisher);
    if (typeof received === 'string') return received;
    if (typeof sent === 'string') return sent;
    if (!received.video || !isWanted(received.video.height)) {
      return `video is ${JSON.stringify(received.video)}, sent are ${sent.heights.join(', ')}`;
    }
    found = { received, sent };
    return null;
  }, LONGEST_WAIT);
  return found ?? assert.fail();
}

/** @param {Viewer} viewer @param {Person} publisher @param {(line: string) => void} tell */
async function downAndUp(viewer, publisher, tell) {
  const wide = await until(viewer, publisher, 'a large picture', isLarge);
  viewer.way.bitsPerSecond = NARROW;
  const small = await until(viewer, publisher, `a small picture at ${NARROW / 1000} kbit/s`, isSmall);
  await sleep(SETTLING);
  const down = await until(viewer, publisher, 'a small picture', isSmall);
  await sleep(WINDOW);
  const narrow = await until(viewer, publisher, 'a picture that is still small', isSmall);
  viewer.way.bitsPerSecond = Infinity;
  const up = await until(viewer, publisher, 'a large picture when the way is wide again', isLarge);
  await sleep(WINDOW);
  const later = await until(viewer, publisher, 'a picture that is still large', isLarge);

  const seconds = (/** @type {Sample} */ from, /** @type {Sample} */ to) => (to.received.at - from.received.at) / 1_000;
  const frozen = (down.received.video?.frozen ?? 0) - (wide.received.video?.frozen ?? 0);
  const stalled = down.sent.stalled - wide.sent.stalled;
  tell(
    `${viewer.name}: down in ${seconds(wide, small).toFixed(1)} s, of which it stood still for ${frozen.toFixed(1)} ` +
      `(the pages themselves for ${stalled.toFixed(1)}); up in ${seconds(narrow, up).toFixed(1)} s; ` +
      `heights ${[wide, narrow, later].map(({ received }) => received.video?.height).join(', ')}`,
  );
  if (frozen > LONGEST_STEP_DOWN + stalled) return `on the way down the picture stood still for ${frozen.toFixed(1)} s`;
  const stretches = /** @type {const} */ ([
    ['while it is narrow', down, narrow],
    ['on the way up and after it', narrow, later],
  ]);
  for (const [when, first, last] of stretches) {
    const wrong = judgeVideo(first.received, last.received, first.sent, last.sent);
    if (wrong !== null) return `${when}, ${wrong}`;
  }
  return null;
}

/** @param {Viewer} viewer @param {Person} publisher @param {TestContext} context */
async function stepsDownAndUp(viewer, publisher, context) {
  for (let attempt = 1; ; attempt++) {
    const wrong = await downAndUp(viewer, publisher, (line) => context.diagnostic(line));
    if (wrong === null) return;
    context.diagnostic(`${viewer.name}, attempt ${attempt}: ${wrong}`);
    if (attempt === ATTEMPTS) {
      await viewer.page.screenshot(screenshotFile(`failed-narrow-${viewer.page.browser}`));
      assert.fail(`${viewer.name}: ${wrong}`);
    }
  }
}

/** @param {Viewer} viewer @param {Person} publisher @param {TestContext} context */
async function isToldOfPause(viewer, publisher, context) {
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
  viewer.way.bitsPerSecond = FAR_TOO_NARROW;
  await eventually(`${viewer.name} is told that ${publisher.name}’s picture is paused`, async () => {
    const said = await pauseSaid(viewer);
    return said === null ? 'her tile says nothing' : null;
  });
  const told = seconds();
  await viewer.page.screenshot(screenshotFile(`room-paused-${viewer.page.browser}`));
  const paused = await until(viewer, publisher, 'a picture before the pause', (height) => height > 0);
  viewer.way.bitsPerSecond = Infinity;
  await eventually('it is no longer', async () => {
    const said = await pauseSaid(viewer);
    return said === null ? null : `her tile says “${said}”`;
  });
  const decoded = (/** @type {Sample} */ { received }) => received.video?.decoded ?? 0;
  await eventually(`${viewer.name} sees ${publisher.name} again`, async () => {
    const again = await until(viewer, publisher, 'a picture after the pause', (height) => height > 0);
    return decoded(again) > decoded(paused) ? null : 'no frame has been decoded since';
  });
  context.diagnostic(`${viewer.name}: told of the pause after ${told} s, a picture again after ${seconds()}`);
}

test('viewers of three encodings whose way becomes narrow get a small one, and the large one again', async (context) => {
  const ada = await arrivePublishing('vp8');
  const viewers = await Promise.all(BROWSERS.map((name) => arriveNarrow('vp8', name)));
  await Promise.all(viewers.map((viewer) => stepsDownAndUp(viewer, ada, context)));
  await Promise.all(viewers.map((viewer) => isToldOfPause(viewer, ada, context)));
  assert.deepEqual([ada, ...viewers].flatMap(({ page }) => page.problems), []);
});

test('viewers of VP9 with layers in it get the lower ones when their way is narrow, and all again', async (context) => {
  const ada = await arrivePublishing('vp9');
  const viewers = await Promise.all(BROWSERS.map((name) => arriveNarrow('vp9', name)));
  await Promise.all(viewers.map((viewer) => stepsDownAndUp(viewer, ada, context)));
  assert.equal(await ada.page.evaluate(sentAs), 'video/VP9 L3T3_KEY');
  assert.deepEqual([ada, ...viewers].flatMap(({ page }) => page.problems), []);
});
