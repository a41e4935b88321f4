/** What the page `/ops` makes of the server's counts, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History, SAMPLES, difference, percentile } from '../../ops/history.js';
import { age, duration, memory, percent, short } from '../../ops/words.js';

/** @import {Stats} from '../../ops/feed.js' */

/**
 * @param {number} at Seconds.
 * @param {number} packets Sent since the start.
 * @returns {Stats}
 */
function statsAt(at, packets) {
  const nothing = { bounds_seconds: [0.001, 0.002], counts: [0, 0, 0] };
  return {
    version: '1',
    uptime_seconds: at,
    rooms: 1,
    participants: 2,
    peers: { all: 2, connected: 2 },
    tracks: 0,
    slots: { all: 0, assigned: 0 },
    received: {},
    sent: { audio: { packets, bytes: packets * 100 } },
    dropped_packets: packets > 0 ? { socket_full: packets } : {},
    spared_packets: { muted: packets * 2 },
    nack_received_packets: 0,
    nack_sent_packets: 0,
    keyframe_requests_received: 0,
    keyframe_requests_sent: 0,
    forward_latency: { ...nothing, counts: [packets, 0, 0] },
    join: nothing,
    send: { messages: packets / 4, datagrams: packets },
    workers: [],
    process: { cpu_seconds: at / 2, resident_memory_bytes: 1, open_files: 1 },
  };
}

test('counts become rates by the clock of the server', () => {
  const history = new History();
  history.add(statsAt(10, 0));
  assert.equal(history.moments.at(-1)?.packetsOut, null, 'one look makes no rate');
  history.add(statsAt(12, 100));
  const moment = history.moments.at(-1);
  assert.equal(moment?.packetsOut, 50);
  assert.equal(moment?.bitsOut, 40_000);
  assert.equal(moment?.drops, 50, 'a reason that was not there has been zero');
  assert.equal(moment?.spared, 100);
  assert.equal(moment?.segments, 4);
  assert.equal(moment?.processor, 0.5);
  assert.equal(moment?.p50, 0.0005);
});

test('a server that was restarted counts from nothing, and a gap stays a gap', () => {
  const history = new History();
  history.add(statsAt(100, 5000));
  history.miss();
  history.add(statsAt(1, 10));
  assert.deepEqual(
    history.moments.map((moment) => moment && moment.packetsOut),
    [null, null, null],
  );
  assert.equal(history.moments[1], null);
  history.add(statsAt(2, 30));
  assert.equal(history.moments.at(-1)?.packetsOut, 20);
});

test('only two minutes are kept', () => {
  const history = new History();
  for (let second = 0; second < 3 * SAMPLES; second++) history.add(statsAt(second + 1, second * 10));
  assert.equal(history.moments.length, SAMPLES);
  assert.equal(history.moments.at(-1)?.packetsOut, 10);
});

test('percentiles lie within the bucket that holds them', () => {
  const bounds_seconds = [1, 2, 4];
  /** @type {[number[], number, number | null][]} Counts, share, percentile. */
  const table = [
    [[0, 0, 0, 0], 0.5, null],
    [[10, 0, 0, 0], 0.5, 0.5],
    [[0, 10, 0, 0], 0.5, 1.5],
    [[5, 0, 5, 0], 0.99, 3.96],
    [[0, 0, 0, 7], 0.5, 4],
    [[1, 0, 0, 0], 1, 1],
  ];
  for (const [counts, share, expected] of table) {
    const got = percentile({ bounds_seconds, counts }, share);
    const near = got === expected || (got !== null && expected !== null && Math.abs(got - expected) < 1e-9);
    assert.ok(near, `${share} of ${counts} is ${got}, not ${expected}`);
  }
  const added = difference({ bounds_seconds, counts: [3, 5, 0, 1] }, { bounds_seconds, counts: [3, 2, 0, 0] });
  assert.deepEqual(added.counts, [0, 3, 0, 1]);
});

test('numbers are written as people read them', () => {
  /** @type {[string, string][]} */
  const table = [
    [short(0, '/s'), '0 /s'],
    [short(0.25), '0.25'],
    [short(12), '12'],
    [short(999.6), '1.00 k'],
    [short(49_949, '/s'), '49.9 k/s'],
    [short(1_234_567, 'bit/s'), '1.23 Mbit/s'],
    [short(null), '–'],
    [duration(0.000_1), '100 µs'],
    [duration(0.001), '1 ms'],
    [duration(0.0123), '12.3 ms'],
    [duration(0.1), '100 ms'],
    [duration(2), '2.0 s'],
    [duration(null), '–'],
    [age(59), '59 s'],
    [age(3_660), '1 h 1 min'],
    [age(90_000), '1 d 1 h'],
    [memory(31 * 1024 * 1024), '31 MiB'],
    [memory(2.5 * 1024 ** 3), '2.5 GiB'],
    [percent(0.034), '3.4 %'],
    [percent(0.61), '61 %'],
  ];
  for (const [got, expected] of table) assert.equal(got, expected);
});
