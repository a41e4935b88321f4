//! One peer: its transport, what it sends and what it is sent.
//!
//! The parts do not know each other; the engine's steps take what they need of them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_rtp::Ssrc;

use super::allocation::Standing;
use super::deadlines::Due;
use super::handshakes::Backlog;
use crate::id::PeerId;
use crate::parameters::{DataParameters, Fingerprint, PeerParameters};
use crate::publish::uplink::Uplink;
use crate::subscribe::downlink::Downlink;
use crate::transport::data::DataTransport;
use crate::transport::dtls::{Dtls, Identity};
use crate::transport::ice::IceLite;
use crate::transport::srtp::{ReceiveContext, SendContext};

/// A peer of an engine.
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) ice: IceLite,
    /// Who the peer's certificate must belong to.
    fingerprints: Vec<Fingerprint>,
    /// Present from the first authenticated connectivity check on.
    pub(super) dtls: Option<Dtls>,
    /// Present once the handshake has given keys. Apart, because it is half a peer's size.
    pub(super) srtp: Option<Box<Srtp>>,
    /// What `dtls` has not been given yet.
    pub(super) backlog: Backlog,
    /// What was agreed for data channels; the association starts when DTLS is up.
    pub(super) data_parameters: Option<DataParameters>,
    pub(super) data: Option<Box<DataTransport>>,
    /// The data channels that are open: (SCTP stream, label).
    pub(super) channels: Vec<(u16, Arc<str>)>,
    pub(super) uplink: Uplink,
    pub(super) downlink: Downlink,
    /// Who we are as a sender of RTCP that belongs to no slot.
    pub(super) feedback_ssrc: Ssrc,
    fir_sequence: u8,
    /// When the next reports go out; `None` before the transport is up.
    pub(super) reports_at: Option<Instant>,
    pub(super) round_trip: RoundTrip,
    pub(super) standing: Standing,
    pub(super) due: Due,
    /// Whether it is on the engine's list of those that have packets to write.
    pub(super) touched: bool,
}

/// The SRTP contexts of both directions.
pub(super) struct Srtp {
    pub(super) receive: ReceiveContext,
    pub(super) send: SendContext,
}

impl Peer {
    /// A peer of which nothing has been heard yet.
    pub(super) fn new(
        id: PeerId,
        parameters: &PeerParameters,
        feedback_ssrc: Ssrc,
        now: Instant,
    ) -> Self {
        Self {
            id,
            ice: IceLite::new(parameters.ice.clone(), now),
            fingerprints: parameters.fingerprints.clone(),
            dtls: None,
            backlog: Backlog::default(),
            srtp: None,
            data_parameters: parameters.data,
            data: None,
            channels: Vec::new(),
            uplink: Uplink::new(parameters),
            downlink: Downlink::new(),
            feedback_ssrc,
            fir_sequence: 0,
            reports_at: None,
            round_trip: RoundTrip::default(),
            standing: Standing::default(),
            due: Due::default(),
            touched: false,
        }
    }

    /// Has the processor fetch what is looked at for each packet.
    #[inline]
    pub(super) fn prefetch(&self) {
        black_box(self.srtp.is_some());
        black_box(self.touched);
        self.downlink.prefetch();
    }

    /// Has the processor fetch what writing needs. `self` itself is best there already.
    #[inline]
    pub(super) fn prefetch_sending(&self) {
        black_box(self.ice.selected());
        if let Some(srtp) = &self.srtp {
            srtp.send.prefetch();
        }
        self.downlink.prefetch_sending();
    }

    /// Expects the handshake: the peer can be reached from now on.
    pub(super) fn start_dtls(&mut self, identity: &Arc<Identity>, now: Instant) {
        self.dtls = Some(Dtls::new(identity, self.fingerprints.clone(), now));
    }

    /// The number of the next full intra request: a repetition has the same, a new one another
    /// (RFC 5104 §4.3.1.2). Ours are rare and each is new.
    pub(super) fn next_fir_sequence(&mut self) -> u8 {
        self.fir_sequence = self.fir_sequence.wrapping_add(1);
        self.fir_sequence
    }

    /// When something of it is due that is not a matter of a track.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [
            Some(self.ice.next_deadline()),
            self.dtls.as_ref().and_then(Dtls::next_deadline),
            self.data.as_ref().and_then(|data| data.next_deadline()),
            self.uplink.transport_feedback.next_at(),
            self.uplink
                .remote_rate
                .as_ref()
                .and_then(|rate| rate.next_at()),
            self.downlink.next_deadline(),
            self.reports_at,
            self.standing.at,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// The smoothed round-trip time to a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrip {
    smoothed: Option<Duration>,
}

impl RoundTrip {
    /// Takes a sample from a reception report. Smoothed like TCP's (RFC 6298 §2).
    pub(super) fn add(&mut self, sample: Duration) {
        self.smoothed = Some(match self.smoothed {
            None => sample,
            Some(smoothed) => (smoothed * 7 + sample) / 8,
        });
    }

    /// The estimate, or what a path between continents takes while there is no sample.
    pub(super) fn estimate(&self) -> Duration {
        self.smoothed.unwrap_or(DEFAULT_ROUND_TRIP)
    }
}

/// Used where a peer only publishes, too: a lite ICE agent sends no checks that could tell.
const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);
