/** The parts of the page that are pure arithmetic, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pauseAfter } from '../../js/backoff.js';
import { cameraEncodings, layersFor, svcFor } from '../../js/encodings.js';
import { FigureReader, sentSentenceOf, sentenceOf } from '../../js/figures.js';
import { WHOLE, bestLayout } from '../../js/layout.js';
import { ageOf, drawMark, identityOf, readMark } from '../../js/mark.js';
import { displayNameFrom, initialsOf, newRoomName, roomNameFrom } from '../../js/names.js';

test('tiles fill their space, in rows that suit its shape', () => {
  const table = [
    // count, width, height → columns, at least this share of the space
    { count: 1, width: 1280, height: 640, columns: 1, covers: 0.85 },
    { count: 2, width: 1280, height: 640, columns: 2, covers: 0.65 },
    { count: 2, width: 340, height: 580, columns: 1, covers: 0.9 },
    { count: 4, width: 1280, height: 720, columns: 2, covers: 0.95 },
    { count: 1, width: 340, height: 580, columns: 1, covers: 0.75 },
    { count: 6, width: 1280, height: 640, columns: 3, covers: 0.9 },
    { count: 6, width: 340, height: 580, columns: 2, covers: 0.9 },
    { count: 9, width: 1600, height: 900, columns: 3, covers: 0.95 },
  ];
  for (const { count, width, height, columns, covers } of table) {
    const layout = bestLayout(count, width, height, 10, width > height ? 4 / 3 : 3 / 4);
    const label = `${count} tiles in ${width}×${height}: ${JSON.stringify(layout)}`;
    assert.equal(layout.columns, columns, label);
    assert.ok(layout.columns * layout.width + (layout.columns - 1) * 10 <= width, `${label} is too wide`);
    const rows = Math.ceil(count / columns);
    assert.ok(rows * layout.height + (rows - 1) * 10 <= height, `${label} is too high`);
    assert.ok((count * layout.width * layout.height) / (width * height) >= covers, `${label} wastes space`);
  }
});

test('tiles of a crowd stay large enough to tell faces apart, and scroll', () => {
  const layout = bestLayout(60, 340, 500, 10, 3 / 4);
  assert.ok(layout.width >= 132, JSON.stringify(layout));
  assert.ok(layout.columns * layout.width + (layout.columns - 1) * 10 <= 340, JSON.stringify(layout));
});

test('a shared screen is never cropped', () => {
  const { width, height } = bestLayout(1, 400, 900, 10, WHOLE);
  assert.ok(Math.abs(width / height - 16 / 9) < 0.02, `${width}×${height}`);
});

test('a camera is sent in as many layers as its size carries, the largest always in full', () => {
  const table = [
    { size: [1280, 720], scales: [4, 2, 1], active: [true, true, true] },
    { size: [960, 540], scales: [4, 2, 1], active: [true, true, true] },
    { size: [640, 480], scales: [2, 1, 1], active: [true, true, false] },
    { size: [640, 360], scales: [2, 1, 1], active: [true, true, false] },
    { size: [320, 240], scales: [1, 1, 1], active: [true, false, false] },
  ];
  for (const { size, scales, active } of table) {
    const layers = layersFor(size[0] ?? 0, size[1] ?? 0);
    assert.deepEqual(layers.map(({ rid }) => rid), ['q', 'h', 'f']);
    assert.deepEqual(layers.map((layer) => layer.scaleResolutionDownBy), scales, `${size}`);
    assert.deepEqual(layers.map((layer) => layer.active), active, `${size}`);
  }
});

test('what is sent as one encoding has as many layers in it', () => {
  const table = [
    { size: [1280, 720], mode: 'L3T3_KEY' },
    { size: [640, 360], mode: 'L2T3_KEY' },
    { size: [320, 240], mode: 'L1T3' },
  ];
  for (const { size, mode } of table) {
    assert.equal(svcFor(size[0] ?? 0, size[1] ?? 0).scalabilityMode, mode, `${size}`);
  }
});

test('only codecs that have layers in one encoding are sent so', () => {
  const table = /** @type {const} */ ([[null, 3], ['vp8', 3], ['h264', 3], ['vp9', 1], ['av1', 1]]);
  for (const [codec, count] of table) assert.equal(cameraEncodings(null, codec).length, count, `${codec}`);
});

