/** What the page says and does when something is missing, refused or gone: in both browsers, without a room. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { screenshotFile } from './artifacts.js';
import { BROWSERS, startBrowser } from './browsers.js';
import { eventually } from './people.js';
import { joined, scriptedServer } from './scripted-server.js';

/** @import {BrowserOptions, TestBrowser, TestPage} from './browsers.js' */
/** @import {Script, ScriptedServer} from './scripted-server.js' */

const SYNTHETIC = 'camera=synthetic&microphone=synthetic';
const JOIN = `room=standup&name=Ada&join=1&${SYNTHETIC}`;

/** Lets everybody in, and says nothing to anything else. @type {Script} */
const admit = (request) => (request.type === 'join' ? joined(request) : undefined);

/** @param {TestPage} page @param {string} id */
const textOf = (page, id) =>
  page.evaluate((wanted) => {
    const element = document.getElementById(wanted);
    // As a reader gets it: what is hidden says nothing.
    return element instanceof HTMLElement && element.offsetParent !== null ? element.innerText.trim() : '';
  }, id);

/** @param {TestPage} page @param {string} id @param {RegExp} wanted */
const says = (page, id, wanted) =>
  eventually(`#${id} says ${wanted}`, async () => {
    const text = await textOf(page, id);
    return wanted.test(text) ? null : `it says “${text}”`;
  });

