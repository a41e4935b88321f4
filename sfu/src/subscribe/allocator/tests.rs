use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::demand::{Display, Importance};
use Importance::{Other, Pinned, Screen, Speaker};

/// Three layers of a camera.
const CAMERA: &[(u64, u16)] = &[(75, 180), (300, 360), (900, 720)];

fn kbps(rate: u64) -> Bitrate {
    Bitrate::from_kbps(rate)
}

fn rungs(layers: &[(u64, u16)]) -> ArrayVec<Rung, MAX_RUNGS> {
    layers
        .iter()
        .map(|&(rate, height)| Rung {
            bitrate: kbps(rate),
            height,
            frame_rate: EVERY_FRAME,
        })
        .collect()
}

fn request(importance: Importance, display: Display, layers: &[(u64, u16)]) -> Request {
    Request {
        demand: Demand {
            importance,
            rank: 0,
            display,
        },
        rungs: rungs(layers),
        held: Held::Fresh,
        may_rise: true,
        may_pause: true,
    }
}

fn holding(held: Held, may_rise: bool) -> Request {
    Request {
        held,
        may_rise,
        ..request(Other, Display::Unknown, CAMERA)
    }
}

fn allocate(estimate: Option<u64>, audio: u64, requests: &[Request]) -> Vec<Decision> {
    let budget = Budget {
        estimate: estimate.map(kbps),
        audio: kbps(audio),
    };
    Allocator::default()
        .allocate(budget, requests)
        .decisions
        .to_vec()
}

fn cost(requests: &[Request], decisions: &[Decision]) -> Bitrate {
    requests
        .iter()
        .zip(decisions)
        .fold(Bitrate::ZERO, |sum, (request, decision)| match decision {
            Decision::Show(rung) => sum.saturating_add(request.rungs[*rung].bitrate),
            _ => sum,
        })
}

#[test]
fn one_slot_gets_the_best_layer_that_fits_and_is_displayed() {
    use Decision::{Empty, Hidden, Paused, Show};
    type Case = (
        &'static str,
        Option<u64>,
        Display,
        &'static [(u64, u16)],
        Decision,
    );
    let cases: &[Case] = &[
        ("no estimate", None, Display::Unknown, CAMERA, Show(2)),
        (
            "no estimate, small",
            None,
            Display::Height(170),
            CAMERA,
            Show(0),
        ),
        (
            "stretched by a tenth",
            None,
            Display::Height(198),
            CAMERA,
            Show(0),
        ),
        (
            "stretched by more",
            None,
            Display::Height(199),
            CAMERA,
            Show(1),
        ),
        (
            "larger than all",
            None,
            Display::Height(2160),
            CAMERA,
            Show(2),
        ),
        ("hidden", None, Display::Hidden, CAMERA, Hidden),
        ("hidden, without layers", None, Display::Hidden, &[], Hidden),
        ("without layers", None, Display::Unknown, &[], Empty),
        (
            "exactly enough",
            Some(900),
            Display::Unknown,
            CAMERA,
            Show(2),
        ),
        (
            "a bit too little",
            Some(899),
            Display::Unknown,
            CAMERA,
            Show(1),
        ),
        (
            "for the lowest",
            Some(75),
            Display::Unknown,
            CAMERA,
            Show(0),
        ),
        ("for none", Some(74), Display::Unknown, CAMERA, Paused),
        ("nothing", Some(0), Display::Unknown, CAMERA, Paused),
        (
            "any order of layers",
            Some(500),
            Display::Unknown,
            &[(900, 720), (75, 180), (300, 360)],
            Show(2),
        ),
        (
            "a layer that costs more than a better one",
            Some(450),
            Display::Unknown,
            &[(75, 180), (400, 360), (350, 720)],
            Show(2),
        ),
        (
            "heights unknown: the dearest",
            Some(500),
            Display::Height(100),
            &[(75, 0), (300, 0), (900, 0)],
            Show(1),
        ),
        (
            "the dearest of one height",
            Some(500),
            Display::Height(100),
            &[(75, 360), (300, 360), (900, 360)],
            Show(1),
        ),
    ];
    for &(name, estimate, display, layers, expected) in cases {
        let requests = [request(Other, display, layers)];
        let decisions = allocate(estimate, 0, &requests);
        assert_eq!(decisions, [expected], "{name}");
    }
}

/// A camera in SVC: three spatial layers, and fewer frames of the lowest.
const SCALABLE: &[(u64, u16, u8)] = &[
    (40, 180, 8),
    (70, 180, 15),
    (120, 180, EVERY_FRAME),
    (350, 360, EVERY_FRAME),
    (900, 720, EVERY_FRAME),
];

