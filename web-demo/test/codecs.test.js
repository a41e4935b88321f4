/** A camera that is sent in the codec that its link asks for, with the layers that suit it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BROWSERS, startBrowser } from './browsers.js';
import { join, seesAndHears } from './people.js';
import { startServer } from './server.js';

/** @import {BrowserName, TestBrowser} from './browsers.js' */
/** @import {TestServer} from './server.js' */

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

/** The codecs and modes of all pictures that the page sends or receives. @param {'outbound-rtp' | 'inbound-rtp'} direction */
async function codecs(direction) {
  const { switchyard } = /** @type {any} */ (globalThis);
  const report = await switchyard.session.media.stats();
  const found = new Set();
  for (const entry of report.values()) {
    const bytes = entry.bytesSent ?? entry.bytesReceived ?? 0;
    if (entry.type !== direction || entry.kind !== 'video' || bytes === 0) continue;
    const codec = report.get(entry.codecId)?.mimeType;
    found.add(direction === 'outbound-rtp' ? `${codec} ${entry.scalabilityMode}` : codec);
  }
  return [...found].join(', ');
}

/**
 * Who can decode it: Firefox has H.264 from elsewhere, and not on every machine.
 *
 * @type {[string, string, readonly BrowserName[]][]}
 */
const TABLE = [
  ['vp9', 'video/VP9 L2T3_KEY', BROWSERS],
  ['av1', 'video/AV1 L2T3_KEY', BROWSERS],
  ['h264', 'video/H264 L1T1', ['chromium']],
];

for (const [codec, sent, viewers] of TABLE) {
  test(`a camera that Chromium sends in ${codec} is seen by ${viewers.join(' and ')}`, async (context) => {
    const chromium = browsers.get('chromium') ?? assert.fail();
    const ada = await join(chromium, server, codec, 'Ada', 'synthetic', { codec });
    const people = [ada];
    for (const name of viewers) {
      const browser = browsers.get(name) ?? assert.fail();
      people.push(await join(browser, server, codec, `${name} viewer`, 'synthetic', { camera: 'none' }));
    }
    await Promise.all(people.slice(1).map((viewer) => seesAndHears(viewer, ada)));
    assert.equal(await ada.page.evaluate(codecs, /** @type {const} */ ('outbound-rtp')), sent);
    for (const { name, page } of people.slice(1)) {
      const received = await page.evaluate(codecs, /** @type {const} */ ('inbound-rtp'));
      context.diagnostic(`${name} receives ${received}`);
      assert.equal(received, sent.split(' ')[0]);
    }
    assert.deepEqual(people.flatMap(({ page }) => page.problems), []);
    for (const { page } of people) await page.close();
  });
}
