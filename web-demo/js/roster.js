/**
 * Who is in the room, what they publish, and which slot shows it: what the server's messages add up to. It sends
 * nothing and draws nothing.
 *
 * @import {Assignments, Joined, Kind, ParticipantInfo, ServerMessage, TrackInfo} from './protocol.js'
 */

/** @typedef {{id: string, name: string, tracks: Map<string, TrackInfo>}} Participant */

/**
 * What somebody did, for who wants to tell people.
 *
 * @typedef {{type: 'arrived' | 'left' | 'sharing' | 'stopped-sharing', name: string}} RosterNews
 */

export class Roster {
  /** @type {Map<string, Participant>} */
  #participants = new Map();
  /** Which slot shows which track. @type {Map<string, string>} */
  #midOfTrack = new Map();
  /** Tracks of which nothing is sent, because our connection is too slow. @type {Set<string>} */
  #paused = new Set();
  #revision = -1;
  /** Who talks. @type {Set<string>} */
  #speakers = new Set();

  /** Tracks that the server found no slot for. */
  unassigned = 0;

  /** Begins anew with what the server says on joining. @param {Joined} joined */
  reset(joined) {
    this.#participants = new Map(joined.participants.map((info) => [info.id, participantOf(info)]));
    this.#revision = -1;
    this.#speakers = new Set(joined.speakers);
    this.forgetSlots();
  }

  /** The media connection is gone, and with it every slot. */
  forgetSlots() {
    this.#midOfTrack = new Map();
    this.#paused = new Set();
    this.unassigned = 0;
  }

  /** Everybody else, in the order in which they came. */
  get participants() {
    return [...this.#participants.values()];
  }

  /** @param {string} trackId */
  midOf(trackId) {
    return this.#midOfTrack.get(trackId) ?? null;
  }

  /** Whether somebody talks, as the server hears it. @param {string} participantId */
  speaks(participantId) {
    return this.#speakers.has(participantId);
  }

  /** Whether nothing of a track is sent to us, because our connection is too slow. @param {string} trackId */
  isPaused(trackId) {
    return this.#paused.has(trackId);
  }

  /** How many tracks of a kind there are to receive. @param {Kind} kind */
  count(kind) {
    let count = 0;
    for (const { tracks } of this.#participants.values()) {
      for (const track of tracks.values()) if (track.kind === kind) count++;
    }
    return count;
  }

  /**
   * Takes in a message.
   *
   * @param {ServerMessage} message
   * @returns {RosterNews | null} What is worth telling.
   */
  handle(message) {
    switch (message.type) {
      case 'participant-joined': {
        const { participant } = message;
        this.#participants.set(participant.id, participantOf(participant));
        return { type: 'arrived', name: participant.name };
      }
      case 'participant-left': {
        const name = this.#participants.get(message.participant)?.name;
        this.#participants.delete(message.participant);
        return name === undefined ? null : { type: 'left', name };
      }
      case 'track-published': {
        const participant = this.#participants.get(message.participant);
        participant?.tracks.set(message.track.id, message.track);
        const shares = participant !== undefined && message.track.source === 'screen';
        return shares ? { type: 'sharing', name: participant.name } : null;
      }
      case 'track-unpublished': {
        const participant = this.#participants.get(message.participant);
        const shared = participant?.tracks.get(message.track)?.source === 'screen';
        participant?.tracks.delete(message.track);
        return participant && shared ? { type: 'stopped-sharing', name: participant.name } : null;
      }
      case 'track-muted':
        for (const { tracks } of this.#participants.values()) {
          const track = tracks.get(message.track);
          if (track !== undefined) track.muted = message.muted;
        }
        return null;
      case 'speakers':
        this.#speakers = new Set(message.speakers);
        return null;
      case 'assignments':
        this.#assign(message);
        return null;
      default: // Messages of later servers are no concern of ours.
        return null;
    }
  }

  /** @param {Assignments} assignments */
  #assign({ revision, slots, unassigned }) {
    if (revision < this.#revision) return;
    this.#revision = revision;
    this.#midOfTrack = new Map();
    this.#paused = new Set();
    for (const { mid, track, paused } of slots) {
      if (track === null) continue;
      this.#midOfTrack.set(track, mid);
      if (paused) this.#paused.add(track);
    }
    this.unassigned = unassigned.length;
  }
}

/** @param {ParticipantInfo} info @returns {Participant} */
function participantOf({ id, name, tracks }) {
  // Who comes by WHIP may have no name.
  return { id, name: name || 'Guest', tracks: new Map(tracks.map((track) => [track.id, track])) };
}