for (const name of BROWSERS) {
  describe(name, () => {
    /** @type {TestBrowser} */
    let browser;

    before(async () => {
      browser = await startBrowser(name);
    });

    after(() => browser?.close());

    /**
     * @param {Script} script
     * @param {string} query
     * @param {(page: TestPage, server: ScriptedServer) => Promise<void>} scenario
     * @param {TestBrowser} [other]
     */
    async function onPage(script, query, scenario, other = browser) {
      const server = await scriptedServer(script);
      const page = await other.newPage();
      try {
        await page.goto(`${server.url}/?${query}`);
        await scenario(page, server);
      } finally {
        await page.close();
        await server.close();
      }
    }

    test('one joins with the keyboard alone, and hears what is missing', async () => {
      await onPage(admit, SYNTHETIC, async (page, server) => {
        await page.evaluate(() => document.getElementById('room')?.focus());
        await page.press('Enter');
        await says(page, 'name-problem', /Enter a name/);
        const state = await page.evaluate(() => ({
          focused: document.activeElement?.id,
          invalid: document.getElementById('name')?.getAttribute('aria-invalid'),
        }));
        assert.deepEqual(state, { focused: 'name', invalid: 'true' });
        assert.equal(server.requests.length, 0, 'joined without a name');
        await page.fill('#name', 'Ada');
        await page.press('Enter');
        await eventually('the page joins', async () => (server.requests[0]?.type === 'join' ? null : 'no request came'));
        assert.equal(server.requests[0]?.['name'], 'Ada');
        assert.match(server.requests[0]?.['room'], /^[a-z]+-[a-z]+-\d{4}$/);
        await says(page, 'room-title', /^[a-z]+-[a-z]+-\d{4}$/);
      });
    });

    test('a link fills in the form, and its address becomes the invitation', async () => {
      await onPage(admit, `room=Team%20Room&name=Ada&${SYNTHETIC}`, async (page, server) => {
        await page.click('#join-button');
        await says(page, 'alone', /Nobody else is here yet/);
        assert.equal(await textOf(page, 'alone-link'), `${server.url}/?room=Team-Room`);
        assert.equal(await page.evaluate(() => location.href), `${server.url}/?room=Team-Room`);
      });
    });

    test('every refusal and every end is a plain sentence', async () => {
      /** @type {[object, RegExp, boolean][]} What the server says; what the page says; whether one may join again. */
      const table = [
        [{ type: 'error', code: 'room-full', message: 'x' }, /room is full/, true],
        [{ type: 'error', code: 'too-many-participants', message: 'x' }, /server is full/, true],
        [{ type: 'error', code: 'unauthorized', message: 'x' }, /needs an invitation/, false],
        [{ type: 'error', code: 'forbidden', message: 'x' }, /for another room/, false],
        [{ type: 'error', code: 'of-next-year', message: 'the moon is wrong' }, /no longer in the room/, true],
        [{ type: 'closed', code: 'removed', message: 'x', retry: false }, /You were removed/, false],
        [{ type: 'closed', code: 'superseded', message: 'x', retry: false }, /another window/, true],
      ];
      for (const [reply, title, again] of table) {
        await onPage(() => reply, JOIN, async (page) => {
          await says(page, 'over-title', title);
          const shown = await textOf(page, 'again-button');
          assert.equal(shown !== '', again, `${JSON.stringify(reply)}: the button says “${shown}”`);
          const tracks = await page.evaluate(() => {
            const { local } = /** @type {any} */ (globalThis).switchyard;
            return [local.camera.track, local.microphone.track];
          });
          assert.deepEqual(tracks, [null, null], 'camera and microphone are let go');
        });
      }
    });

    test('a lost connection is said, and resumed with its secret', async () => {
      await onPage(admit, JOIN, async (page, server) => {
        await says(page, 'connection', /./);
        await eventually('the page is in', async () => (server.requests.some(({ type }) => type === 'offer') ? null : 'no offer'));
        server.dropConnections();
        const joins = () => server.requests.filter(({ type }) => type === 'join');
        await eventually('the page joins again', async () => (joins().length > 1 ? null : 'it did not'));
        assert.equal(joins()[0]?.['resume'], undefined);
        assert.equal(joins()[1]?.['resume'], 'secret-1');
      });
    });

    test('an end with retry leads to a new session, not to the old one', async () => {
      let count = 0;
      /** @type {Script} */
      const script = (request, socket) => {
        if (request.type !== 'join') return undefined;
        if (++count === 1) {
          setTimeout(() => {
            socket.send(JSON.stringify({ type: 'closed', code: 'consent-expired', message: 'x', retry: true }));
            socket.close();
          }, 200);
        }
        return joined(request);
      };
      await onPage(script, JOIN, async (_, server) => {
        const joins = () => server.requests.filter(({ type }) => type === 'join');
        await eventually('the page joins again', async () => (joins().length > 1 ? null : 'it did not'));
        assert.equal(joins()[1]?.['resume'], undefined);
      });
    });

    test('a refused offer is said, and strange messages are ignored', async () => {
      /** @type {Script} */
      const script = (request, socket) => {
        if (request.type === 'offer') return { type: 'error', code: 'unsupported-sdp', message: 'no codec in common' };
        if (request.type !== 'join') return undefined;
        setTimeout(() => {
          socket.send(JSON.stringify({ type: 'of-next-year', participant: 'p9' }));
          socket.send(JSON.stringify({ type: 'participant-joined', participant: { id: 'p9', name: '<b>Eve</b>', tracks: [], age: 7 } }));
        }, 100);
        return joined(request);
      };
      await onPage(script, JOIN, async (page) => {
        await says(page, 'notices', /no codec in common/);
        await says(page, 'people', /<b>Eve<\/b>/);
        await says(page, 'people-count', /2 people/);
      });
    });

    test('media that does not get through is said', async () => {
      /** @type {Script} */
      const script = (request) => (request.type === 'join' ? joined(request) : { type: 'error', code: 'internal', message: 'x' });
      await onPage(script, JOIN, async (page) => {
        await says(page, 'notices', /do not get through/);
        await says(page, 'connection', /No media/);
      });
    });

    /** @type {[string, BrowserOptions, RegExp][]} */
    const devices = [
      ['a refused permission', { allowed: false }, /does not let this page use your camera and microphone.*generated picture/s],
      ['a machine without devices', { devices: false }, /No camera or microphone was found.*generated picture/s],
    ];
    for (const [what, options, sentence] of devices) {
      test(`${what} is said, and something synthetic takes their place`, async () => {
        const other = await startBrowser(name, options);
        try {
          await onPage(
            admit,
            'room=standup&name=Ada',
            async (page) => {
              await says(page, 'device-note', sentence);
              await page.screenshot(screenshotFile(`before-joining-${what}-${name}`));
              const synthetic = await page.evaluate(() => document.querySelector('video')?.videoWidth);
              assert.equal(synthetic, 640);
            },
            other,
          );
        } finally {
          await other.close();
        }
      });
    }

    test('nothing is wider than a small phone, every control has a name, and nothing is refused by the policy', async () => {
      await onPage(admit, `room=standup&name=Ada&${SYNTHETIC}`, async (page) => {
        await page.resize(320, 568);
        const look = () =>
          page.evaluate(() => ({
            overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            nameless: [...document.querySelectorAll('button, input, select')]
              .filter((control) => control instanceof HTMLElement && control.offsetParent !== null)
              .filter((control) => {
                const label = control instanceof HTMLButtonElement ? control.textContent : /** @type {any} */ (control).labels?.[0]?.textContent;
                return !label?.trim();
              })
              .map((control) => control.id),
          }));
        assert.deepEqual(await look(), { overflow: 0, nameless: [] }, 'before joining');
        await page.screenshot(screenshotFile(`before-joining-phone-${name}`));
        await page.click('#join-button');
        await says(page, 'alone', /Nobody else is here yet/);
        assert.deepEqual(await look(), { overflow: 0, nameless: [] }, 'in the room');
        await page.screenshot(screenshotFile(`alone-phone-${name}`));
        assert.deepEqual(page.problems, []);
      });
    });
  });
}
