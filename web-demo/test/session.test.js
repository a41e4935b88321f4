/** What happens inside a stay: screens are shared, people are heard to speak, and WebSockets are lost. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { screenshotFile } from './artifacts.js';
import { BROWSERS, startBrowser } from './browsers.js';
import { allSeeAndHear, eventually, join, judgeVideo, sampleBoth, seesAndHears } from './people.js';
import { interruptible } from './interruption.js';
import { startServer } from './server.js';

/** @import {BrowserName, TestBrowser} from './browsers.js' */
/** @import {Person} from './people.js' */
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

/** @param {BrowserName} name */
const browser = (name) => browsers.get(name) ?? assert.fail(`no ${name}`);

/** How bright the shared screen is that somebody sees; null while there is none. @param {Person} viewer */
const screenSeenBy = ({ page }) =>
  page.evaluate(async () => {
    const tile = document.querySelector('#screens .tile[data-picture]');
    const { lookAt } = /** @type {any} */ (globalThis);
    const picture = await lookAt(tile?.querySelector('video') ?? null);
    return picture === null ? null : { name: tile?.querySelector('.plate-name')?.textContent, contrast: picture.contrast };
  });

/** How much sound flows, all streams together. @param {string} type Of the statistics. */
async function soundOf(type) {
  const { switchyard } = /** @type {any} */ (globalThis);
  const report = (await switchyard?.session.media.stats()) ?? new Map();
  const streams = [...report.values()].filter((entry) => entry.type === type && entry.kind === 'audio');
  const sum = (/** @type {string} */ figure) => streams.reduce((total, entry) => total + (entry[figure] ?? 0), 0);
  return {
    packets: sum('packetsReceived') + sum('packetsSent'),
    bytes: sum('bytesReceived') + sum('bytesSent'),
    energy: sum('totalAudioEnergy'),
  };
}

/** Firefox has no screen to share without a display: a drawn one takes its place. */
function drawScreen() {
  const canvas = document.createElement('canvas');
  canvas.width = 1280;
  canvas.height = 720;
  const context = canvas.getContext('2d');
  let row = 0;
  setInterval(() => {
    if (!context) return;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, 1280, 720);
    context.fillStyle = '#123';
    context.fillRect(80, (row += 8) % 640, 900, 40);
  }, 100);
  navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream();
}

for (const [sharer, viewer] of /** @type {const} */ ([['chromium', 'firefox'], ['firefox', 'chromium']])) {
  test(`a screen is shared from ${sharer} to ${viewer}, taken back, and shared again`, async () => {
    const ada = await join(browser(sharer), server, `screen-${sharer}`, 'Ada');
    const grace = await join(browser(viewer), server, `screen-${sharer}`, 'Grace');
    await allSeeAndHear([ada, grace]);
    if (sharer === 'firefox') await ada.page.evaluate(drawScreen);
    for (const time of ['first', 'second']) {
      await ada.page.click('#screen-button');
      await eventually(`Grace sees Ada’s screen for the ${time} time`, async () => {
        const screen = await screenSeenBy(grace);
        return screen?.name === 'Ada’s screen' && screen.contrast > 20 ? null : `she sees ${JSON.stringify(screen)}`;
      });
      if (time === 'first') await grace.page.screenshot(screenshotFile(`room-screen-${viewer}`));
      await ada.page.click('#screen-button');
      await eventually('the screen goes', async () => {
        const screens = await grace.page.evaluate(() => document.querySelectorAll('#screens .tile').length);
        return screens === 0 ? null : `there are ${screens}`;
      });
    }
    await allSeeAndHear([ada, grace]);
    assert.deepEqual([ada, grace].flatMap(({ page }) => page.problems), []);
    await ada.page.close();
    await grace.page.close();
  });
}

