/**
 * Measures how many packets the server hands to the kernel at once (segments per GSO message) when real browsers
 * publish: camera in layers and microphone, in a small room and to many viewers, at low load and under load. Figures
 * to look at, not a test: they depend on the machine. Viewers are `loadtest`'s, over WHEP.
 *
 *     npm --prefix web-demo run gso-runs [seconds] [viewers at low load] [viewers under load] [browser]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BROWSERS, startBrowser } from './browsers.js';
import { join, seesAndHears } from './people.js';
import { startServer } from './server.js';

const [WINDOW, FEW, MANY] = [6, 10, 300].map((standard, n) => Number(process.argv[n + 2] ?? standard));

/** The browser to measure; both, if it is not said. */
const ONLY = process.argv[5];

/** What `loadtest` may take to bring a viewer in, and to end, in seconds. */
const JOIN_RATE = 100;
const MARGIN = 6;

/** @typedef {Map<string, Map<string, number>>} Metrics Of each name, the sum over workers, by its `le` or ''. */

/**
 * @param {string} url Of the server.
 * @returns {Promise<Metrics>}
 */
async function scrape(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  /** @type {Metrics} */
  const metrics = new Map();
  for (const line of text.split('\n')) {
    const found = /^switchyard_(\w+)(?:\{([^}]*)\})? (\S+)$/.exec(line);
    if (found === null) continue;
    const [, name = '', labels = '', value] = found;
    const le = /le="([^"]+)"/.exec(labels)?.[1] ?? '';
    const sums = metrics.get(name) ?? new Map();
    metrics.set(name, sums.set(le, (sums.get(le) ?? 0) + Number(value)));
  }
  return metrics;
}

/**
 * What happened between two scrapes.
 *
 * @param {Metrics} before
 * @param {Metrics} after
 */
function difference(before, after) {
  const read = (/** @type {string} */ name, le = '') =>
    (after.get(name)?.get(le) ?? 0) - (before.get(name)?.get(le) ?? 0);
  /** Values of each bucket alone. @param {string} name @returns {[number, number][]} */
  const buckets = (name) => {
    const bounds = [...(after.get(`${name}_bucket`)?.keys() ?? [])].sort((a, b) => bound(a) - bound(b));
    let below = 0;
    return bounds.map((le) => {
      const upTo = read(`${name}_bucket`, le);
      const own = upTo - below;
      below = upTo;
      return [bound(le), own];
    });
  };
  return { read, buckets };
}

/** @param {string} le */
const bound = (le) => (le === '+Inf' ? Infinity : Number(le));

/**
 * The bound of the bucket in which so large a share of the values lies.
 *
 * @param {[number, number][]} buckets
 * @param {number} share
 */
function quantile(buckets, share) {
  const all = buckets.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [upTo, count] of buckets) {
    seen += count;
    if (seen >= share * all) return upTo;
  }
  return NaN;
}

/**
 * Looks for a while, and prints what it saw.
 *
 * @param {string} url
 * @param {string} what
 */
async function measure(url, what) {
  const before = await scrape(url);
  await sleep(WINDOW * 1000);
  const { read, buckets } = difference(before, await scrape(url));
  const packets = read('sent_packets_total');
  const datagrams = read('socket_message_segments_sum');
  const messages = read('socket_message_segments_count');
  const sizes = buckets('socket_message_segments').filter(([, count]) => count > 0);
  const shares = sizes.map(([upTo, count]) => `≤${upTo}: ${((100 * count) / messages).toFixed(0)} %`);
  const latency = buckets('forward_latency_seconds');
  const milliseconds = (/** @type {number} */ share) => (quantile(latency, share) * 1000).toFixed(2);
  console.log(
    [
      `${what}: ${(packets / WINDOW).toFixed(0)} packets/s`,
      `${(datagrams / messages).toFixed(2)} segments a message (${shares.join(', ')})`,
      `padding ${((100 * read('padding_sent_bytes_total')) / read('sent_bytes_total')).toFixed(2)} % of bytes`,
      `worker ${((1e6 * read('worker_cpu_seconds_total')) / packets).toFixed(2)} µs a packet`,
      `forward latency p50 ≤ ${milliseconds(0.5)}, p99 ≤ ${milliseconds(0.99)} ms`,
    ].join('\n    '),
  );
}

/**
 * Lets so many viewers watch the room's newest camera, measures, and waits until they have gone.
 *
 * @param {string} url
 * @param {string} room
 * @param {number} viewers
 * @param {string} what
 */
async function watched(url, room, viewers, what) {
  const joining = Math.ceil(viewers / JOIN_RATE) + 2;
  const seconds = joining + WINDOW + MARGIN;
  const flags = ['--server', url, '--duration', `${seconds}s`, '--join-rate', String(JOIN_RATE), '--quiet'];
  // Its own publisher, in another room, does next to nothing.
  flags.push(`--whep=/whep/${room}`, '--fps', '1', '--packets-per-frame', '1', '--audio-rate', '1');
  const crowd = spawn(loadtest(), ['broadcast', '--viewers', String(viewers), ...flags], { stdio: 'ignore' });
  const ended = once(crowd, 'exit');
  await sleep((joining + 2) * 1000);
  if (crowd.exitCode !== null) throw new Error(`loadtest ended with ${crowd.exitCode}`);
  await measure(url, what);
  await ended;
}

function loadtest() {
  const target = path.resolve(import.meta.dirname, '../../target');
  const candidates = [process.env['LOADTEST_BINARY'], `${target}/release/loadtest`, `${target}/debug/loadtest`];
  const found = candidates.find((candidate) => candidate && existsSync(candidate));
  if (found === undefined) throw new Error('there is no loadtest: run `cargo build --release -p loadtest` first');
  return found;
}

const server = await startServer(process.env['SERVER_FLAGS']?.split(' ') ?? []);
try {
  for (const name of BROWSERS.filter((browser) => ONLY === undefined || ONLY === browser)) {
    const browser = await startBrowser(name);
    const room = `runs-${name}`;
    const ada = await join(browser, server, room, 'Ada');
    const grace = await join(browser, server, room, 'Grace');
    await seesAndHears(grace, ada);
    await measure(server.url, `${name}, a room of two`);
    await grace.page.close();
    await watched(server.url, room, FEW ?? 0, `${name}, one publisher, ${FEW} viewers`);
    await watched(server.url, room, MANY ?? 0, `${name}, one publisher, ${MANY} viewers`);
    await browser.close();
  }
} finally {
  await server.stop();
}
