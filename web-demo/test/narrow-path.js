/**
 * A way to the server on which as much media comes to a browser as a test says, through a queue as home routers have: a
 * relay for UDP, to which answers send the browser. What the browser sends is not held up.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { interruptible } from './interruption.js';
import { freeUdpPorts } from './server.js';

/** @import {Socket} from 'node:dgram' */
/** @import {TestServer} from './server.js' */

/** What waits before the narrow place, in milliseconds of its rate, before more is dropped. */
const LONGEST_QUEUE = 300;

/**
 * @typedef {object} NarrowPath
 * @property {string} url Of the page.
 * @property {number} bitsPerSecond What comes to the browser at most; no limit at first.
 * @property {number} dropped Datagrams that found the queue full.
 * @property {() => Promise<void>} close
 */

/** @param {TestServer} server @returns {Promise<NarrowPath>} */
export async function narrowPath(server) {
  const way = await interruptible(server);
  const queue = new Queue();
  const ports = await freeUdpPorts(server.mediaPorts.length);
  const relays = await Promise.all(
    server.mediaPorts.map((port, n) => {
      way.mediaPorts.set(port, ports[n] ?? 0);
      return relay(ports[n] ?? 0, port, queue);
    }),
  );
  return {
    url: way.url,
    get bitsPerSecond() {
      return queue.bitsPerSecond;
    },
    set bitsPerSecond(rate) {
      queue.bitsPerSecond = rate;
    },
    get dropped() {
      return queue.dropped;
    },
    async close() {
      queue.close();
      for (const close of relays) close();
      await way.close();
    },
  };
}

/** What leaves at a rate. A timer that comes late lets out what is due at once, so that the rate is kept on a busy machine. */
class Queue {
  bitsPerSecond = Infinity;
  dropped = 0;
  /** @type {{at: number, send: () => void}[]} */
  #waiting = [];
  #freeAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {number} bytes @param {() => void} send */
  push(bytes, send) {
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now);
    if (this.#freeAt - now > LONGEST_QUEUE) {
      this.dropped++;
      return;
    }
    this.#freeAt += (8_000 * bytes) / this.bitsPerSecond;
    this.#waiting.push({ at: this.#freeAt, send });
    if (this.#waiting.length === 1) this.#letOut();
  }

  close() {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #letOut() {
    const now = performance.now();
    while (this.#waiting[0] !== undefined && this.#waiting[0].at <= now) this.#waiting.shift()?.send();
    const next = this.#waiting[0];
    if (next !== undefined) this.#timer = setTimeout(() => this.#letOut(), next.at - now);
  }
}

/**
 * Carries datagrams between whoever sends to `outerPort` and `innerPort`, at which the server takes each sender for
 * another.
 *
 * @param {number} outerPort
 * @param {number} innerPort
 * @param {Queue} queue For what the server sends.
 * @returns {Promise<() => void>} Ends it.
 */
async function relay(outerPort, innerPort, queue) {
  const outer = createSocket('udp6');
  /** @type {Map<string, Socket>} */
  const inners = new Map();
  outer.on('message', (datagram, { address, port }) => {
    const key = `${address} ${port}`;
    let inner = inners.get(key);
    if (inner === undefined) {
      inner = createSocket('udp4');
      inner.on('message', (answer) => queue.push(answer.length, () => outer.send(answer, port, address)));
      inners.set(key, inner);
    }
    inner.send(datagram, innerPort, '127.0.0.1');
  });
  outer.bind(outerPort);
  await once(outer, 'listening');
  return () => {
    outer.close();
    for (const inner of inners.values()) inner.close();
  };
}
