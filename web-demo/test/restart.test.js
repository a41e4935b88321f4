/** The server goes away and comes back; the page does the same by itself. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { screenshotFile } from './artifacts.js';
import { BROWSERS, startBrowser } from './browsers.js';
import { allSeeAndHear, eventually, join } from './people.js';
import { startServer } from './server.js';

/** @import {TestBrowser} from './browsers.js' */
/** @import {TestServer} from './server.js' */

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

test('people are together again after the server was restarted', async () => {
  const [chromium, firefox] = browsers;
  assert.ok(chromium && firefox);
  const ada = await join(chromium, server, 'restart', 'Ada');
  const grace = await join(firefox, server, 'restart', 'Grace');
  await allSeeAndHear([ada, grace]);

  await server.stop();
  for (const { name, page } of [ada, grace]) {
    await eventually(`${name}’s page says that the server is gone`, async () => {
      const text = await page.evaluate(() => document.getElementById('notices')?.textContent?.trim() ?? '');
      return text.includes('cannot be reached') ? null : `it says “${text}”`;
    });
    await page.screenshot(screenshotFile(`server-gone-${page.browser}`));
  }

  await server.start();
  await allSeeAndHear([ada, grace]);
  for (const { name, page } of [ada, grace]) {
    const text = await page.evaluate(() => document.getElementById('notices')?.textContent?.trim());
    assert.equal(text, '', `${name}’s page still complains`);
  }
});
