/**
 * Measures how long it takes from the click on “Join the room” to the first picture of somebody who is there already,
 * in both browsers, and prints it. A figure to look at, not a test: it depends on the machine.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BROWSERS, startBrowser } from './browsers.js';
import { join } from './people.js';
import { joinAndWait } from './probe.js';
import { startServer } from './server.js';

const ROUNDS = Number(process.argv[2] ?? 7);

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const server = await startServer();
try {
  for (const name of BROWSERS) {
    const browser = await startBrowser(name);
    const publisher = await join(browser, server, `time-${name}`, 'Ada');
    await sleep(4_000); // The publisher's bitrate and layers are up.
    /** @type {Awaited<ReturnType<typeof joinAndWait>>[]} */
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const page = await browser.newPage();
      await page.goto(`${server.url}/?room=time-${name}&name=Grace&camera=synthetic&microphone=synthetic`);
      await sleep(500);
      rounds.push(await page.evaluate(joinAndWait));
      await page.close();
      await sleep(500);
    }
    const line = (/** @type {'joined' | 'connected' | 'picture'} */ what) => {
      const values = rounds.map((round) => round[what]);
      return `${what} ${median(values)} ms (${Math.min(...values)} to ${Math.max(...values)})`;
    };
    console.log(`${name}: ${line('joined')}, ${line('connected')}, ${line('picture')}; ${ROUNDS} rounds, medians`);
    await publisher.page.close();
    await browser.close();
  }
} finally {
  await server.stop();
}