fn scalable(importance: Importance, display: Display) -> Request {
    let mut request = request(importance, display, &[]);
    let rungs = SCALABLE.iter().map(|&(rate, height, frame_rate)| Rung {
        bitrate: kbps(rate),
        height,
        frame_rate,
    });
    request.rungs = rungs.collect();
    request
}

#[test]
fn fewer_frames_come_before_nothing_and_every_frame_for_all_before_larger_pictures_for_some() {
    let requests = [
        scalable(Other, Display::Height(180)),
        scalable(Pinned, Display::Height(720)),
        scalable(Other, Display::Height(180)),
    ];
    // (kbit/s, the rungs of the pinned one and of the others)
    let cases = [
        (39, None, None, None),
        (79, Some(1), None, None),
        (119, Some(1), Some(0), None),
        (120, Some(0), Some(0), Some(0)),
        (150, Some(1), Some(0), Some(0)),
        (200, Some(2), Some(0), Some(0)),
        (260, Some(2), Some(1), Some(1)),
        (310, Some(2), Some(2), Some(1)),
        (360, Some(2), Some(2), Some(2)),
        (589, Some(2), Some(2), Some(2)),
        (590, Some(3), Some(2), Some(2)),
        (1_139, Some(3), Some(2), Some(2)),
        (1_140, Some(4), Some(2), Some(2)),
        (5_000, Some(4), Some(2), Some(2)),
    ];
    for (estimate, pinned, first, second) in cases {
        let expected =
            [first, pinned, second].map(|rung| rung.map_or(Decision::Paused, Decision::Show));
        let decisions = allocate(Some(estimate), 0, &requests);
        assert_eq!(decisions, expected, "{estimate} kbit/s");
    }
}

#[test]
fn what_is_displayed_limits_spatial_layers_and_never_frames() {
    for (display, expected) in [
        (Display::Height(90), 2),
        (Display::Height(198), 2),
        (Display::Height(199), 3),
        (Display::Height(720), 4),
        (Display::Unknown, 4),
    ] {
        let decisions = allocate(None, 0, &[scalable(Other, display)]);
        assert_eq!(decisions, [Decision::Show(expected)], "{display:?}");
    }
}

#[test]
fn a_slot_falls_to_fewer_frames_at_once_and_rises_from_them_with_a_margin() {
    // (rung held, may rise, kbit/s, the rung that follows)
    let cases = [
        (2, false, 119, 1),
        (2, false, 69, 0),
        (4, false, 899, 3),
        (0, true, 80, 0),
        (0, true, 81, 1),
        (1, true, 137, 1),
        (1, true, 138, 2),
        (1, false, 5_000, 1),
        (2, true, 402, 2),
        (2, true, 403, 3),
    ];
    for (held, may_rise, estimate, expected) in cases {
        let request = Request {
            held: Held::Rung(held),
            may_rise,
            ..scalable(Other, Display::Unknown)
        };
        let decisions = allocate(Some(estimate), 0, &[request]);
        let name = format!("{held} held, {estimate} kbit/s");
        assert_eq!(decisions, [Decision::Show(expected)], "{name}");
    }
}

#[test]
fn a_rise_wants_a_margin_and_a_leave_but_a_fall_wants_neither() {
    use Decision::{Paused, Show};
    use Held::{Fresh, Nothing, Rung};
    let cases = [
        (
            "what is held stays without margin",
            Rung(1),
            true,
            300,
            Show(1),
        ),
        ("a rise without its margin", Rung(1), true, 1_034, Show(1)),
        ("a rise with its margin", Rung(1), true, 1_035, Show(2)),
        ("a rise without leave", Rung(1), false, 5_000, Show(1)),
        ("a fall without leave", Rung(1), false, 299, Show(0)),
        ("a pause without leave", Rung(1), false, 74, Paused),
        ("a resumption without its margin", Nothing, true, 86, Paused),
        ("a resumption with its margin", Nothing, true, 87, Show(0)),
        ("a resumption without leave", Nothing, false, 5_000, Paused),
        ("something new needs no leave", Fresh, false, 900, Show(2)),
        ("a layer that is gone", Rung(7), true, 340, Show(0)),
    ];
    for (name, held, may_rise, estimate, expected) in cases {
        let decisions = allocate(Some(estimate), 0, &[holding(held, may_rise)]);
        assert_eq!(decisions, [expected], "{name}");
    }
}

#[test]
fn sound_is_paid_first_even_when_it_takes_everything() {
    for (audio, expected) in [
        (0, Decision::Show(1)),
        (100, Decision::Show(0)),
        (226, Decision::Paused),
        (1_000, Decision::Paused),
    ] {
        let requests = [request(Other, Display::Unknown, CAMERA)];
        assert_eq!(
            allocate(Some(300), audio, &requests),
            [expected],
            "{audio} kbit/s of sound"
        );
    }
}

