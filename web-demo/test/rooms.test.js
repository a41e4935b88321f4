/** Rooms of two and three in real browsers, against the real server. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { screenshotFile } from './artifacts.js';
import { BROWSERS, startBrowser } from './browsers.js';
import { allSeeAndHear, eventually, join, noLongerSees, seesAndHears, tileNames, tileOf } from './people.js';
import { sampleSent } from './probe.js';
import { startServer } from './server.js';

/** @import {BrowserName, TestBrowser} from './browsers.js' */
/** @import {Person} from './people.js' */
/** @import {TestServer} from './server.js' */

/** @type {TestServer} */
let server;
/** @type {Map<BrowserName, TestBrowser>} */
const browsers = new Map();
/** @type {Person[]} */
let present = [];

before(async () => {
  server = await startServer();
  for (const name of BROWSERS) browsers.set(name, await startBrowser(name));
});

after(async () => {
  for (const browser of browsers.values()) await browser.close();
  await server?.stop();
});

afterEach(async () => {
  for (const { page } of present) await page.close();
  present = [];
});

/** @param {BrowserName} browser @param {string} room @param {string} name @param {'synthetic' | 'device'} [source] */
async function enters(browser, room, name, source) {
  const person = await join(browsers.get(browser) ?? assert.fail(`no ${browser}`), server, room, name, source);
  present.push(person);
  return person;
}

for (const [first, second] of /** @type {const} */ ([
  ['chromium', 'chromium'],
  ['firefox', 'firefox'],
  ['chromium', 'firefox'],
])) {
  test(`${first} and ${second} see and hear each other`, async () => {
    const ada = await enters(first, `pair-${first}-${second}`, 'Ada');
    const grace = await enters(second, `pair-${first}-${second}`, 'Grace');
    await allSeeAndHear([ada, grace]);
    await ada.page.screenshot(screenshotFile(`room-two-${first}-${second}`));
    assert.deepEqual([ada, grace].flatMap(({ page }) => page.problems), [], 'the pages report errors');
  });
}

test('cameras and microphones of both browsers arrive, not only synthetic ones', async () => {
  const ada = await enters('chromium', 'devices', 'Ada', 'device');
  const grace = await enters('firefox', 'devices', 'Grace', 'device');
  await allSeeAndHear([ada, grace]);
  for (const person of [ada, grace]) {
    await eventually(`${person.name} sends in layers`, async () => {
      const sent = await person.page.evaluate(sampleSent);
      return typeof sent === 'object' && sent.heights.length > 1 ? null : `${person.name} sends ${JSON.stringify(sent)}`;
    });
  }
});

test('three see and hear each other, and one who comes late sees and hears those who were there', async () => {
  const ada = await enters('chromium', 'three', 'Ada');
  const grace = await enters('firefox', 'three', 'Grace');
  await allSeeAndHear([ada, grace]);
  const alan = await enters('chromium', 'three', 'Alan');
  await allSeeAndHear([ada, grace, alan]);
  await grace.page.screenshot(screenshotFile('room-three'));
});

test('one who leaves is gone for the others, and is seen and heard again after coming back', async () => {
  const ada = await enters('chromium', 'return', 'Ada');
  const grace = await enters('firefox', 'return', 'Grace');
  await allSeeAndHear([ada, grace]);
  await grace.page.click('#leave-button');
  await noLongerSees(ada, 'Grace');
  assert.deepEqual(await tileNames(ada), ['Ada (you)']);
  await grace.page.click('#again-button');
  await allSeeAndHear([ada, grace]);
});

test('a closed page is gone for the others', async () => {
  const ada = await enters('chromium', 'closing', 'Ada');
  const grace = await enters('firefox', 'closing', 'Grace');
  await seesAndHears(ada, grace);
  await grace.page.close();
  present = present.filter((person) => person !== grace);
  await noLongerSees(ada, 'Grace');
});

for (const [publisher, viewer] of /** @type {const} */ ([['chromium', 'firefox'], ['firefox', 'chromium']])) {
  test(`a microphone and a camera of ${publisher} go off and on again, and ${viewer} is told`, async () => {
    const ada = await enters(publisher, `mute-${publisher}`, 'Ada');
    const grace = await enters(viewer, `mute-${publisher}`, 'Grace');
    await seesAndHears(grace, ada);

    await ada.page.click('#microphone-button');
    await eventually('Grace is told that Ada is muted', async () => {
      const tile = await tileOf(grace, 'Ada');
      return tile?.muted ? null : `the tile is ${JSON.stringify(tile)}`;
    });
    await ada.page.click('#camera-button');
    await eventually('Grace is told that Ada’s camera is off', async () => {
      const tile = await tileOf(grace, 'Ada');
      return tile?.picture === false ? null : `the tile is ${JSON.stringify(tile)}`;
    });
    await grace.page.screenshot(screenshotFile(`room-muted-${viewer}`));

    await ada.page.click('#microphone-button');
    await ada.page.click('#camera-button');
    await seesAndHears(grace, ada);
    assert.equal((await tileOf(grace, 'Ada'))?.muted, false);
  });
}
