/** What the server's messages add up to, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Roster } from '../../js/roster.js';

/** @import {Joined, ServerMessage, TrackInfo} from '../../js/protocol.js' */

/** @param {string} id @param {Partial<TrackInfo>} [more] @returns {TrackInfo} */
const track = (id, more) => ({ id, kind: 'video', source: 'camera', muted: false, started: true, ...more });

/** @returns {Roster} */
function roomWithGrace() {
  const roster = new Roster();
  /** @type {Joined} */
  const joined = {
    type: 'joined',
    participant: 'p2',
    room: 'standup',
    name: 'Ada',
    resume: 's',
    resumed: false,
    permissions: { publish: true, subscribe: true, data: true, admin: false },
    participants: [{ id: 'p1', name: 'Grace', tracks: [track('k1'), track('k2', { kind: 'audio', source: 'microphone' })] }],
    speakers: ['p1'],
    limits: { tracks: 8, slots: 128, resumeSeconds: 30 },
    iceServers: [],
  };
  roster.reset(joined);
  return roster;
}

test('people and their tracks come, change and go', () => {
  const roster = roomWithGrace();
  /** @type {[ServerMessage, object | null][]} */
  const steps = [
    [{ type: 'participant-joined', participant: { id: 'p3', name: 'Alan', tracks: [] } }, { type: 'arrived', name: 'Alan' }],
    [{ type: 'track-published', participant: 'p3', track: track('k3') }, null],
    [{ type: 'track-published', participant: 'p3', track: track('k4', { source: 'screen' }) }, { type: 'sharing', name: 'Alan' }],
    [{ type: 'track-muted', track: 'k3', muted: true }, null],
  ];
  for (const [message, news] of steps) assert.deepEqual(roster.handle(message), news, message.type);
  assert.deepEqual(roster.participants.map(({ name }) => name), ['Grace', 'Alan']);
  assert.equal(roster.participants[1]?.tracks.get('k3')?.muted, true);
  assert.deepEqual([roster.count('video'), roster.count('audio')], [3, 1]);

  assert.deepEqual(roster.handle({ type: 'track-unpublished', participant: 'p3', track: 'k4' }), {
    type: 'stopped-sharing',
    name: 'Alan',
  });
  assert.deepEqual(roster.handle({ type: 'participant-left', participant: 'p1', reason: 'left' }), {
    type: 'left',
    name: 'Grace',
  });
  assert.deepEqual(roster.participants.map(({ name }) => name), ['Alan']);
});

test('an assignment replaces the one before, and an old one changes nothing', () => {
  const roster = roomWithGrace();
  const slot = (/** @type {string} */ mid, /** @type {string | null} */ shown) => ({ mid, track: shown, participant: 'p1' });
  roster.handle({ type: 'assignments', revision: 4, slots: [slot('2', 'k2'), slot('3', 'k1')], unassigned: ['k9'] });
  assert.deepEqual([roster.midOf('k1'), roster.midOf('k2'), roster.unassigned], ['3', '2', 1]);
  roster.handle({ type: 'assignments', revision: 3, slots: [], unassigned: [] });
  assert.equal(roster.midOf('k1'), '3');
  roster.handle({ type: 'assignments', revision: 5, slots: [slot('3', null)], unassigned: [] });
  assert.deepEqual([roster.midOf('k1'), roster.midOf('k2'), roster.unassigned], [null, null, 0]);
});

test('messages about strangers and of later servers change nothing', () => {
  const roster = roomWithGrace();
  const before = JSON.stringify(roster.participants);
  const strange = [
    { type: 'participant-left', participant: 'p99', reason: 'left' },
    { type: 'track-published', participant: 'p99', track: track('k9', { source: 'screen' }) },
    { type: 'track-unpublished', participant: 'p1', track: 'k99' },
    { type: 'track-muted', track: 'k99', muted: true },
    { type: 'of-next-year', participant: 'p1' },
  ];
  for (const message of strange) assert.equal(roster.handle(/** @type {any} */ (message)), null, message.type);
  assert.equal(JSON.stringify(roster.participants), before);
});

test('who talks is known from the beginning, and each list replaces the one before', () => {
  const roster = roomWithGrace();
  const talking = () => ['p1', 'p2'].filter((id) => roster.speaks(id));
  assert.deepEqual(talking(), ['p1']);
  for (const speakers of [['p2', 'p1'], ['p2'], []]) {
    roster.handle({ type: 'speakers', speakers });
    assert.deepEqual(talking(), [...speakers].sort());
  }
});
