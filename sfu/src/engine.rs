//! The sans-IO heart of one core: datagrams, commands and time go in; datagrams, events and the next
//! deadline come out.
//!
//! It opens nothing, spawns nothing, locks nothing and reads no clock; the [`worker`](crate::worker)
//! does. The packet path is in `media_path`; start reading there. What the caller must do in each
//! turn is written at [`Engine`].

pub mod command;
pub mod event;
pub mod pipe;

/// The largest data-channel message taken or sent, in bytes. Chromium announces the same.
pub const MAX_DATA_MESSAGE_BYTES: usize = 262_144;

use std::sync::Arc;
use std::time::Instant;

use crate::counters::Counters;
use crate::id::WorkerId;
use crate::send_batch::{Path, SendBatch};
use crate::transport::Identity;
use command::Command;
use event::Event;
use pipe::PipeBatch;

/// What an engine is told when it is made.
#[derive(Clone)]
pub struct EngineConfig {
    /// Which worker it belongs to.
    pub worker: WorkerId,
    /// How many workers the node has: pipes may lead to each of the others.
    pub workers: usize,
    /// The node's certificate.
    pub identity: Arc<Identity>,
    /// Seeds everything random in the packet path; the same seed and input give the same output.
    pub seed: u64,
}

/// One core's worth of SFU.
///
/// In each turn the caller hands in everything that is due (`handle_*`, in any order), then drains
/// [`poll_transmit`](Self::poll_transmit), [`poll_pipe`](Self::poll_pipe) and
/// [`poll_event`](Self::poll_event) until they are empty, then sleeps until a datagram, a command, a
/// pipe batch or [`next_deadline`](Self::next_deadline). `now` never goes backwards.
pub struct Engine {}

impl Engine {
    /// An engine without peers.
    pub fn new(config: EngineConfig) -> Self;
    /// Takes one received datagram; it is decrypted in place.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]);
    /// Applies one command.
    pub fn handle_command(&mut self, now: Instant, command: Command);
    /// Takes the packets and requests that another worker sent.
    pub fn handle_pipe(&mut self, now: Instant, from: WorkerId, batch: &PipeBatch);
    /// Does what is due; call it when `next_deadline` has passed.
    pub fn handle_deadline(&mut self, now: Instant);
    /// Writes what is to be sent. `true`: the batch is full, send and clear it and call again.
    pub fn poll_transmit(&mut self, now: Instant, batch: &mut SendBatch) -> bool;
    /// A batch for another worker; the caller swaps it for an empty one (`std::mem::swap`).
    pub fn poll_pipe(&mut self) -> Option<(WorkerId, &mut PipeBatch)>;
    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event>;
    /// When `handle_deadline` is due; `None`: never.
    pub fn next_deadline(&self) -> Option<Instant>;
    /// What was counted.
    pub fn counters(&self) -> &Counters;
    /// For what only the worker knows: datagrams that the socket did not take.
    pub fn counters_mut(&mut self) -> &mut Counters;
}
