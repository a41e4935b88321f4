/**
 * Asks the server for its figures, once a second while somebody looks, and keeps the token that it wants.
 *
 * @typedef {object} Amount
 * @property {number} packets
 * @property {number} bytes
 *
 * @typedef {object} Distribution
 * @property {number[]} bounds_seconds
 * @property {number[]} counts One more than bounds: the last is above all of them.
 *
 * @typedef {object} WorkerStats
 * @property {boolean} failed
 * @property {number} peers
 * @property {number} cpu_seconds
 * @property {number} turns
 * @property {number} turn_seconds
 * @property {number} commands_waiting
 * @property {number} events_waiting
 * @property {number} pipe_batches_waiting
 * @property {number} received_packets
 * @property {number} sent_packets
 *
 * @typedef {object} Stats What `GET /api/v1/stats` answers; counts since the start of the server.
 * @property {string} version
 * @property {number} uptime_seconds
 * @property {number} rooms
 * @property {number} participants
 * @property {{all: number, connected: number}} peers
 * @property {number} tracks
 * @property {{all: number, assigned: number}} slots
 * @property {Record<string, Amount>} received
 * @property {Record<string, Amount>} sent
 * @property {Record<string, number>} dropped_packets By reason.
 * @property {Record<string, number>} spared_packets The same for reasons that are by design.
 * @property {number} nack_received_packets
 * @property {number} nack_sent_packets
 * @property {number} keyframe_requests_received
 * @property {number} keyframe_requests_sent
 * @property {Distribution} forward_latency
 * @property {Distribution} join
 * @property {{messages: number, datagrams: number}} send
 * @property {WorkerStats[]} workers
 * @property {{cpu_seconds: number, resident_memory_bytes: number, open_files: number}} process
 *
 * @typedef {{stats: Stats} | {wants: 'token', said: string} | {gone: string}} Report
 */

/** How often it asks, in milliseconds. */
const EVERY = 1_000;

/** After so many milliseconds without an answer the server counts as gone. */
const PATIENCE = 5_000;

const TOKEN = 'switchyard.ops.token';

export class Feed {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asking = false;

  /** @param {(report: Report) => void} tell */
  constructor(tell) {
    this.tell = tell;
    document.addEventListener('visibilitychange', () => this.ask());
    void this.ask();
  }

  /** @param {string} token */
  useToken(token) {
    sessionStorage.setItem(TOKEN, token);
    void this.ask();
  }

  /** Now, and then again and again. */
  async ask() {
    clearTimeout(this.#timer);
    if (this.#asking) return;
    if (document.hidden) return; // Until somebody looks again.
    this.#asking = true;
    const report = await request();
    this.#asking = false;
    this.tell(report);
    // A wrong token stays wrong.
    if (!('wants' in report)) this.#timer = setTimeout(() => this.ask(), EVERY);
  }
}

/** @returns {Promise<Report>} */
async function request() {
  const token = sessionStorage.getItem(TOKEN);
  /** @type {Record<string, string>} */
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  try {
    const response = await fetch('api/v1/stats', { headers, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    if (response.ok) return { stats: await response.json() };
    const problem = await response.json().catch(() => ({}));
    const said = typeof problem.detail === 'string' ? problem.detail : `the server replied with ${response.status}`;
    if (response.status === 401 || response.status === 403) {
      const isUnasked = token === null && response.status === 401;
      return { wants: 'token', said: isUnasked ? '' : said };
    }
    return { gone: said };
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    return { gone: late ? `no answer within ${PATIENCE / 1000} s` : 'nothing answers at its address' };
  }
}
