//! The loop of the thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use slotmap::{Key as _, KeyData, SlotMap};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::member::Member;
use super::{Admission, Command, PeerKey};
use crate::client::lean::peer::{Happened, Turn};
use crate::client::lean::socket::{Buffers, Received};
use crate::client::{ClientFailure, ClientSummary, SharedTally, Tally};
use crate::clock::{Clock, KernelClock};

/// What the thread has.
pub(super) struct Loop {
    clock: Clock,
    coalesce: bool,
    inbox: mpsc::Receiver<Command>,
    doorbell: Arc<EventFd>,
    epoll: Epoll,
    members: SlotMap<PeerKey, Member>,
    /// May name a client twice, or one that is gone; see [`Member::due_at`].
    deadlines: BinaryHeap<Reverse<(Instant, PeerKey)>>,
    buffers: Buffers,
    outbox: Vec<BytesMut>,
    shared: SharedTally,
}

impl Loop {
    pub(super) fn new(
        clock: Clock,
        coalesce: bool,
        inbox: mpsc::Receiver<Command>,
        doorbell: Arc<EventFd>,
        shared: SharedTally,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&*doorbell, EpollEvent::new(EpollFlags::EPOLLIN, DOORBELL))?;
        Ok(Self {
            clock,
            coalesce,
            inbox,
            doorbell,
            epoll,
            members: SlotMap::with_key(),
            deadlines: BinaryHeap::new(),
            buffers: Buffers::new(coalesce),
            outbox: Vec::new(),
            shared,
        })
    }

    /// Runs until it is told to end.
    pub(super) fn run(mut self) {
        let mut events = vec![EpollEvent::empty(); EVENTS];
        loop {
            let timeout = self.timeout(Instant::now());
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(error) => {
                    tracing::error!(%error, "epoll");
                    return;
                }
            };
            // One lock a turn, which nobody else holds for longer than it takes to swap the contents.
            let shared = self.shared.clone();
            let mut tally = shared.lock();
            let kernel = KernelClock::read();
            let mut rung = false;
            for event in events.iter().take(count) {
                match event.data() {
                    DOORBELL => rung = true,
                    peer => self.receive(KeyData::from_ffi(peer).into(), &kernel, &mut tally),
                }
            }
            self.do_what_is_due(&mut tally);
            if rung && self.obey(&mut tally).is_none() {
                return;
            }
        }
    }

    /// In whole milliseconds, rounded up: waking before a deadline would be for nothing.
    fn timeout(&self, now: Instant) -> EpollTimeout {
        let Some(Reverse((due, _))) = self.deadlines.peek() else {
            return EpollTimeout::NONE;
        };
        let left = due.saturating_duration_since(now) + Duration::from_micros(999);
        EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
    }

    fn receive(&mut self, key: PeerKey, kernel: &KernelClock, tally: &mut Tally) {
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        for _ in 0..MAX_BATCHES {
            let now = Instant::now();
            let Member { peer, socket, .. } = member;
            let from = socket.remote();
            let mut turn = Turn {
                now,
                clock: &self.clock,
                outbox: &mut self.outbox,
                tally,
            };
            let mut all = Vec::new();
            let received = self.buffers.receive(socket, |datagram, arrived| {
                let at = arrived.map_or_else(|| self.clock.now(), |at| kernel.stamp(at));
                let happened = peer.handle(&mut turn, datagram, from, at);
                if happened != Happened::default() {
                    all.push(happened);
                }
            });
            for datagram in self.outbox.drain(..) {
                member.socket.send(&datagram);
            }
            for happened in all {
                member.note(happened, now, tally);
            }
            if received == Received::All {
                break;
            }
        }
        self.schedule(key);
    }

    /// Puts a client's next deadline into the queue, unless it is there.
    fn schedule(&mut self, key: PeerKey) {
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        if !member.alive {
            let _ = self.epoll.delete(&member.socket);
            return;
        }
        let due = member.peer.next_deadline();
        if due != member.due_at {
            member.due_at = due;
            self.deadlines.push(Reverse((due, key)));
        }
    }

    fn do_what_is_due(&mut self, tally: &mut Tally) {
        loop {
            let now = Instant::now();
            let Some(&Reverse((due, key))) = self.deadlines.peek() else {
                return;
            };
            if due > now {
                return;
            }
            self.deadlines.pop();
            let Some(member) = self.members.get_mut(key) else {
                continue;
            };
            if member.due_at != due || !member.alive {
                continue;
            }
            let mut turn = Turn {
                now,
                clock: &self.clock,
                outbox: &mut self.outbox,
                tally,
            };
            let happened = member.peer.handle_deadline(&mut turn);
            for datagram in self.outbox.drain(..) {
                member.socket.send(&datagram);
            }
            member.note(happened, now, tally);
            self.schedule_anew(key);
        }
    }

    /// As [`schedule`](Self::schedule), where the entry has just been taken out of the queue.
    fn schedule_anew(&mut self, key: PeerKey) {
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        if member.alive && member.peer.next_deadline() == member.due_at {
            self.deadlines.push(Reverse((member.due_at, key)));
        } else {
            self.schedule(key);
        }
    }

    /// Does as it was told. `None`: it was told to end.
    fn obey(&mut self, tally: &mut Tally) -> Option<()> {
        let _ = self.doorbell.read();
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Admit(admission, key, ready)) => {
                    self.admit(*admission, key, ready, tally);
                }
                Ok(Command::Dismiss(peer, told)) => {
                    let _ = told.send(self.dismiss(peer));
                }
                Ok(Command::StopPublishing(told)) => {
                    for member in self.members.values_mut() {
                        member.peer.stop_publishing();
                    }
                    let _ = told.send(());
                }
                Err(TryRecvError::Empty) => return Some(()),
                Ok(Command::End) | Err(TryRecvError::Disconnected) => return None,
            }
        }
    }

    fn admit(
        &mut self,
        admission: Admission,
        told_key: oneshot::Sender<PeerKey>,
        ready: oneshot::Sender<Result<(), ClientFailure>>,
        tally: &mut Tally,
    ) {
        let member = match Member::new(admission, self.coalesce, ready, Instant::now()) {
            Ok(member) => member,
            Err((ready, failure)) => {
                let _ = told_key.send(PeerKey::null());
                let _ = ready.send(Err(failure));
                return;
            }
        };
        let due = member.due_at;
        let key = self.members.insert(member);
        let event = EpollEvent::new(EpollFlags::EPOLLIN, key.data().as_ffi());
        if let Some(member) = self.members.get_mut(key)
            && let Err(error) = self.epoll.add(&member.socket, event)
        {
            let happened = Happened {
                ended: Some(ClientFailure::new(error)),
                ..Happened::default()
            };
            member.note(happened, Instant::now(), tally);
        }
        self.deadlines.push(Reverse((due, key)));
        let _ = told_key.send(key);
    }

    fn dismiss(&mut self, key: PeerKey) -> ClientSummary {
        let Some(mut member) = self.members.remove(key) else {
            return ClientSummary::default();
        };
        member.peer.close(Instant::now(), &mut self.outbox);
        for datagram in self.outbox.drain(..) {
            member.socket.send(&datagram);
        }
        // Closing the socket takes it out of the epoll.
        member.peer.summary()
    }
}

/// Stands for the doorbell where events name a client; no key is zero.
const DOORBELL: u64 = 0;

/// Events of one wait.
const EVENTS: usize = 256;

/// A client that cannot be drained must not starve the others.
const MAX_BATCHES: usize = 8;
