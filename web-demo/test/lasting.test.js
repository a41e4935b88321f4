/** A room that lasts a minute: what works at first still works then, and nothing froze or fell behind meanwhile. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { screenshotFile } from './artifacts.js';
import { BROWSERS, startBrowser } from './browsers.js';
import { allSeeAndHear, framesSent, join, judgeAudio, judgeVideo, sampleBoth } from './people.js';
import { startServer } from './server.js';

/** @import {TestBrowser} from './browsers.js' */
/** @import {TestServer} from './server.js' */

const SECONDS = 60;

/** Of all packets of a minute on one machine, at most this share may be missing, once all repairs are made. */
const MOST_LOST = 0.01;

/** @type {TestServer} */
let server;
/** @type {TestBrowser[]} */
let browsers = [];

before(async () => {
  server = await startServer();
  browsers = await Promise.all(BROWSERS.map((name) => startBrowser(name)));
});

after(async () => {
  for (const browser of browsers) await browser.close();
  await server?.stop();
});

test('a room of two lasts a minute without a freeze', async (context) => {
  const [chromium, firefox] = browsers;
  assert.ok(chromium && firefox);
  const ada = await join(chromium, server, 'lasting', 'Ada');
  const grace = await join(firefox, server, 'lasting', 'Grace');
  await allSeeAndHear([ada, grace]);

  const pairs = /** @type {const} */ ([[ada, grace], [grace, ada]]);
  const before = await Promise.all(pairs.map(([viewer, publisher]) => sampleBoth(viewer, publisher)));
  await sleep(SECONDS * 1000);
  const after = await Promise.all(pairs.map(([viewer, publisher]) => sampleBoth(viewer, publisher)));

  for (const [n, [viewer, publisher]] of pairs.entries()) {
    const what = `${viewer.name} sees ${publisher.name} for ${SECONDS} s`;
    const [received, sent] = before[n] ?? [];
    const [laterReceived, laterSent] = after[n] ?? [];
    assert.ok(typeof received === 'object' && typeof sent === 'object', `${what}: ${received} ${sent}`);
    assert.ok(typeof laterReceived === 'object' && typeof laterSent === 'object', `${what}: ${laterReceived} ${laterSent}`);
    for (const judge of [judgeVideo, judgeAudio]) {
      const wrong = judge(received, laterReceived, sent, laterSent);
      assert.equal(wrong, null, `${what}: ${wrong}`);
    }
    const { video, audio } = laterReceived;
    assert.ok(video && audio && received.video && received.audio);
    // Which one depends on how large the tile is.
    assert.ok(laterSent.heights.includes(video.height), `${what}: ${video.height} is none of the layers ${laterSent.heights}`);
    const packets = video.packets - received.video.packets;
    const lost = video.lost - received.video.lost;
    assert.ok(lost <= MOST_LOST * packets, `${what}: ${lost} of ${packets} packets lost`);
    context.diagnostic(
      `${what}: ${video.decoded - received.video.decoded} frames of ${framesSent(sent, laterSent)}, ` +
        `${video.freezes - received.video.freezes} freezes (${laterSent.stalls - sent.stalls} stalls of the pages), ` +
        `${lost} of ${packets} packets lost, ${audio.packets - received.audio.packets} of sound, ${video.width}×${video.height}, sent heights ${laterSent.heights.join(', ')}`,
    );
  }
  await allSeeAndHear([ada, grace]);
  await ada.page.screenshot(screenshotFile('room-after-a-minute'));
});
