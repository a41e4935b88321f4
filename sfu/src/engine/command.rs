//! What the control plane tells an engine.
//!
//! Commands are facts, not requests: they are applied in order and nothing is answered. One that
//! names something that is gone is ignored, because a peer may vanish while a command is under way.

use crate::demand::Demand;
use crate::id::{PeerId, TrackId, WorkerId};
use crate::parameters::{PeerParameters, PublishedMedia};
use sfu_rtp::Mid;

/// One instruction from the control plane.
#[derive(Debug)]
pub enum Command {
    /// A participant's offer was answered: expect its ICE requests.
    AddPeer {
        /// A fresh id.
        peer: PeerId,
        /// What was negotiated.
        parameters: Box<PeerParameters>,
    },
    /// The same participant offered again on the same connection: m-lines were added or changed, or
    /// ICE restarts. m-lines that stay keep their slots and tracks.
    UpdatePeer {
        /// An id from `AddPeer`.
        peer: PeerId,
        /// What is negotiated now, all of it.
        parameters: Box<PeerParameters>,
    },
    /// The participant is leaving: say goodbye to its transport and forget it.
    ClosePeer {
        /// An id from `AddPeer`.
        peer: PeerId,
    },
    /// What arrives on this m-line of the peer is this track.
    Publish {
        /// The publisher.
        peer: PeerId,
        /// One of its published m-lines.
        mid: Mid,
        /// A fresh id.
        track: TrackId,
    },
    /// The track ends; slots that show it fall silent. Also ends an import.
    Unpublish {
        /// An id from `Publish` or `ImportTrack`.
        track: TrackId,
    },
    /// The publisher muted or unmuted the track: nothing of a muted track is forwarded.
    SetMuted {
        /// An id from `Publish`.
        track: TrackId,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// A slot here will show a track that lives on another worker; its packets come through the pipe.
    ImportTrack {
        /// The id it has on its own worker.
        track: TrackId,
        /// That worker.
        from: WorkerId,
        /// What it was negotiated as.
        media: Box<PublishedMedia>,
    },
    /// Send this track's packets to another worker too.
    ExportTrack {
        /// An id from `Publish`.
        track: TrackId,
        /// The worker that imports it.
        to: WorkerId,
    },
    /// Nobody there shows it any more.
    StopExport {
        /// An id from `Publish`.
        track: TrackId,
        /// The worker that imported it.
        to: WorkerId,
    },
    /// The slot shows this track from now on, or nothing.
    Assign {
        /// The subscriber.
        peer: PeerId,
        /// The slot's MID.
        slot: Mid,
        /// A published or imported track.
        track: Option<TrackId>,
    },
    /// How important a video slot is to its subscriber, and how large it is shown.
    SetDemand {
        /// The subscriber.
        peer: PeerId,
        /// The slot's MID.
        slot: Mid,
        /// What is wanted from now on, whatever the slot shows.
        demand: Demand,
    },
    /// Send a message on the peer's data channel with this label, if it has one open.
    SendData {
        /// The receiver.
        peer: PeerId,
        /// The channel's label.
        label: std::sync::Arc<str>,
        /// The message.
        message: DataMessage,
    },
}

/// A data-channel message (RFC 8831 §6.6), at most
/// [`MAX_DATA_MESSAGE_BYTES`](crate::engine::MAX_DATA_MESSAGE_BYTES).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataMessage {
    /// Whether it was sent as binary; else it is UTF-8 text.
    pub binary: bool,
    /// Its bytes; may be empty.
    pub bytes: bytes::Bytes,
}
