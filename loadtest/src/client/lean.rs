//! A client that costs next to nothing: the peer's half of ICE, DTLS and SRTP, and nothing that plays.
//!
//! Put together from the parts of `rtc`, whose `RTCPeerConnection` costs more per packet than the server
//! under test. It does what a server can notice of a browser: connectivity checks and consent, the DTLS
//! handshake, receiver and sender reports, when packets arrived, keyframes on request. It authenticates and
//! decrypts one packet in so many, because the rest tells nothing new, and asks for nothing again that was
//! lost, because the loss is what is being measured.
//!
//! [`peer::Peer`] is one of them, without sockets or clock; a [`Shard`] is a thread with many.

mod dtls;
mod feedback;
mod ice;
mod identity;
mod peer;
mod publish;
mod receive;
mod rtcp;
mod shard;
mod socket;
mod srtp;
mod stun;

pub(crate) use ice::Credentials;
pub(crate) use identity::{Fingerprint, Identity};
pub(crate) use peer::{PeerSetup, Published};
pub(crate) use shard::{Admission, PeerKey, Shard, ShardHandle};
pub(crate) use socket::{Buffers, ClientSocket, bind_towards};
pub(crate) use srtp::Protection;
