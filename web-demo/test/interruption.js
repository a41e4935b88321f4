/**
 * A way to the server's TCP port that can be cut off, while UDP goes its own way, as when a proxy restarts; and that can
 * give the server's UDP ports as others: as ones at which nobody is, as behind a firewall, or at which a relay is.
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
 * @property {Map<number, number>} mediaPorts UDP ports of the server, and what answers name in their place; as many digits.
 * @property {() => Promise<void>} close
 */

/** @param {TestServer} server @returns {Promise<Way>} */
export async function interruptible(server) {
  const { hostname, port } = new URL(server.url);
  /** @type {Set<Socket>} */
  const sockets = new Set();
  let open = true;
  const way = /** @type {Way} */ ({ hidesMedia: false, mediaPorts: new Map() });
  const proxy = createServer((inner) => {
    if (!open) {
      inner.destroy();
      return;
    }
    const outer = connect(Number(port), hostname);
    for (const [socket, other] of /** @type {const} */ ([[inner, outer], [outer, inner]])) {
      sockets.add(socket);
      socket.on('data', (data) => other.write(socket === outer ? renameMedia(data, way) : data));
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
 * Writes other ports into candidates. A WebSocket frame stays as long as it was, and servers do not mask them.
 *
 * @param {Buffer} data
 * @param {Way} way
 */
function renameMedia(data, { hidesMedia, mediaPorts }) {
  if (!hidesMedia && mediaPorts.size === 0) return data;
  const renamed = (/** @type {string} */ port) =>
    hidesMedia ? '9'.padEnd(port.length, '0') : String(mediaPorts.get(Number(port)) ?? port);
  const text = data.toString('latin1');
  const changed = text.replace(/(candidate:\S+ \d+ udp \d+ \S+ )(\d+)/gi, (_, before, port) => before + renamed(port));
  return Buffer.from(changed, 'latin1');
}
