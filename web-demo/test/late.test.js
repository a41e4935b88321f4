/** Who comes late and soon after a keyframe sees a picture at once, and the publisher is not asked for another. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BROWSERS, startBrowser } from './browsers.js';
import { eventually } from './people.js';
import { joinAndWait } from './probe.js';
import { startServer } from './server.js';

/** @import {BrowserName, TestBrowser, TestPage} from './browsers.js' */
/** @import {TestServer} from './server.js' */

/** Keyframes this far apart, in milliseconds, are young enough to begin with, and too far apart to be waited for. */
const KEYFRAME_INTERVAL = 700;

/** A group of pictures that is older is not begun with any more, in milliseconds. */
const GROUP_AGES = 1_500;

/**
 * So much longer than somebody for whom the publisher is asked, in milliseconds, may who begins from the cache wait for
 * a picture: half of what the next keyframe would take.
 */
const MARGIN = KEYFRAME_INTERVAL / 2;

/** Metrics are at most this old, in milliseconds. */
const METRICS_AGE = 1_000;

/** A machine that stands still for a moment says nothing of a server. What does harm does so each time. */
const ATTEMPTS = 5;

/** @type {TestServer} */
let server;
/** @type {Map<BrowserName, TestBrowser>} */
const browsers = new Map();

before(async () => {
  server = await startServer();
  for (const name of BROWSERS) browsers.set(name, await startBrowser(name));
});

after(async () => {
  for (const browser of browsers.values()) await browser.close();
  await server?.stop();
});

/** Gives the page a camera that is too small for layers, so that nobody waits for another one. */
async function openSmallCamera() {
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
    const context = canvas.getContext('2d', { alpha: false });
    let turn = 0;
    const ticker = new Worker(new URL('js/ticker.js', document.baseURI));
    ticker.onmessage = () => {
      if (context === null) return;
      context.fillStyle = `hsl(${turn++} 40% 40%)`;
      context.fillRect(0, 0, 320, 180);
    };
    return canvas.captureStream();
  };
  const { switchyard } = /** @type {any} */ (globalThis);
  await switchyard.local.choose({ camera: 'device:' });
}

/** Makes the page send a keyframe of its own accord every so often; 0: no longer. @param {number} milliseconds */
function sendKeyframes(milliseconds) {
  const scope = /** @type {any} */ (globalThis);
  clearInterval(scope.keyframes);
  const send = () => {
    const { sender } = scope.switchyard.session.media.sending.find((/** @type {any} */ { source }) => source === 'camera');
    const parameters = sender.getParameters();
    const encodingOptions = parameters.encodings.map(() => ({ keyFrame: true }));
    void sender.setParameters(parameters, { encodingOptions });
  };
  if (milliseconds > 0) scope.keyframes = setInterval(send, milliseconds);
}

/** How often the page was asked for a keyframe of its camera. */
async function keyframeRequests() {
  const { switchyard } = /** @type {any} */ (globalThis);
  let asked = 0;
  for (const { source, sender } of switchyard.session.media.sending) {
    for (const entry of (await sender.getStats()).values()) {
      if (source === 'camera' && entry.type === 'outbound-rtp') asked += (entry.pliCount ?? 0) + (entry.firCount ?? 0);
    }
  }
  return asked;
}

/** How often viewers themselves have asked for a keyframe. */
async function viewersRequests() {
  await sleep(METRICS_AGE);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const found = [...metrics.matchAll(/^switchyard_keyframe_requests_received_total\{.*\} (\d+)$/gm)];
  assert.ok(found.length > 0, 'the server does not tell who asks for keyframes');
  return found.reduce((sum, [, requests]) => sum + Number(requests), 0);
}

/**
 * Somebody comes, waits for a picture, and leaves.
 *
 * @param {BrowserName} browser @param {TestPage} publisher
 */
async function comeLate(browser, publisher) {
  const page = await (browsers.get(browser) ?? assert.fail()).newPage();
  await page.goto(`${server.url}/?room=late&name=${browser}&camera=none&microphone=none`);
  const viewersAsked = await viewersRequests(); // Meanwhile the page has settled.
  const asked = await publisher.evaluate(keyframeRequests);
  const { connected, picture } = await page.evaluate(joinAndWait);
  const askedFor = (await publisher.evaluate(keyframeRequests)) - asked;
  const viewersAskedFor = (await viewersRequests()) - viewersAsked;
  assert.deepEqual(page.problems, []);
  await page.close();
  return { waited: picture - connected, askedFor, viewersAskedFor };
}

test('who comes soon after a keyframe sees a picture at once, without another', async (context) => {
  const chromium = browsers.get('chromium') ?? assert.fail();
  const publisher = await chromium.newPage();
  await publisher.goto(`${server.url}/?room=late&name=Ada&join=1&camera=none&microphone=none`);
  await eventually('Ada’s page is live', async () => {
    const phase = await publisher.evaluate(() => /** @type {any} */ (globalThis).switchyard?.session.phase);
    return phase === 'live' ? null : `it is ${phase}`;
  });
  await publisher.evaluate(openSmallCamera);
  // Layers that nobody watches are paused: somebody stays.
  const watcher = await chromium.newPage();
  await watcher.goto(`${server.url}/?room=late&name=Grace&camera=none&microphone=none`);
  await watcher.evaluate(joinAndWait);

  for (const browser of BROWSERS) {
    for (let attempt = 1; ; attempt++) {
      await sleep(GROUP_AGES);
      const old = await comeLate(browser, publisher);
      await publisher.evaluate(sendKeyframes, KEYFRAME_INTERVAL);
      await sleep(2 * KEYFRAME_INTERVAL);
      const young = await comeLate(browser, publisher);
      await publisher.evaluate(sendKeyframes, 0);
      const seen =
        `${browser} sees a picture ${young.waited} ms after it is connected, and ${young.askedFor} keyframes are asked for, ` +
        `${young.viewersAskedFor} by itself; long after a keyframe these are ${old.waited} ms and ${old.askedFor}`;
      context.diagnostic(seen);
      // Firefox now and then loses what comes in the moment in which it is connected, and asks itself.
      if (old.askedFor > 0 && young.askedFor <= young.viewersAskedFor && young.waited <= old.waited + MARGIN) break;
      if (attempt === ATTEMPTS) assert.fail(seen);
    }
  }
  assert.deepEqual(publisher.problems, []);
});
