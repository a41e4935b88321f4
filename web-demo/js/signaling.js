/**
 * One WebSocket to the server, as docs/protocol.md describes it: requests with their replies, messages in order,
 * and one end. What to do after the end is not decided here (see session.js).
 *
 * @import {ClientMessage, Closed, ServerMessage} from './protocol.js'
 */

/** How long the server may take to reply to a request or to open the connection, in milliseconds. A guess. */
const REPLY_TIMEOUT = 10_000;

/** A silent network is noticed after this plus REPLY_TIMEOUT; browsers tell nobody when a TCP peer is gone. */
const PING_INTERVAL = 10_000;

/** The server refused a request. */
export class RequestError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
  }
}

/** The connection ended before the reply came. */
export class ConnectionLost extends Error {
  constructor() {
    super('the connection to the server was lost');
    this.name = 'ConnectionLost';
  }
}

/**
 * @typedef {object} Waiting
 * @property {(reply: any) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

export class Signaling {
  /** @type {WebSocket} */
  #socket;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #nextId = 1;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pings;
  /** @type {(closed: Closed | null) => void} */
  #resolveEnd = () => {};
  /** @type {Closed | null} */
  #closed = null;
  #over = false;
  /** @type {(message: ServerMessage) => void} */
  #onMessage;

  /**
   * @param {string} url `ws:` or `wss:`.
   * @param {(message: ServerMessage) => void} onMessage Called for what is not a reply, in order.
   */
  constructor(url, onMessage) {
    this.#onMessage = onMessage;
    /** Settles once, with the server's `closed` if there was one. @type {Promise<Closed | null>} */
    this.ended = new Promise((resolve) => (this.#resolveEnd = resolve));
    this.#socket = new WebSocket(url);
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = () => this.#end();
    /** Rejects with ConnectionLost if there is no server. @type {Promise<void>} */
    this.opened = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(), REPLY_TIMEOUT);
      this.#socket.onopen = () => {
        clearTimeout(timer);
        this.#pings = setInterval(() => this.request({ type: 'ping' }).catch(() => this.#end()), PING_INTERVAL);
        resolve();
      };
      this.ended.then(() => {
        clearTimeout(timer);
        reject(new ConnectionLost());
      });
    });
    this.opened.catch(() => {}); // Whoever waits for `opened` hears of it; nobody has to.
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @template {ServerMessage} Reply
   * @param {ClientMessage} message
   * @returns {Promise<Reply>} Rejects with RequestError if the server refuses, with ConnectionLost if it is gone.
   */
  request(message) {
    return new Promise((resolve, reject) => {
      if (this.#over || this.#socket.readyState !== WebSocket.OPEN) {
        reject(new ConnectionLost());
        return;
      }
      const id = this.#nextId++;
      // A server that does not reply is as good as gone, and only a new connection can tell.
      const timer = setTimeout(() => this.#end(), REPLY_TIMEOUT);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ ...message, id }));
    });
  }

  /** Ends the connection without leaving the room. */
  close() {
    this.#end();
  }

  /** @param {unknown} data */
  #receive(data) {
    if (this.#over || typeof data !== 'string') return;
    /** @type {ServerMessage & {id?: number}} */
    const message = JSON.parse(data);
    if (message.type === 'closed') {
      this.#closed = message;
      this.#end();
      return;
    }
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (waiting !== undefined && message.id !== undefined) {
      this.#waiting.delete(message.id);
      clearTimeout(waiting.timer);
      if (message.type === 'error') waiting.reject(new RequestError(message.code, message.message));
      else waiting.resolve(message);
      return;
    }
    this.#onMessage(message);
  }

  #end() {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#pings);
    this.#socket.close();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new ConnectionLost());
    }
    this.#waiting.clear();
    this.#resolveEnd(this.#closed);
  }
}