#[test]
fn a_shortage_that_has_not_lasted_pauses_nothing_that_flows() {
    use Decision::{Overdrawn, Paused, Show};
    let mut requests = vec![request(Other, Display::Unknown, CAMERA); 4];
    for (request, held) in
        requests
            .iter_mut()
            .zip([Held::Fresh, Held::Rung(2), Held::Nothing, Held::Rung(0)])
    {
        request.held = held;
        request.may_pause = false;
    }
    let decisions = allocate(Some(100), 0, &requests);
    assert_eq!(decisions, [Show(0), Overdrawn(0), Paused, Overdrawn(0)]);
}

#[test]
fn one_pinned_picture_among_eight_thumbnails_is_first_and_starves_none() {
    let mut requests = vec![request(Other, Display::Height(180), CAMERA); 8];
    requests.push(request(Pinned, Display::Height(720), CAMERA));
    // (kbit/s, the pinned one's rung, how many thumbnails are shown)
    for (estimate, pinned, thumbnails) in [
        (5_000, Some(2), 8),
        (1_500, Some(2), 8),
        (1_200, Some(1), 8),
        (900, Some(1), 8),
        (899, Some(0), 8),
        (675, Some(0), 8),
        (674, Some(0), 7),
        (150, Some(0), 1),
        (75, Some(0), 0),
        (74, None, 0),
    ] {
        let decisions = allocate(Some(estimate), 0, &requests);
        let expected = pinned.map_or(Decision::Paused, Decision::Show);
        assert_eq!(
            decisions[8], expected,
            "the pinned one at {estimate} kbit/s"
        );
        let shown = decisions[..8].iter().filter(|d| **d == Decision::Show(0));
        assert_eq!(shown.count(), thumbnails, "thumbnails at {estimate} kbit/s");
    }
}

#[test]
fn importance_decides_who_rises_and_equals_rise_together() {
    use Decision::Show;
    let large = |importance| request(importance, Display::Unknown, CAMERA);
    let cases: &[(&str, u64, &[Importance], &[Decision])] = &[
        (
            "pinned first",
            1_050,
            &[Other, Screen, Pinned],
            &[Show(0), Show(0), Show(2)],
        ),
        (
            "then the screen",
            1_275,
            &[Other, Screen, Pinned],
            &[Show(0), Show(1), Show(2)],
        ),
        (
            "then the speaker",
            1_275,
            &[Other, Speaker, Screen],
            &[Show(0), Show(1), Show(2)],
        ),
        (
            "equals together",
            1_200,
            &[Other, Other, Other],
            &[Show(1), Show(1), Show(1)],
        ),
        (
            "then one of them",
            1_500,
            &[Other, Other, Other],
            &[Show(2), Show(1), Show(1)],
        ),
        (
            "what is left goes to the less important",
            674,
            &[Pinned, Other],
            &[Show(1), Show(1)],
        ),
    ];
    for (name, estimate, importances, expected) in cases {
        let requests: Vec<_> = importances.iter().map(|i| large(*i)).collect();
        assert_eq!(allocate(Some(*estimate), 0, &requests), *expected, "{name}");
    }
}

#[test]
fn rank_decides_among_equals() {
    let mut requests = vec![request(Other, Display::Unknown, CAMERA); 3];
    for (request, rank) in requests.iter_mut().zip([2, 0, 1]) {
        request.demand.rank = rank;
    }
    let shown = |estimate| -> Vec<bool> {
        let decisions = allocate(Some(estimate), 0, &requests);
        decisions.iter().map(|d| *d != Decision::Paused).collect()
    };
    assert_eq!(shown(75), [false, true, false]);
    assert_eq!(shown(150), [false, true, true]);
}

#[test]
fn what_is_wanted_is_all_that_is_displayed_whatever_is_allowed() {
    let mut requests = vec![
        request(Pinned, Display::Unknown, CAMERA),
        request(Other, Display::Height(180), CAMERA),
        request(Other, Display::Hidden, CAMERA),
    ];
    requests[0].held = Held::Rung(0);
    requests[0].may_rise = false;
    for estimate in [None, Some(Bitrate::ZERO)] {
        let budget = Budget {
            estimate,
            audio: kbps(40),
        };
        let mut allocator = Allocator::default();
        let allocation = allocator.allocate(budget, &requests);
        assert_eq!(allocation.wanted, kbps(900 + 75 + 40));
    }
}

