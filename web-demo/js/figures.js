/** What getStats says, in the words of a person who watches a call: size, frames, bits. Reads, and draws nothing. */

/**
 * @typedef {object} Figures
 * @property {number} width In pixels; 0 before the first frame.
 * @property {number} height In pixels.
 * @property {number} framesPerSecond
 * @property {number} bitsPerSecond
 * @property {number} lost Share of packets lost since the last reading, from 0 to 1. Of what is sent: 0.
 */

/** @typedef {{at: number, bytes: number, frames: number, packets: number, lost: number}} Counters */

export class FigureReader {
  /** Last counters, by id of the report. @type {Map<string, Counters>} */
  #before = new Map();

  /**
   * Figures since the last reading, by mid of the slot for what is received, and by rid (or the empty string) for
   * what is sent.
   *
   * @param {RTCStatsReport} report
   */
  read(report) {
    /** @type {Map<string, Figures>} */
    const received = new Map();
    /** @type {Figures[]} */
    const sent = [];
    for (const entry of report.values()) {
      if (entry.kind !== 'video') continue;
      if (entry.type === 'inbound-rtp' && typeof entry.mid === 'string') {
        const { bytesReceived, framesDecoded, packetsReceived, packetsLost } = entry;
        received.set(entry.mid, this.#figures(entry, bytesReceived, framesDecoded, packetsReceived, packetsLost));
      } else if (entry.type === 'outbound-rtp') {
        const figures = this.#figures(entry, entry.bytesSent, entry.framesEncoded, entry.packetsSent, 0);
        if (figures.bitsPerSecond > 0) sent.push(figures);
      }
    }
    sent.sort((a, b) => b.width - a.width);
    return { received, sent };
  }

  /**
   * @param {any} entry
   * @param {number} [bytes]
   * @param {number} [frames]
   * @param {number} [packets]
   * @param {number} [lost]
   * @returns {Figures}
   */
  #figures(entry, bytes = 0, frames = 0, packets = 0, lost = 0) {
    const now = { at: entry.timestamp, bytes, frames, packets, lost };
    const before = this.#before.get(entry.id) ?? now;
    this.#before.set(entry.id, now);
    const seconds = (now.at - before.at) / 1000;
    const per = (/** @type {number} */ amount) => (seconds > 0 ? Math.max(0, amount) / seconds : 0);
    const lostNow = Math.max(0, now.lost - before.lost);
    const expected = now.packets - before.packets + lostNow;
    return {
      width: entry.frameWidth ?? 0,
      height: entry.frameHeight ?? 0,
      framesPerSecond: per(now.frames - before.frames),
      bitsPerSecond: per(8 * (now.bytes - before.bytes)),
      lost: expected > 0 ? lostNow / expected : 0,
    };
  }
}

/**
 * @param {Figures} figures
 * @returns {string} Like `1280×720 · 30 fps · 1.4 Mbit/s`.
 */
export function sentenceOf({ width, height, framesPerSecond, bitsPerSecond, lost }) {
  if (width === 0 || bitsPerSecond === 0) return 'no picture';
  const parts = [`${width}×${height}`, `${Math.round(framesPerSecond)} fps`, bitrate(bitsPerSecond)];
  if (lost >= 0.005) parts.push(`${(lost * 100).toFixed(1)} % lost`);
  return parts.join(' · ');
}

/**
 * What we send: every layer's size, and the sum of the bits.
 *
 * @param {Figures[]} layers From large to small.
 */
export function sentSentenceOf(layers) {
  const first = layers[0];
  if (first === undefined) return 'nothing sent';
  const sizes = layers.map(({ width, height }) => `${width}×${height}`).join(', ');
  const total = layers.reduce((sum, { bitsPerSecond }) => sum + bitsPerSecond, 0);
  return `${sizes} · ${Math.round(first.framesPerSecond)} fps · ${bitrate(total)}`;
}

/** @param {number} bitsPerSecond */
function bitrate(bitsPerSecond) {
  return bitsPerSecond >= 1e6 ? `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}
