//! What the room says, in the words of the protocol.

use sfu::engine::event::CloseReason;
use sfu::id;
use sfu::parameters::MediaKind;
use sfu::room::{
    EncodingView, LeaveReason, Notification, ParticipantView, SlotsView, TrackSource, TrackView,
};
use signaling_protocol::{
    AnsweredTrack, Assignments, CloseCode, Closed, Connected, DataRefused, Kind, Participant,
    ParticipantId, ParticipantJoined, ParticipantLeft, ServerMessage, SlotState, Source, Speakers,
    Track, TrackId, TrackMuted, TrackPublished, TrackStarted, TrackUnpublished, Wanted,
    WantedEncoding,
};

use crate::refusal::data_error_code;

/// The message for a notification; `revision` counts those that have one.
pub(super) fn message(notification: Notification, revision: &mut u64) -> ServerMessage {
    match notification {
        Notification::ParticipantJoined(view) => {
            ServerMessage::ParticipantJoined(ParticipantJoined {
                participant: participant(&view),
            })
        }
        Notification::ParticipantLeft {
            participant,
            reason,
        } => ServerMessage::ParticipantLeft(ParticipantLeft {
            participant: participant_id(participant),
            reason: close_code(reason),
        }),
        Notification::TrackPublished {
            participant,
            track: view,
        } => ServerMessage::TrackPublished(TrackPublished {
            participant: participant_id(participant),
            track: track(&view),
        }),
        Notification::TrackStarted { track } => ServerMessage::TrackStarted(TrackStarted {
            track: track_id(track),
        }),
        Notification::TrackMuted { track, muted } => ServerMessage::TrackMuted(TrackMuted {
            track: track_id(track),
            muted,
        }),
        Notification::TrackUnpublished { participant, track } => {
            ServerMessage::TrackUnpublished(TrackUnpublished {
                participant: participant_id(participant),
                track: track_id(track),
            })
        }
        Notification::SpeakersChanged { speakers } => ServerMessage::Speakers(Speakers {
            speakers: speakers.into_iter().map(participant_id).collect(),
        }),
        Notification::SlotsChanged(slots) => {
            *revision += 1;
            ServerMessage::Assignments(assignments(&slots, *revision))
        }
        Notification::EncodingsWanted { track, encodings } => {
            ServerMessage::Wanted(wanted(track, &encodings))
        }
        Notification::Connected { protection } => ServerMessage::Connected(Connected {
            protection: protection.name().to_owned(),
        }),
        Notification::DataRefused { reason } => ServerMessage::DataRefused(DataRefused {
            code: data_error_code(reason),
            message: reason.to_string(),
        }),
        Notification::Closed { reason } => {
            ServerMessage::Closed(Closed::new(close_code(reason), reason.to_string()))
        }
    }
}

/// Why somebody is gone.
pub(super) fn close_code(reason: LeaveReason) -> CloseCode {
    match reason {
        LeaveReason::Left => CloseCode::Left,
        LeaveReason::SignalingLost => CloseCode::SignalingLost,
        LeaveReason::Removed => CloseCode::Removed,
        LeaveReason::SlowConsumer => CloseCode::SlowConsumer,
        LeaveReason::Superseded => CloseCode::Superseded,
        LeaveReason::ShuttingDown => CloseCode::ShuttingDown,
        LeaveReason::MediaLost(reason) => match reason {
            // The room asks for it only together with a reason of its own.
            CloseReason::Requested => CloseCode::Internal,
            CloseReason::IceTimeout => CloseCode::IceTimeout,
            CloseReason::DtlsTimeout => CloseCode::DtlsTimeout,
            CloseReason::DtlsFailed => CloseCode::DtlsFailed,
            CloseReason::FingerprintMismatch => CloseCode::FingerprintMismatch,
            CloseReason::ClosedByPeer => CloseCode::ClosedByPeer,
            CloseReason::ConsentExpired => CloseCode::ConsentExpired,
        },
    }
}

/// A participant as others see it.
pub(super) fn participant(view: &ParticipantView) -> Participant {
    Participant {
        id: participant_id(view.participant),
        name: view.name.to_string(),
        tracks: view.tracks.iter().map(track).collect(),
    }
}

/// The tracks of the client itself.
pub(super) fn own_tracks(tracks: &[TrackView]) -> Vec<AnsweredTrack> {
    let own = |view: &TrackView| AnsweredTrack {
        mid: view.mid.to_string(),
        track: track_id(view.track),
    };
    tracks.iter().map(own).collect()
}

fn track(view: &TrackView) -> Track {
    Track {
        id: track_id(view.track),
        kind: match view.kind() {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
        },
        source: match view.source {
            TrackSource::Camera => Source::Camera,
            TrackSource::Microphone => Source::Microphone,
            TrackSource::Screen => Source::Screen,
            TrackSource::ScreenAudio => Source::ScreenAudio,
        },
        muted: view.muted,
        started: view.started,
    }
}

fn assignments(view: &SlotsView, revision: u64) -> Assignments {
    let slot = |slot: &sfu::room::SlotView| SlotState {
        mid: slot.slot.to_string(),
        track: slot.shows.map(|shown| track_id(shown.track)),
        participant: slot.shows.map(|shown| participant_id(shown.participant)),
        paused: slot.paused,
    };
    Assignments {
        revision,
        slots: view.slots.iter().map(slot).collect(),
        unassigned: view.unassigned.iter().copied().map(track_id).collect(),
        unplayable: view.unplayable.iter().copied().map(track_id).collect(),
    }
}

fn wanted(track: id::TrackId, encodings: &[EncodingView]) -> Wanted {
    let encoding = |encoding: &EncodingView| WantedEncoding {
        rid: encoding.rid.map(|rid| rid.to_string()),
        wanted: encoding.wanted,
    };
    Wanted {
        track: track_id(track),
        encodings: encodings.iter().map(encoding).collect(),
    }
}

/// What the client says that a track shows.
pub(super) fn source(source: Source) -> TrackSource {
    match source {
        Source::Camera => TrackSource::Camera,
        Source::Microphone => TrackSource::Microphone,
        Source::Screen => TrackSource::Screen,
        Source::ScreenAudio => TrackSource::ScreenAudio,
    }
}

/// A participant's id as text.
pub(super) fn participant_id(id: id::ParticipantId) -> ParticipantId {
    ParticipantId(id.to_string())
}

/// A track's id as text.
pub(super) fn track_id(id: id::TrackId) -> TrackId {
    TrackId(id.to_string())
}