fn random_requests(rng: &mut SmallRng) -> Vec<Request> {
    let count = rng.random_range(0..12);
    let request = |rng: &mut SmallRng| {
        let layers = rng.random_range(0..=MAX_RUNGS);
        let rungs: ArrayVec<Rung, MAX_RUNGS> = (0..layers)
            .map(|_| Rung {
                bitrate: kbps(rng.random_range(0..2_000)),
                height: [0, 180, 360, 720][rng.random_range(0..4)],
                frame_rate: [0, 15, 30][rng.random_range(0..3)],
            })
            .collect();
        Request {
            demand: Demand {
                importance: [Pinned, Screen, Speaker, Other][rng.random_range(0..4)],
                rank: rng.random_range(0..4),
                display: match rng.random_range(0..4) {
                    0 => Display::Hidden,
                    1 => Display::Unknown,
                    _ => Display::Height(rng.random_range(0..1_000)),
                },
            },
            held: match rng.random_range(0..3) {
                0 => Held::Fresh,
                1 => Held::Nothing,
                _ => Held::Rung(rng.random_range(0..MAX_RUNGS)),
            },
            may_rise: rng.random(),
            may_pause: true,
            rungs,
        }
    };
    (0..count).map(|_| request(rng)).collect()
}

/// Slots in the order of their importance.
fn by_importance(requests: &[Request]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&slot| (requests[slot].demand.importance, requests[slot].demand.rank));
    order
}

#[test]
fn random_requests_keep_the_rules() {
    for seed in 0..3_000 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let requests = random_requests(&mut rng);
        let estimate = rng.random_range(0..4_000);
        let audio = rng.random_range(0..200);
        let decisions = allocate(Some(estimate), audio, &requests);
        let order = by_importance(&requests);
        assert_eq!(decisions.len(), requests.len(), "seed {seed}");

        let spent = cost(&requests, &decisions);
        assert!(
            spent <= kbps(estimate.saturating_sub(audio)),
            "seed {seed}: {spent} of {estimate} kbit/s with {audio} of sound"
        );

        for (request, decision) in requests.iter().zip(&decisions) {
            let hidden = request.demand.display == Display::Hidden;
            assert_eq!(*decision == Decision::Hidden, hidden, "seed {seed}");
            if let (Decision::Show(rung), Display::Height(displayed)) =
                (decision, request.demand.display)
            {
                let height = request.rungs[*rung].height;
                let smaller = request.rungs.iter().any(|other| {
                    other.height < height
                        && u32::from(other.height) * 110 >= u32::from(displayed) * 100
                });
                assert!(
                    !smaller,
                    "seed {seed}: {height} is more than {displayed} needs"
                );
            }
            if !request.may_rise && request.held == Held::Nothing {
                assert!(!matches!(decision, Decision::Show(_)), "seed {seed}");
            }
        }

        // Nobody is left out for somebody less important: with those after it gone, it gets the same.
        for (place, &slot) in order.iter().enumerate() {
            if decisions[slot] != Decision::Paused {
                continue;
            }
            let mut without = requests.clone();
            for &less in &order[place + 1..] {
                without[less].demand.display = Display::Hidden;
            }
            let alone = allocate(Some(estimate), audio, &without);
            assert_eq!(
                alone[slot],
                Decision::Paused,
                "seed {seed}: slot {slot} is starved"
            );
        }
    }
}

#[test]
fn with_more_to_divide_nobody_important_gets_less() {
    for seed in 0..1_000 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let requests = random_requests(&mut rng);
        let order = by_importance(&requests);
        let mut before: Option<(Vec<bool>, u64)> = None;
        for estimate in (0..6_000).step_by(97) {
            let decisions = allocate(Some(estimate), 0, &requests);
            let shown: Vec<bool> = order
                .iter()
                .map(|&slot| matches!(decisions[slot], Decision::Show(_)))
                .collect();
            let first = order.first().map_or(0, |&slot| {
                cost(&requests[slot..=slot], &decisions[slot..=slot]).bps()
            });
            if let Some((shown_before, first_before)) = before {
                // `true` is greater, and the first that differs decides.
                assert!(shown >= shown_before, "seed {seed} at {estimate} kbit/s");
                let same_group = order.get(1).is_some_and(|&second| {
                    requests[second].demand.importance == requests[order[0]].demand.importance
                });
                assert!(
                    same_group || shown != shown_before || first >= first_before,
                    "seed {seed} at {estimate} kbit/s"
                );
            }
            before = Some((shown, first));
        }
    }
}

#[test]
fn what_is_given_once_is_given_again() {
    for seed in 0..1_000 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut requests = random_requests(&mut rng);
        for request in &mut requests {
            request.held = Held::Fresh;
            request.may_rise = true;
        }
        let estimate = rng.random_range(0..4_000);
        let first = allocate(Some(estimate), 0, &requests);
        for (request, decision) in requests.iter_mut().zip(&first) {
            request.held = match decision {
                Decision::Show(rung) => Held::Rung(*rung),
                _ => Held::Nothing,
            };
        }
        let again = allocate(Some(estimate), 0, &requests);
        assert_eq!(first, again, "seed {seed}: nothing has changed");
    }
}
