/** A way to the server's TCP port that can be cut off, while UDP goes its own way: as when a proxy restarts. */
import { connect, createServer } from 'node:net';
import { once } from 'node:events';

/** @import {Socket} from 'node:net' */
/** @import {TestServer} from './server.js' */

/**
 * @typedef {object} Way
 * @property {string} url
 * @property {() => void} interrupt Ends every connection, and refuses new ones.
 * @property {() => void} restore
 * @property {() => Promise<void>} close
 */

/** @param {TestServer} server @returns {Promise<Way>} */
export async function interruptible(server) {
  const { hostname, port } = new URL(server.url);
  /** @type {Set<Socket>} */
  const sockets = new Set();
  let open = true;
  const proxy = createServer((inner) => {
    if (!open) {
      inner.destroy();
      return;
    }
    const outer = connect(Number(port), hostname);
    for (const [socket, other] of /** @type {const} */ ([[inner, outer], [outer, inner]])) {
      sockets.add(socket);
      socket.pipe(other);
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
  return {
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
  };
}
