//! The translator against a model that remembers every number and counts anew each time.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sfu_rtp::{ClockRate, RtpTime, SeqNo};

use super::Translator;
use crate::subscribe::numbering::MAX_STRETCHES;

/// One source since it was switched to.
struct Model {
    /// The source's first number, and what it became.
    first: u64,
    first_out: u64,
    highest: u64,
    /// The numbers closed up.
    skipped: Vec<u64>,
}

impl Model {
    fn out(&self, number: u64) -> u64 {
        let skipped = self.skipped.iter().filter(|&&skipped| skipped < number);
        self.first_out + (number - self.first) - skipped.count() as u64
    }

    fn translate(&mut self, number: u64) -> Option<u16> {
        if number < self.first || self.skipped.contains(&number) {
            return None;
        }
        self.highest = self.highest.max(number);
        Some(self.out(number) as u16)
    }

    /// Whether so many gaps lie above the number that its place may be forgotten.
    fn may_forget(&self, number: u64) -> bool {
        let above = self.skipped.iter().filter(|&&skipped| skipped > number);
        above.count() >= MAX_STRETCHES - 1
    }

    fn switch(&mut self, first: u64) {
        let first_out = self.out(self.highest) + 1;
        *self = Self::starting(first, first_out);
    }

    fn starting(first: u64, first_out: u64) -> Self {
        Self {
            first,
            first_out,
            highest: first,
            skipped: Vec::new(),
        }
    }
}

#[test]
fn numbers_agree_with_a_model_that_remembers_everything() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let now = Instant::now();
    let time = RtpTime::new(0);
    for round in 0..300 {
        let first_out: u16 = rng.random();
        let mut head = rng.random_range(65_536..1_000_000);
        let mut model = Model::starting(head, u64::from(first_out));
        let mut translator = Translator::new(first_out, time, ClockRate::VIDEO);
        translator.switch(now, SeqNo::new(head), time);
        let translate = |translator: &mut Translator, model: &mut Model, number| {
            let out = translator.translate(now, SeqNo::new(number), time);
            let out = out.map(|(sequence, _)| sequence);
            let expected = model.translate(number);
            let forgotten = out.is_none() && model.may_forget(number);
            assert!(
                out == expected || forgotten,
                "seed {seed}, round {round}: {number} became {out:?}, not {expected:?}"
            );
        };
        translate(&mut translator, &mut model, head);
        for _ in 0..400 {
            match rng.random_range(0..100) {
                // Another source, which is forwarded from its first packet on.
                0..2 => {
                    head += rng.random_range(1..100_000);
                    model.switch(head);
                    translator.switch(now, SeqNo::new(head), time);
                    translate(&mut translator, &mut model, head);
                }
                // A late or repeated packet.
                2..20 => {
                    let number = head - rng.random_range(0..50);
                    translate(&mut translator, &mut model, number);
                }
                // A run of padding, in any order, some of it lost.
                20..40 => {
                    let mut run: Vec<u64> = (head + 1..=head + rng.random_range(1..6)).collect();
                    head += run.len() as u64;
                    run.shuffle(&mut rng);
                    run.truncate(rng.random_range(1..=run.len()));
                    for padding in run {
                        model.skipped.push(padding);
                        translator.skip(SeqNo::new(padding));
                    }
                }
                // The next packet, or one after a loss.
                roll => {
                    head += if roll < 50 { rng.random_range(2..5) } else { 1 };
                    translate(&mut translator, &mut model, head);
                }
            }
        }
    }
}
