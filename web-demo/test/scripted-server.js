/**
 * A server that says what a test tells it to: for what the page does when the real one would have to be full, broken
 * or malicious. It serves the page's files and speaks the messages of docs/protocol.md.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { WebSocketServer } from 'ws';

/** @import {WebSocket} from 'ws' */

/** @typedef {{type: string, id: number} & Record<string, any>} Request */

/**
 * What to reply to a request; undefined is no reply at all. More can be sent through `socket`.
 *
 * @typedef {(request: Request, socket: WebSocket) => object | undefined} Script
 */

/**
 * @typedef {object} ScriptedServer
 * @property {string} url
 * @property {Request[]} requests All that came, but pings, in order.
 * @property {() => void} dropConnections Ends every WebSocket without a word.
 * @property {() => Promise<void>} close
 */

const ROOT = path.resolve(import.meta.dirname, '..');

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

/** @param {Script} script @returns {Promise<ScriptedServer>} */
export async function scriptedServer(script) {
  /** @type {Request[]} */
  const requests = [];
  const http = createServer(async (request, response) => {
    const name = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file = path.join(ROOT, name === '/' ? 'index.html' : path.normalize(name));
    const content = await readFile(file).catch(() => null);
    response.writeHead(content === null ? 404 : 200, {
      'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream',
      'content-security-policy': "default-src 'self'",
    });
    response.end(content);
  });
  const sockets = new WebSocketServer({ server: http, path: '/ws' });
  sockets.on('connection', (socket) => {
    socket.on('message', (data) => {
      /** @type {Request} */
      const request = JSON.parse(String(data));
      const { id } = request;
      if (request.type === 'ping') {
        socket.send(JSON.stringify({ type: 'pong', id }));
        return;
      }
      requests.push(request);
      const reply = script(request, socket);
      if (reply !== undefined) socket.send(JSON.stringify({ id, ...reply }));
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('the scripted server has no port');
  const dropConnections = () => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    dropConnections,
    async close() {
      dropConnections();
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

/**
 * A reply to `join`.
 *
 * @param {Request} request
 * @param {object} [more]
 */
export function joined(request, more = {}) {
  return {
    type: 'joined',
    protocol: 1,
    participant: 'p1',
    room: request['room'],
    name: request['name'],
    resume: 'secret-1',
    resumed: false,
    permissions: { publish: true, subscribe: true, data: true, admin: false },
    tracks: [],
    participants: [],
    limits: { messageBytes: 655360, messagesPerSecond: 20, messageBurst: 100, tracks: 8, slots: 128, resumeSeconds: 30 },
    iceServers: [],
    ...more,
  };
}
