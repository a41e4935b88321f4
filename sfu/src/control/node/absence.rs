//! Sessions that have lost their client: they are suspended, and then resumed or ended.

use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use super::{Admission, Node, SessionKey};
use crate::control::outbox::Outbox;
use crate::control::resume_token::ResumeToken;
use crate::room::{LeaveReason, Refusal, RoomName};

/// A session that ends unless it is resumed.
pub(super) struct Suspension {
    until: Instant,
    key: SessionKey,
}

impl Node {
    pub(in crate::control) fn resume(
        &self,
        room: &RoomName,
        token: &str,
    ) -> Result<Admission, Refusal> {
        let token = ResumeToken::parse(token).ok_or(Refusal::UnknownResumeToken)?;
        let resumed = self.with_room(room, |hosted| {
            let view = hosted.room.view(token.participant);
            let member = hosted.member_by_token(&token)?;
            let view = view?;
            let (outbox, notifications) = Outbox::new(self.config.outbox_capacity);
            if let Some(superseded) = member.outbox.replace(outbox) {
                superseded.close(LeaveReason::Superseded);
            }
            member.epoch += 1;
            let key = SessionKey {
                room: room.clone(),
                participant: token.participant,
                epoch: member.epoch,
            };
            Ok(Admission {
                key,
                token,
                notifications,
                view,
            })
        });
        resumed.unwrap_or(Err(Refusal::UnknownResumeToken))
    }

    /// The session has lost its client: keep its participant for a while.
    pub(in crate::control) fn suspend(&self, key: SessionKey, now: Instant) {
        let suspended = self.with_session(&key, |hosted| {
            hosted.member(key.participant, key.epoch)?.outbox = None;
            Ok(())
        });
        if suspended.is_err() {
            return;
        }
        let until = now + self.config.resume_grace;
        let mut waiting = self.lock_suspended();
        // Who comes and goes leaves an entry each time, until its end.
        if waiting.len() < SUSPENSIONS_PER_PARTICIPANT * self.config.max_participants {
            waiting.push_back(Suspension { until, key });
        } else {
            drop(waiting);
            self.leave(&key, LeaveReason::SignalingLost);
        }
    }

    /// Lets those go who were not resumed in time.
    pub(in crate::control) fn expire(&self, now: Instant) {
        loop {
            let due = self
                .lock_suspended()
                .pop_front_if(|first| first.until <= now);
            let Some(Suspension { key, .. }) = due else {
                return;
            };
            self.leave(&key, LeaveReason::SignalingLost);
        }
    }

    fn lock_suspended(&self) -> MutexGuard<'_, VecDeque<Suspension>> {
        // Whole entries go in and out, so there is no half-changed queue that a panic could leave.
        self.suspended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many entries of those who come and go are kept, for each participant that the node takes.
const SUSPENSIONS_PER_PARTICIPANT: usize = 4;