test('pauses grow to eight seconds and are never the same for all', () => {
  assert.deepEqual([0, 1, 2, 3].map((failures) => pauseAfter(failures, 1)), [300, 600, 1200, 2400]);
  assert.equal(pauseAfter(50, 1), 8000);
  assert.equal(pauseAfter(50, 0), 4000);
});

test('what is typed becomes the name of a room that the server takes', () => {
  const table = [
    ['standup', 'standup'],
    ['  Team Meeting ', 'Team-Meeting'],
    ['Café', 'Cafe'],
    ['a/b?c', 'abc'],
    ['…', ''],
    ['', ''],
    ['x'.repeat(100), 'x'.repeat(64)],
  ];
  for (const [typed = '', expected] of table) assert.equal(roomNameFrom(typed), expected, typed);
  for (let n = 0; n < 50; n++) {
    const name = newRoomName();
    assert.equal(roomNameFrom(name), name);
  }
});

test('names lose what could disguise them, and no more', () => {
  assert.equal(displayNameFrom('  Ada\u202e Lovelace\n'), 'Ada Lovelace');
  assert.equal(displayNameFrom('李小龙'), '李小龙');
  assert.equal([...displayNameFrom('👋'.repeat(70))].length, 64);
  assert.deepEqual(['Ada Lovelace', 'grace', 'Jean Luc van Damme', ''].map(initialsOf), ['AL', 'G', 'JD', '']);
});

test('figures are differences, and read like a sentence', () => {
  const reader = new FigureReader();
  const report = (/** @type {number} */ seconds) =>
    /** @type {RTCStatsReport} */ (
      /** @type {unknown} */ (
        new Map([
          [
            'in',
            {
              ...{ id: 'in', type: 'inbound-rtp', kind: 'video', mid: '3', timestamp: seconds * 1000 },
              ...{ frameWidth: 1280, frameHeight: 720, bytesReceived: seconds * 150_000 },
              ...{ framesDecoded: seconds * 30, packetsReceived: seconds * 98, packetsLost: seconds * 2 },
            },
          ],
          ['audio', { id: 'audio', type: 'inbound-rtp', kind: 'audio', mid: '2', timestamp: seconds * 1000 }],
        ])
      )
    );
  assert.equal(sentenceOf(reader.read(report(1)).received.get('3') ?? assert.fail('no figures')), 'no picture');
  const later = reader.read(report(3)).received;
  assert.equal(sentenceOf(later.get('3') ?? assert.fail('no figures')), '1280×720 · 30 fps · 1.2 Mbit/s · 2.0 % lost');
  assert.equal(later.has('2'), false, 'sound has no picture');
  assert.equal(sentSentenceOf([]), 'nothing sent');
});

test('a mark reads back as it was drawn, also small and noisy', () => {
  for (const [width, height] of /** @type {const} */ ([[640, 360], [320, 180], [160, 90]])) {
    for (const name of ['Ada', 'Grace', '李小龙']) {
      const picture = new FakePicture(width, height);
      const now = 1_700_000_123_456;
      drawMark(picture.asContext(), width, height, 120, identityOf(name), now);
      const mark = readMark(picture.asContext(), width, height);
      assert.equal(mark?.identity, identityOf(name), `${name} at ${width}×${height}`);
      assert.equal(ageOf(mark?.time ?? -1, now), 0);
      assert.equal(ageOf(mark?.time ?? -1, now + 1500), 1500);
    }
  }
});

test('a picture without a mark has none', () => {
  const picture = new FakePicture(640, 360);
  assert.equal(readMark(picture.asContext(), 640, 360), null);
});

/** As much of a canvas as marks need: rectangles of `hsl(…)` and single pixels. */
class FakePicture {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.brightness = new Uint8Array(width * height);
    this.fillStyle = '';
  }

  asContext() {
    return /** @type {CanvasRenderingContext2D} */ (/** @type {unknown} */ (this));
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  fillRect(x, y, width, height) {
    const lightness = Number(/(\d+)%\)$/.exec(this.fillStyle)?.[1] ?? assert.fail(`no colour: ${this.fillStyle}`));
    for (let row = Math.round(y); row < Math.round(y + height); row++) {
      for (let column = Math.round(x); column < Math.round(x + width); column++) {
        this.brightness[row * this.width + column] = lightness + ((row * 7 + column * 13) % 9);
      }
    }
  }

  /** @param {number} x @param {number} y */
  getImageData(x, y) {
    const value = this.brightness[y * this.width + x] ?? 0;
    return { data: [value, value, value, 255] };
  }
}
