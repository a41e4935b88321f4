//! A room and the sessions of those who are in it: what one shard lock protects.

use std::collections::HashMap;
use std::sync::Arc;

use super::negotiation::Negotiation;
use super::outbox::{Full, Outbox};
use super::resume_token::ResumeToken;
use super::workers::Workers;
use crate::id::ParticipantId;
use crate::room::{LeaveReason, Notification, Refusal, Room, RoomLimits, RoomOutput};

pub(super) struct HostedRoom {
    pub(super) room: Room,
    members: HashMap<ParticipantId, Member>,
}

/// What the control plane knows about a participant beside what the room does.
pub(super) struct Member {
    pub(super) token: ResumeToken,
    /// Which session stands for it now: 1 for the one that joined, one more for each that resumed.
    pub(super) epoch: u64,
    /// `None` while it is suspended: there is nobody to be told.
    pub(super) outbox: Option<Outbox>,
    /// What its last offer led to.
    pub(super) negotiation: Option<Arc<Negotiation>>,
}

impl HostedRoom {
    pub(super) fn new(limits: RoomLimits) -> Self {
        Self {
            room: Room::new(limits),
            members: HashMap::new(),
        }
    }

    pub(super) fn admit(&mut self, id: ParticipantId, member: Member) {
        self.members.insert(id, member);
    }

    /// The member, if this session still stands for it.
    pub(super) fn member(&mut self, id: ParticipantId, epoch: u64) -> Result<&mut Member, Refusal> {
        let member = self
            .members
            .get_mut(&id)
            .filter(|member| member.epoch == epoch);
        member.ok_or(Refusal::SessionOver)
    }

    /// The member that this token proves, whichever session stands for it.
    pub(super) fn member_by_token(&mut self, token: &ResumeToken) -> Result<&mut Member, Refusal> {
        let member = self.members.get_mut(&token.participant);
        member
            .filter(|member| member.token.proves(token))
            .ok_or(Refusal::UnknownResumeToken)
    }

    /// Carries out what the room wants done, down to what follows from it: who does not read its
    /// notifications leaves, and that is news to others. Returns how many members are gone.
    pub(super) fn carry_out(&mut self, workers: &Workers) -> usize {
        let before = self.members.len();
        loop {
            let mut slow = Vec::new();
            while let Some(output) = self.room.poll_output() {
                match output {
                    RoomOutput::Command(worker, command) => workers.send(worker, command),
                    RoomOutput::Notify(to, notification) => {
                        if self.notify(to, notification) == Err(Full) {
                            slow.push(to);
                        }
                    }
                }
            }
            if slow.is_empty() {
                return before - self.members.len();
            }
            for id in slow {
                self.room.leave(id, LeaveReason::SlowConsumer);
            }
        }
    }

    fn notify(&mut self, to: ParticipantId, notification: Notification) -> Result<(), Full> {
        if let Notification::Closed { reason } = notification {
            if let Some(outbox) = self.members.remove(&to).and_then(|member| member.outbox) {
                outbox.close(reason);
            }
            return Ok(());
        }
        match self
            .members
            .get(&to)
            .and_then(|member| member.outbox.as_ref())
        {
            Some(outbox) => outbox.push(notification),
            None => Ok(()),
        }
    }
}
