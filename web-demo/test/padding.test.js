/**
 * The server makes packets that are almost equal in size exactly equal, by RTP padding (RFC 3550 §5.1), so that they
 * leave as one message. Browsers must not notice.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BROWSERS, startBrowser } from './browsers.js';
import { eventually, join, judgeVideo, sampleBoth, seesAndHears } from './people.js';
import { startServer } from './server.js';

/** @import {TestBrowser} from './browsers.js' */
/** @import {Person} from './people.js' */
/** @import {TestServer} from './server.js' */
/** @import {Session} from '../js/session.js' */

/** How long it is looked, in milliseconds. */
const WINDOW = 6_000;

/** @type {TestServer} */
let server;
/** @type {TestBrowser[]} */
const browsers = [];

before(async () => {
  server = await startServer();
});

after(async () => {
  for (const browser of browsers) await browser.close();
  await server?.stop();
});

/** Bytes of padding that the server has sent. */
async function padding() {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const found = [...metrics.matchAll(/^switchyard_padding_sent_bytes_total\{.*\} (\d+)$/gm)];
  assert.ok(found.length > 0, 'the server does not tell how much it pads');
  return found.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** Video packets that the page has received and thrown away, or asked for again. */
async function harm() {
  const { switchyard } = /** @type {{switchyard?: {session: Session}}} */ (/** @type {unknown} */ (globalThis));
  const report = await switchyard?.session.media.stats();
  const sums = { discarded: 0, lost: 0, nacks: 0 };
  for (const entry of report?.values() ?? []) {
    if (entry.type !== 'inbound-rtp' || entry.kind !== 'video') continue;
    sums.discarded += entry.packetsDiscarded ?? 0;
    sums.lost += entry.packetsLost ?? 0;
    sums.nacks += entry.nackCount ?? 0;
  }
  return sums;
}

test('packets that the server has padded are shown as well as others by both browsers', async () => {
  /** @type {Person[]} */
  const viewers = [];
  /** @type {Person | null} */
  let publisher = null;
  for (const name of BROWSERS) {
    const browser = await startBrowser(name);
    browsers.push(browser);
    publisher ??= await join(browser, server, 'padded', 'Ada');
    viewers.push(await join(browser, server, 'padded', `${name} viewer`));
  }
  const ada = publisher ?? assert.fail('there is no browser');
  for (const viewer of viewers) await seesAndHears(viewer, ada);

  // A window in which the machine itself stood still says nothing; padding that does harm does so in each.
  await eventually('padded packets do no harm', async () => {
    const look = () =>
      Promise.all(viewers.map(async (viewer) => ({
        both: await sampleBoth(viewer, ada),
        harm: await viewer.page.evaluate(harm),
      })));
    const [paddedBefore, first] = [await padding(), await look()];
    await sleep(WINDOW);
    const [last, paddedAfter] = [await look(), await padding()];
    if (paddedAfter === paddedBefore) return 'nothing was padded';
    for (const [n, viewer] of viewers.entries()) {
      const [before, after] = [first[n], last[n]];
      const [received, sent] = before?.both ?? [];
      const [laterReceived, laterSent] = after?.both ?? [];
      if (!received || typeof received === 'string' || !sent || typeof sent === 'string') return String(received);
      if (!laterReceived || typeof laterReceived === 'string') return String(laterReceived);
      if (!laterSent || typeof laterSent === 'string') return String(laterSent);
      const wrong = judgeVideo(received, laterReceived, sent, laterSent);
      if (wrong !== null) return `${viewer.name}: ${wrong}`;
      if (JSON.stringify(before?.harm) !== JSON.stringify(after?.harm)) {
        return `${viewer.name} misses packets: ${JSON.stringify(before?.harm)}, then ${JSON.stringify(after?.harm)}`;
      }
    }
    console.log(`${paddedAfter - paddedBefore} bytes of padding in ${WINDOW / 1000} s`);
    return null;
  });
});