for (const name of BROWSERS) {
  test(`in ${name} it shows who speaks, and stops when they are muted`, async () => {
    const ada = await join(browser(name), server, `speaking-${name}`, 'Ada');
    const grace = await join(browser('chromium'), server, `speaking-${name}`, 'Grace');
    await seesAndHears(ada, grace);
    const speaks = () => ada.page.evaluate(() => document.querySelector('.tile:not([data-self])')?.hasAttribute('data-speaking'));
    await eventually('Grace is shown to speak', async () => ((await speaks()) ? null : 'she is not'));
    await ada.page.screenshot(screenshotFile(`room-speaking-${name}`));
    const hearsHerself = () => grace.page.evaluate(() => document.querySelector('.tile[data-self]')?.hasAttribute('data-speaking'));
    await eventually('Grace sees that she is heard', async () => ((await hearsHerself()) ? null : 'she does not'));
    await grace.page.click('#microphone-button');
    await eventually('Grace is shown to be silent', async () => ((await speaks()) ? 'she speaks' : null));
    await ada.page.close();
    await grace.page.close();
  });

  test(`speech travels with redundancy from chromium, and without to ${name}, which loses nothing`, async () => {
    const ada = await join(browser(name), server, `redundancy-${name}`, 'Ada');
    const grace = await join(browser('chromium'), server, `redundancy-${name}`, 'Grace');
    await eventually('Ada hears Grace, in smaller packets than she sends', async () => {
      const sent = await grace.page.evaluate(soundOf, 'outbound-rtp');
      const heard = await ada.page.evaluate(soundOf, 'inbound-rtp');
      // Statistics call both Opus; but with each frame goes the one before it.
      const smaller = heard.bytes / heard.packets < 0.8 * (sent.bytes / sent.packets);
      const flows = heard.packets > 300 && heard.energy > 0;
      return smaller && flows ? null : JSON.stringify({ sent, heard });
    });
    await ada.page.close();
    await grace.page.close();
  });

  test(`a network that blocks media is said in ${name}, and the page comes through when it is gone`, async () => {
    const way = await interruptible(server);
    try {
      way.hidesMedia = true;
      const ada = await join(browser(name), { ...server, url: way.url }, `blocked-${name}`, 'Ada');
      const grace = await join(browser('chromium'), server, `blocked-${name}`, 'Grace');
      await eventually('Ada is told', async () => {
        const text = await ada.page.evaluate(() => document.getElementById('notices')?.textContent?.trim());
        return text?.includes('this network seems to block them') ? null : `the page says “${text}”`;
      });
      way.hidesMedia = false;
      await allSeeAndHear([ada, grace]);
      await ada.page.close();
      await grace.page.close();
    } finally {
      await way.close();
    }
  });

  test(`a WebSocket that ${name} loses is replaced, while the pictures go on`, async () => {
    const way = await interruptible(server);
    try {
      const ada = await join(browser(name), { ...server, url: way.url }, `resume-${name}`, 'Ada');
      const grace = await join(browser('chromium'), server, `resume-${name}`, 'Grace');
      await allSeeAndHear([ada, grace]);
      const tile = await grace.page.evaluate(() => {
        const element = document.querySelector('.tile:not([data-self])');
        element?.setAttribute('data-watched', '');
        return element !== null;
      });
      assert.ok(tile);

      const before = await sampleBoth(ada, grace);
      way.interrupt();
      const phases = new Set();
      await eventually('Ada’s page notices', async () => {
        phases.add(await ada.page.evaluate(() => /** @type {any} */ (globalThis).switchyard.session.phase));
        return phases.has('reconnecting') ? null : 'it is still connected';
      });
      way.restore();
      await eventually('Ada’s page is back', async () => {
        const phase = await ada.page.evaluate(() => /** @type {any} */ (globalThis).switchyard.session.phase);
        return phase === 'live' ? null : `it is ${phase}`;
      });
      const after = await sampleBoth(ada, grace);
      const [received, sent, laterReceived, laterSent] = [...before, ...after];
      assert.ok(typeof received === 'object' && typeof sent === 'object', `${received} ${sent}`);
      assert.ok(typeof laterReceived === 'object' && typeof laterSent === 'object', `${laterReceived} ${laterSent}`);
      assert.equal(judgeVideo(received, laterReceived, sent, laterSent), null, 'pictures stopped meanwhile');

      // What was muted while the way was cut off would be told afterwards; and nobody has left or come.
      await ada.page.click('#microphone-button');
      await eventually('Grace is told that Ada is muted', async () => {
        const muted = await grace.page.evaluate(() => document.querySelector('.tile[data-watched]')?.hasAttribute('data-muted'));
        return muted ? null : 'the tile of before is gone, or not muted';
      });
      await ada.page.click('#microphone-button');
      await allSeeAndHear([ada, grace]);
      await ada.page.close();
      await grace.page.close();
    } finally {
      await way.close();
    }
  });
}
