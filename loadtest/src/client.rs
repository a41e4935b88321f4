//! The clients: [`lean`] ones, thousands to a thread, and [`full`] ones, each a whole peer connection.
//!
//! Both send what `media` makes and count what they receive with a [`StreamAccount`] for each stream.

mod account;
mod summary;
mod tally;

pub(crate) mod full;
pub(crate) mod lean;

pub(crate) use account::{Note, StreamAccount};
pub(crate) use summary::{ClientSummary, StreamSummary};
pub(crate) use tally::{SharedTally, Tally};

use crate::media::Mix;

/// What one client sends and receives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Role {
    /// What it publishes, under which number.
    pub(crate) publishes: Option<Publishing>,
    /// How many audio slots it offers.
    pub(crate) audio_slots: usize,
    /// How many video slots it offers.
    pub(crate) video_slots: usize,
}

/// What a client publishes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Publishing {
    /// Its number among the publishers of the run.
    pub(crate) publisher: u32,
    /// How much.
    pub(crate) mix: Mix,
}

/// When a client counts as having arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReadyWhen {
    /// Media could flow.
    Connected,
    /// Media does flow, to it.
    FirstMedia,
}

/// Why a client failed, for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ClientFailure(pub(crate) String);

impl ClientFailure {
    pub(crate) fn new(what: impl std::fmt::Display) -> Self {
        Self(what.to_string())
    }
}
