/**
 * The last two minutes of figures, as rates. No page in it.
 *
 * @import {Amount, Distribution, Stats} from './feed.js'
 */

/** How many samples are kept: two minutes of one a second. */
export const SAMPLES = 120;

/** Rates are over so many samples: workers publish their counts four times a second, which makes each one uneven. */
const RATE_SAMPLES = 3;

/** Percentiles are over so many. */
const PERCENTILE_SAMPLES = 10;

/**
 * @typedef {object} Moment What is plotted, at one moment; `null` where it is not known.
 * @property {number} rooms
 * @property {number} participants
 * @property {number | null} packetsIn Per second.
 * @property {number | null} packetsOut
 * @property {number | null} bitsIn
 * @property {number | null} bitsOut
 * @property {number | null} p50 Of forwarding, in seconds.
 * @property {number | null} p99
 * @property {number | null} drops Per second, of all reasons but those by design.
 * @property {number | null} spared Per second, by design.
 * @property {number | null} segments Datagrams per message that the kernel was handed.
 * @property {number | null} processor Of all threads; 1 is one processor.
 * @property {number} memory In bytes.
 * @property {(number | null)[]} workers The processor of each.
 */

export class History {
  /** @type {Stats[]} Oldest first. */
  #stats = [];
  /** @type {(Moment | null)[]} Oldest first; `null`: the server did not answer. */
  #moments = [];

  /** @param {Stats} stats */
  add(stats) {
    const last = this.#stats.at(-1);
    // Another process under the same address counts from nothing.
    if (last && stats.uptime_seconds < last.uptime_seconds) this.#stats = [];
    this.#stats.push(stats);
    this.#stats.splice(0, this.#stats.length - PERCENTILE_SAMPLES - 1);
    this.#push(this.#moment(stats));
  }

  /** The server did not answer. */
  miss() {
    this.#push(null);
  }

  /** @returns {readonly (Moment | null)[]} */
  get moments() {
    return this.#moments;
  }

  /** @returns {Stats | undefined} */
  get latest() {
    return this.#stats.at(-1);
  }

  /**
   * How much a count has grown a second; `null` while only one sample is known.
   *
   * @param {(stats: Stats) => number} count
   * @returns {number | null}
   */
  rate(count) {
    const last = this.#stats.at(-1);
    const first = this.#before(RATE_SAMPLES);
    if (!last || !first || last.uptime_seconds <= first.uptime_seconds) return null;
    // A count that was not there has been zero.
    return Math.max(0, (count(last) - count(first)) / (last.uptime_seconds - first.uptime_seconds));
  }

  /** @param {number} samples */
  #before(samples) {
    return this.#stats.length < 2 ? undefined : this.#stats.at(-Math.min(samples + 1, this.#stats.length));
  }

  /** @param {Moment | null} moment */
  #push(moment) {
    this.#moments.push(moment);
    this.#moments.splice(0, this.#moments.length - SAMPLES);
  }

  /** @param {Stats} stats @returns {Moment} */
  #moment(stats) {
    const then = this.#before(PERCENTILE_SAMPLES);
    const latency = then && difference(stats.forward_latency, then.forward_latency);
    const messages = this.rate((of) => of.send.messages);
    const datagrams = this.rate((of) => of.send.datagrams);
    return {
      rooms: stats.rooms,
      participants: stats.participants,
      packetsIn: this.rate((of) => total(of.received, 'packets')),
      packetsOut: this.rate((of) => total(of.sent, 'packets')),
      bitsIn: scaled(8, this.rate((of) => total(of.received, 'bytes'))),
      bitsOut: scaled(8, this.rate((of) => total(of.sent, 'bytes'))),
      p50: latency ? percentile(latency, 0.5) : null,
      p99: latency ? percentile(latency, 0.99) : null,
      drops: this.rate((of) => sum(of.dropped_packets)),
      spared: this.rate((of) => sum(of.spared_packets)),
      segments: messages ? (datagrams ?? 0) / messages : null,
      processor: this.rate((of) => of.process.cpu_seconds),
      memory: stats.process.resident_memory_bytes,
      workers: stats.workers.map((_, index) => this.rate((of) => of.workers[index]?.cpu_seconds ?? 0)),
    };
  }
}

/** @param {number} factor @param {number | null} value */
function scaled(factor, value) {
  return value === null ? null : value * factor;
}

/** @param {Record<string, number>} counts */
function sum(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** @param {Record<string, Amount>} amounts @param {'packets' | 'bytes'} what */
export function total(amounts, what) {
  return Object.values(amounts).reduce((sum, amount) => sum + amount[what], 0);
}

/**
 * What was added between two looks at the same distribution.
 *
 * @param {Distribution} now
 * @param {Distribution} then
 * @returns {Distribution}
 */
export function difference(now, then) {
  const counts = now.counts.map((count, index) => Math.max(0, count - (then.counts[index] ?? 0)));
  return { bounds_seconds: now.bounds_seconds, counts };
}

/**
 * The value that this share of all values does not exceed, taking those within two bounds for evenly spread, as
 * Prometheus does; `null` if there are none.
 *
 * @param {Distribution} distribution
 * @param {number} share 0 to 1.
 * @returns {number | null}
 */
export function percentile({ bounds_seconds: bounds, counts }, share) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  const wanted = all * share;
  let seen = 0;
  for (const [index, count] of counts.entries()) {
    const lower = bounds[index - 1] ?? 0;
    const upper = bounds[index];
    if (seen + count >= wanted && count > 0) {
      // Of those above all bounds nothing more is known.
      return upper === undefined ? lower : lower + ((upper - lower) * (wanted - seen)) / count;
    }
    seen += count;
  }
  return bounds.at(-1) ?? null;
}
