//! Who talks, and who has the floor.
//!
//! Engines tell who talks, at once, and how loud, every 200 ms. To talk is enough to be heard: the
//! microphone gets a slot before those of the silent, so that no first word is lost. The floor, which the
//! large picture follows, is given more slowly: it takes a running mean of the loudness over about half a
//! second, so that a cough does not have it, and who has it keeps it against everybody who is not clearly
//! louder, so that two who talk at once do not take turns.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Notification, Room, RoomOutput};
use crate::id::{ParticipantId, TrackId};

/// Who of a room talks, and who did.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    people: BTreeMap<ParticipantId, Person>,
    floor: Option<ParticipantId>,
    /// Counts beginnings and changes of the floor: what is greater is more recent.
    clock: u64,
    told: Vec<ParticipantId>,
    told_at: Option<Instant>,
}

/// Somebody who has talked.
#[derive(Clone, Copy, Debug, Default)]
struct Person {
    talks: bool,
    /// The running mean of the loudness, in dB above −60 dBov.
    loudness: f32,
    /// When it began to talk last, and when it last had the floor, on the clock of the room; 0: never.
    heard: u64,
    seen: u64,
}

impl Speakers {
    /// Takes an engine's report. Returns whether somebody is to be put before others.
    pub(super) fn report(&mut self, who: ParticipantId, loudness: Option<u8>) -> bool {
        let Some(loudness) = loudness else {
            return self.stop(who);
        };
        let person = self.people.entry(who).or_default();
        let begins = !person.talks;
        if begins {
            self.clock += 1;
            *person = Person {
                talks: true,
                loudness: 0.0,
                heard: self.clock,
                ..*person
            };
        }
        person.loudness += (f32::from(loudness) - person.loudness) * SMOOTHING;
        begins | self.contend(who)
    }

    /// Gives the floor to `who`, if it has deserved it.
    fn contend(&mut self, who: ParticipantId) -> bool {
        let loudness = |id| self.people.get(&id).map_or(0.0, |person| person.loudness);
        let needed = match self.floor {
            Some(holder) if holder == who => return false,
            Some(holder) => (loudness(holder) + LEAD).max(ENOUGH),
            None => ENOUGH,
        };
        if loudness(who) < needed {
            return false;
        }
        self.clock += 1;
        let clock = self.clock;
        if let Some(person) = self.people.get_mut(&who) {
            person.seen = clock;
        }
        self.floor = Some(who);
        true
    }

    /// It talks no more. Returns whether somebody else has the floor for that.
    pub(super) fn stop(&mut self, who: ParticipantId) -> bool {
        if let Some(person) = self.people.get_mut(&who) {
            person.talks = false;
            person.loudness = 0.0;
        }
        if self.floor != Some(who) {
            return false;
        }
        self.floor = None;
        let talking = self.people.iter().filter(|(_, person)| person.talks);
        let loudest = talking.max_by(|(_, a), (_, b)| {
            let louder = a.loudness.total_cmp(&b.loudness);
            louder.then(b.heard.cmp(&a.heard))
        });
        let loudest = loudest.map(|(id, _)| *id);
        loudest.is_some_and(|loudest| self.contend(loudest))
    }

    /// It has left.
    pub(super) fn forget(&mut self, who: ParticipantId) {
        self.stop(who);
        self.people.remove(&who);
    }

    pub(super) fn talks(&self, who: ParticipantId) -> bool {
        self.people.get(&who).is_some_and(|person| person.talks)
    }

    pub(super) fn has_floor(&self, who: ParticipantId) -> bool {
        self.floor == Some(who)
    }

    /// When it began to talk last, on the clock of the room: more is later, 0 is never.
    pub(super) fn heard(&self, who: ParticipantId) -> u64 {
        self.people.get(&who).map_or(0, |person| person.heard)
    }

    /// When it was given the floor last, on the same clock.
    pub(super) fn seen(&self, who: ParticipantId) -> u64 {
        self.people.get(&who).map_or(0, |person| person.seen)
    }

    /// Who talks, as participants were told last: who comes later hears of changes to that.
    pub(super) fn told(&self) -> &[ParticipantId] {
        &self.told
    }

