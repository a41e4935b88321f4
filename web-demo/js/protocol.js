/**
 * The messages of docs/protocol.md as types; nothing here runs.
 *
 * @typedef {'audio' | 'video'} Kind
 * @typedef {'camera' | 'microphone' | 'screen' | 'screen-audio'} Source
 *
 * @typedef {object} TrackInfo
 * @property {string} id
 * @property {Kind} kind
 * @property {Source} source
 * @property {boolean} muted
 * @property {boolean} started Whether media has begun to flow.
 *
 * @typedef {object} ParticipantInfo
 * @property {string} id
 * @property {string} name
 * @property {TrackInfo[]} tracks
 *
 * @typedef {object} Limits
 * @property {number} tracks
 * @property {number} slots
 * @property {number} resumeSeconds
 *
 * @typedef {object} Joined
 * @property {'joined'} type
 * @property {string} participant
 * @property {string} room
 * @property {string} name
 * @property {string} resume
 * @property {boolean} resumed
 * @property {{publish: boolean, subscribe: boolean, data: boolean, admin: boolean}} permissions
 * @property {ParticipantInfo[]} participants
 * @property {string[]} [speakers] Who talks.
 * @property {Limits} limits
 * @property {RTCIceServer[]} iceServers
 *
 * @typedef {object} Answer
 * @property {'answer'} type
 * @property {string} sdp
 * @property {{mid: string, track: string}[]} tracks
 *
 * @typedef {object} Assignments
 * @property {'assignments'} type
 * @property {number} revision
 * @property {{mid: string, track: string | null, participant: string | null, paused?: boolean}[]} slots
 * @property {string[]} unassigned
 *
 * @typedef {{rid?: string, wanted: boolean}} WantedEncoding
 *
 * @typedef {{track: string, height: number}} ViewedTrack
 *
 * @typedef {object} Closed
 * @property {'closed'} type
 * @property {string} code
 * @property {string} message
 * @property {boolean} retry
 *
 * @typedef {Joined
 *   | Answer
 *   | Assignments
 *   | Closed
 *   | {type: 'done'}
 *   | {type: 'pong'}
 *   | {type: 'error', code: string, message: string}
 *   | {type: 'participant-joined', participant: ParticipantInfo}
 *   | {type: 'participant-left', participant: string, reason: string}
 *   | {type: 'track-published', participant: string, track: TrackInfo}
 *   | {type: 'track-unpublished', participant: string, track: string}
 *   | {type: 'track-muted', track: string, muted: boolean}
 *   | {type: 'speakers', speakers: string[]}
 *   | {type: 'connected', protection: string}
 *   | {type: 'track-started', track: string}
 *   | {type: 'wanted', track: string, encodings: WantedEncoding[]}
 * } ServerMessage
 *
 * @typedef {{type: 'join', room: string, name: string, token?: string, resume?: string}
 *   | {type: 'offer', sdp: string, tracks: {mid: string, source: Source, muted: boolean}[]}
 *   | {type: 'mute', track: string, muted: boolean}
 *   | {type: 'subscribe', pinned: string[]}
 *   | {type: 'view', tracks: ViewedTrack[]}
 *   | {type: 'leave'}
 *   | {type: 'ping'}
 * } ClientMessage
 */

export {};
