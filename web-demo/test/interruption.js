/**
 * A way to the server's TCP port that can be cut off, while UDP goes its own way, as when a proxy restarts; and that can
 * hide the server's UDP ports, as a firewall does.
 */
import { connect, createServer } from 'node:net';
import { once } from 'node:events';

/** @import {Socket} from 'node:net' */
/** @import {TestServer} from './server.js' */

/**
 * @typedef {object} Way
 * @property {string} url
 * @property {() => void} interrupt Ends every connection, and refuses new ones.
 * @property {() => void} restore
 * @property {boolean} hidesMedia Whether answers name ports at which nobody is.
 * @property {() => Promise<void>} close
 */

/** @param {TestServer} server @returns {Promise<Way>} */
export async function interruptible(server) {
  const { hostname, port } = new URL(server.url);
  /** @type {Set<Socket>} */
  const sockets = new Set();
  let open = true;
  const way = /** @type {Way} */ ({ hidesMedia: false });
  const proxy = createServer((inner) => {
    if (!open) {
      inner.destroy();
      return;
    }
    const outer = connect(Number(port), hostname);
    for (const [socket, other] of /** @type {const} */ ([[inner, outer], [outer, inner]])) {
      sockets.add(socket);
      socket.on('data', (data) => other.write(socket === outer && way.hidesMedia ? hideMedia(data) : data));
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the way has no port');
  const interrupt = () => {
    open = false;
    for (const socket of sockets) socket.destroy();
  };
  Object.assign(way, {
    url: `http://127.0.0.1:${address.port}`,
    interrupt,
    restore: () => {
      open = true;
    },
    async close() {
      interrupt();
      proxy.close();
      await once(proxy, 'close');
    },
  });
  return way;
}

/**
 * Writes another port into every candidate. A WebSocket frame stays as long as it was, and servers do not mask them.
 *
 * @param {Buffer} data
 */
function hideMedia(data) {
  const text = data.toString('latin1');
  const hidden = text.replace(/(candidate:\S+ \d+ udp \d+ \S+ )(\d+)/gi, (_, before, port) => before + '9'.padEnd(port.length, '0'));
  return Buffer.from(hidden, 'latin1');
}