    /// Who talks, as participants are told, if that is news and, with `now`, not too soon after the last.
    fn news(&mut self, now: Option<Instant>) -> Option<Vec<ParticipantId>> {
        let talking = self.people.iter().filter(|(_, person)| person.talks);
        let mut speakers: Vec<_> = talking
            .map(|(id, person)| (!self.has_floor(*id), person.heard, *id))
            .collect();
        speakers.sort_unstable();
        let ids = speakers.into_iter().map(|(_, _, id)| id);
        let speakers: Vec<_> = ids.take(MAX_TOLD).collect();
        let soon = |(now, at): (Instant, Instant)| now.saturating_duration_since(at) < BETWEEN_NEWS;
        // While anybody talks there will be another report; when the last has ended there will not.
        let wait = now.zip(self.told_at).is_some_and(soon) && !speakers.is_empty();
        if speakers == self.told || wait {
            return None;
        }
        self.told_at = now.or(self.told_at);
        self.told.clone_from(&speakers);
        Some(speakers)
    }
}

impl Room {
    /// Somebody talks on a track, or has ended.
    pub(super) fn hear(&mut self, now: Instant, track: TrackId, loudness: Option<u8>) {
        let Some(track) = self.tracks.get(&track) else {
            return;
        };
        // What was said before it was muted is heard of later.
        if !track.is_voice() || (track.muted && loudness.is_some()) {
            return;
        }
        if self.speakers.report(track.publisher, loudness) {
            self.reconsider_all();
        }
        self.tell_speakers(Some(now));
    }

    /// Tells everybody who talks, if that is news; with `now`, not too often.
    pub(super) fn tell_speakers(&mut self, now: Option<Instant>) {
        if let Some(speakers) = self.speakers.news(now) {
            let notification = |id: &_| {
                let speakers = speakers.clone();
                RoomOutput::Notify(*id, Notification::SpeakersChanged { speakers })
            };
            self.outputs
                .extend(self.participants.keys().map(notification));
        }
    }
}

/// How much a report counts: with one in 200 ms, a steady voice has two thirds of its loudness after 600 ms.
const SMOOTHING: f32 = 0.3;

/// The loudness that has the floor, in dB above −60 dBov: a voice of −30 dBov has it after 400 ms, a
/// cough of 200 ms never. A guess.
const ENOUGH: f32 = 12.0;

/// How much louder than who has the floor somebody must be to take it, in dB. A guess: a pause of one who
/// talks is enough, two who talk at once are not.
const LEAD: f32 = 6.0;

/// Nobody follows a light that changes faster.
const BETWEEN_NEWS: Duration = Duration::from_millis(200);

/// More than this at once is noise.
const MAX_TOLD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const A: ParticipantId = ParticipantId::new(1);
    const B: ParticipantId = ParticipantId::new(2);

    /// Who has the floor after these reports, one of each of A and B every 200 ms.
    fn floors(reports: &[(Option<u8>, Option<u8>)]) -> Vec<Option<ParticipantId>> {
        let mut speakers = Speakers::default();
        let step = |(a, b): &(Option<u8>, Option<u8>)| {
            speakers.report(A, *a);
            speakers.report(B, *b);
            speakers.floor
        };
        reports.iter().map(step).collect()
    }

    #[test]
    fn a_voice_has_the_floor_soon_and_a_cough_never() {
        let talk = (Some(30), None);
        let taken = floors(&[talk; 5]);
        assert_eq!(taken, [None, Some(A), Some(A), Some(A), Some(A)]);
        let cough = [(Some(35), None), (Some(5), None), (Some(0), None)];
        assert_eq!(floors(&cough), [None; 3]);
    }

    #[test]
    fn two_who_talk_at_once_do_not_take_turns() {
        let mut both = vec![(Some(30), None); 5];
        both.extend([(Some(28), Some(32)), (Some(32), Some(27))].repeat(20));
        assert_eq!(floors(&both)[1..], [Some(A); 44]);
    }

    #[test]
    fn the_floor_goes_to_who_is_clearly_louder_and_on_when_its_holder_ends() {
        let mut louder = vec![(Some(25), None); 5];
        louder.extend([(Some(10), Some(35)); 5]);
        assert_eq!(floors(&louder).last(), Some(&Some(B)));
        let mut ended = vec![(Some(30), Some(25)); 5];
        ended.push((None, Some(25)));
        assert_eq!(floors(&ended)[4..], [Some(A), Some(B)]);
        ended.push((None, None));
        assert_eq!(floors(&ended).last(), Some(&None));
    }

    #[test]
    fn nothing_is_kept_of_who_has_left() {
        let mut speakers = Speakers::default();
        for _ in 0..5 {
            speakers.report(A, Some(40));
        }
        assert!(speakers.has_floor(A));
        speakers.forget(A);
        assert!(speakers.people.is_empty() && speakers.floor.is_none());
    }
}
