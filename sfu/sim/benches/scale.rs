//! How the cost of a forwarded packet grows with the number of slots, and with the number of workers that a
//! track is spread over.
//!
//! `cargo bench -p sfu-sim --bench scale`. Only the ratios mean something on another machine.

mod support {
    pub(crate) mod figures;
    pub(crate) mod stage;
}

use support::figures::{is_trial, median, rounds};
use support::stage::Stage;

fn main() {
    let scale = if is_trial() { 10 } else { 1 };
    let mut few = Stage::new(1, FEW);
    let mut many = Stage::new(1, MANY / scale);
    let mut one = Stage::new(1, SPREAD / scale);
    let mut two = Stage::new(2, SPREAD / scale);
    let mut costs = [const { Vec::new() }; 4];
    for _ in 0..rounds() {
        // In turns, so that what else the machine does befalls all of them.
        for (stage, costs) in [&mut few, &mut many, &mut one, &mut two]
            .into_iter()
            .zip(&mut costs)
        {
            costs.push(cost_of_frames(stage));
        }
    }
    let [few, many, one, two] = costs.map(median);
    println!("scale: {few:.0} ns per forwarded packet with {FEW} slots, {many:.0} with {MANY}");
    println!("  {SPREAD} slots: {one:.0} ns on one worker, {two:.0} on two together");
    println!("{MANY} slots ÷ {FEW} slots = {:.2}", many / few);
    println!("two workers ÷ one worker = {:.2}", two / one);
}

fn cost_of_frames(stage: &mut Stage) -> f64 {
    let mut frames = stage.frames(10);
    let cost = stage.forward(&mut frames, |_, _| ());
    assert!(cost.forwarded > 0, "nothing was forwarded");
    cost.per_packet()
}

const FEW: usize = 10;
const MANY: usize = 1_000;
const SPREAD: usize = 200;
