/** Starts the real server on free ports of this machine, and stops it. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createWriteStream, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ARTIFACTS } from './artifacts.js';

/** Media ports that the server needs; two, so that workers work together on every machine. */
const WORKERS = 2;

/** How long the server may take to be ready, or to end, in milliseconds. A debug build needs well under a second. */
const PATIENCE = 20_000;

/**
 * @typedef {object} TestServer
 * @property {string} url Of the page, without a slash at the end.
 * @property {number[]} mediaPorts UDP.
 * @property {() => Promise<void>} stop Ends it as an operator does, and waits for it.
 * @property {() => Promise<void>} start Starts it again, on the same ports.
 */

/**
 * @param {string[]} [flags] More flags than where to listen.
 * @returns {Promise<TestServer>}
 */
export async function startServer(flags = []) {
  const port = await freeTcpPort();
  const url = `http://127.0.0.1:${port}`;
  const arguments_ = ['--listen', `127.0.0.1:${port}`, '--workers', String(WORKERS), ...flags];
  const mediaPorts = await freeUdpPorts(WORKERS);
  arguments_.push('--udp-port', String(mediaPorts[0]));
  const log = createWriteStream(path.join(ARTIFACTS, `server-${port}.log`), { flags: 'a' });
  /** @type {import('node:child_process').ChildProcess | null} */
  let child = null;

  const start = async () => {
    const started = spawn(binary(), arguments_, { stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
    child = started;
    started.stdout?.pipe(log, { end: false });
    started.stderr?.pipe(log, { end: false });
    for (const deadline = Date.now() + PATIENCE; Date.now() < deadline; ) {
      if (started.exitCode !== null) throw new Error(`the server ended with ${started.exitCode}; see ${String(log.path)}`);
      const ready = await fetch(`${url}/readyz`).catch(() => null);
      if (ready?.ok) return;
      await sleep(50);
    }
    throw new Error(`the server was not ready after ${PATIENCE / 1000} s; see ${String(log.path)}`);
  };

  const stop = async () => {
    const stopping = child;
    child = null;
    if (stopping === null || stopping.exitCode !== null) return;
    const ended = once(stopping, 'exit');
    stopping.kill('SIGTERM');
    const timer = setTimeout(() => stopping.kill('SIGKILL'), PATIENCE);
    await ended;
    clearTimeout(timer);
  };

  await start();
  return { url, mediaPorts, start, stop };
}

/** The server as `SERVER_BINARY` says, or as cargo last built it. */
function binary() {
  const target = path.resolve(import.meta.dirname, '../../target');
  const candidates = [process.env['SERVER_BINARY'], `${target}/debug/switchyard`, `${target}/release/switchyard`];
  const found = candidates.find((candidate) => candidate && existsSync(candidate));
  if (found === undefined) throw new Error('there is no server: run `cargo build` first, or set SERVER_BINARY');
  return found;
}

/** Ours, without settings for the server. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SWITCHYARD_')));
}

async function freeTcpPort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free');
  return address.port;
}

/**
 * So many UDP ports in a row that nobody uses, of five digits each.
 *
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freeUdpPorts(count) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const base = 20_000 + Math.floor(Math.random() * 20_000);
    const sockets = [];
    try {
      for (let n = 0; n < count; n++) {
        const socket = createSocket('udp6');
        sockets.push(socket);
        socket.bind(base + n);
        await once(socket, 'listening');
      }
      return Array.from({ length: count }, (_, n) => base + n);
    } catch {
      // One of them is taken; elsewhere, then.
    } finally {
      for (const socket of sockets) socket.close();
    }
  }
  throw new Error(`no ${count} UDP ports in a row are free`);
}
