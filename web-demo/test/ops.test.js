/** The page `/ops` beside a real server: live, without a server, and where a token is wanted. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { screenshotFile } from './artifacts.js';
import { BROWSERS, startBrowser } from './browsers.js';
import { allSeeAndHear, eventually, join } from './people.js';
import { startServer } from './server.js';

/** @import {TestBrowser, TestPage} from './browsers.js' */
/** @import {TestServer} from './server.js' */

const SECRET = '0123456789abcdef0123456789abcdef';

/** A number that is more than zero, with or without a unit. */
const SOME = /[1-9]/;

/**
 * What the page shows, as a reader gets it.
 *
 * @param {TestPage} page
 */
const look = (page) =>
  page.evaluate(() => {
    /** @param {string} id */
    const shown = (id) => {
      const element = document.getElementById(id);
      return element instanceof HTMLElement && element.offsetParent !== null ? element.innerText.trim() : '';
    };
    const counts = [...document.querySelectorAll('.count')].map((count) => [
      count.querySelector('dt')?.textContent ?? '',
      count.querySelector('dd span')?.textContent ?? '',
    ]);
    const plots = [...document.querySelectorAll('.plot')].map((plot) => [
      plot.querySelector('h2')?.textContent ?? '',
      {
        values: [...plot.querySelectorAll('strong')].map((value) => value.textContent ?? ''),
        drawn: [...plot.querySelectorAll('path.line')].map((line) => line.getAttribute('d')?.length ?? 0),
      },
    ]);
    const rows = (/** @type {string} */ id) =>
      [...document.querySelectorAll(`#${id} tr`)].map((row) =>
        [...row.children].map((cell) => (cell instanceof HTMLElement ? cell.innerText.trim() : '')),
      );
    return {
      state: shown('state-text'),
      server: shown('server'),
      alarm: shown('alarm'),
      token: shown('token-form'),
      tokenProblem: shown('token-problem'),
      counts: Object.fromEntries(counts),
      plots: Object.fromEntries(plots),
      workers: rows('workers'),
      drops: rows('drops'),
      spared: rows('spared'),
      overflows: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    };
  });

/** @typedef {Awaited<ReturnType<typeof look>>} Look */

/**
 * @param {TestPage} page
 * @param {string} what
 * @param {(look: Look) => boolean} check
 */
async function shows(page, what, check) {
  await eventually(what, async () => {
    const seen = await look(page);
    return check(seen) ? null : `it shows ${JSON.stringify(seen)}`;
  });
  return look(page);
}

/** @param {object} video What the token allows. */
function token(video) {
  const encoded = (/** @type {object} */ part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const text = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ iss: 'test', sub: 'ops', exp, video })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

for (const name of BROWSERS) {
  describe(name, () => {
    /** @type {TestBrowser} */
    let browser;

    before(async () => {
      browser = await startBrowser(name);
    });

    after(() => browser?.close());

    /** @param {string[]} flags @param {(page: TestPage, server: TestServer) => Promise<void>} scenario */
    async function onPage(flags, scenario) {
      const server = await startServer(flags);
      const page = await browser.newPage();
      try {
        await page.goto(`${server.url}/ops`);
        await scenario(page, server);
      } finally {
        await page.close();
        await server.stop();
      }
    }

    test('an operator sees what an empty server does, then a busy one, then that it is gone and comes back', async () => {
      await onPage([], async (page, server) => {
        const empty = await shows(page, 'the page is live', ({ state, plots }) => state === 'Live' && plots['Packets'].drawn[0] > 0);
        assert.equal(empty.counts['Participants'], '0');
        assert.deepEqual(empty.plots['Packets'].values, ['0 /s', '0 /s']);
        assert.equal(empty.workers.length, 2, 'one row for each worker');
        assert.match(empty.server, /version \d+\.\d+\.\d+ · up for/);
        await page.screenshot(screenshotFile(`ops-empty-${name}`));

        const people = [await join(browser, server, 'busy', 'Ada'), await join(browser, server, 'busy', 'Grace')];
        await allSeeAndHear(people);
        const busy = await shows(
          page,
          'the room is in the figures',
          ({ counts, plots }) =>
            counts['Participants'] === '2' &&
            ['Packets', 'Bitrate', 'Forward latency', 'Datagrams per send'].every((title) =>
              plots[title].values.every((/** @type {string} */ value) => SOME.test(value)),
            ),
        );
        assert.equal(busy.counts['Rooms'], '1');
        assert.ok(Number(busy.counts['Tracks']) >= 4, `${busy.counts['Tracks']} tracks`);
        assert.ok(Number(busy.counts['Slots in use']) >= 4, `${busy.counts['Slots in use']} slots in use`);
        assert.equal(busy.alarm, '');
        assert.ok(busy.workers.some((cells) => SOME.test(cells[2] ?? '')), `no worker has peers: ${JSON.stringify(busy.workers)}`);
        await page.screenshot(screenshotFile(`ops-busy-${name}`));
        await page.resize(360, 780);
        await eventually('nothing is cut off on a phone', async () => ((await look(page)).overflows ? 'it scrolls sideways' : null));
        await page.screenshot(screenshotFile(`ops-phone-${name}`));
        for (const person of people) await person.page.close();
        await shows(page, 'they have left', ({ counts }) => counts['Participants'] === '0' && counts['Rooms'] === '0');

        await server.stop();
        await shows(page, 'the page says that the server is gone', ({ state, alarm }) => state === 'No answer' && /does not answer/.test(alarm));
        await page.screenshot(screenshotFile(`ops-gone-${name}`));
        await server.start();
        await shows(page, 'the page is live again', ({ state, alarm }) => state === 'Live' && alarm === '');
      });
    });

    test('where there are keys, the page asks for a token that may see all rooms', async () => {
      await onPage(['--key', `test:${SECRET}`], async (page) => {
        await shows(page, 'the page asks', ({ state, token }) => state === 'Wants a token' && /switchyard token/.test(token));
        await page.screenshot(screenshotFile(`ops-token-${name}`));
        /** @type {[string, string][]} */
        const table = [
          ['nonsense', 'one that is no token'],
          [token({ roomJoin: true }), 'one of a guest'],
          [token({ roomAdmin: true, room: 'lobby' }), 'one for a single room'],
        ];
        for (const [wrong, what] of table) {
          await page.evaluate(() => document.getElementById('token-problem')?.replaceChildren());
          await page.fill('#token', wrong);
          await page.press('Enter');
          const refused = await shows(page, `${what} is refused`, ({ tokenProblem }) => /will not do/.test(tokenProblem));
          assert.equal(refused.counts['Rooms'], '', 'no figures yet');
        }
        await page.fill('#token', token({ roomAdmin: true }));
        await page.press('Enter');
        const live = await shows(page, 'the figures are there', ({ state }) => state === 'Live');
        assert.deepEqual([live.token, live.counts['Rooms']], ['', '0']);
      });
    });

    test('on the private address of the metrics no token is wanted', async () => {
      const port = 30_000 + Math.floor(Math.random() * 20_000);
      await onPage(['--key', `test:${SECRET}`, '--metrics-listen', `127.0.0.1:${port}`], async (page) => {
        await page.goto(`http://127.0.0.1:${port}/ops`);
        await shows(page, 'the page is live', ({ state, counts }) => state === 'Live' && counts['Rooms'] === '0');
      });
    });
  });
}
