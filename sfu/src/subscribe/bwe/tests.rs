//! The estimator as a whole, on paths in virtual time.

use super::link::Link;
use super::*;

/// A subscriber that sends the highest of three layers that fits.
fn layers(estimate: f64) -> f64 {
    let layers = [1_500e3, 500e3, 150e3];
    layers
        .into_iter()
        .find(|&layer| layer <= estimate * 0.95)
        .unwrap_or(150e3)
}

fn want(link: &mut Link, kbps: u64) {
    link.estimator.want(Bitrate::from_kbps(kbps));
}

#[test]
fn a_wide_path_is_found_within_a_second_and_kept() {
    let mut link = Link::new(20e6);
    want(&mut link, 6_000);
    link.run(1.0, layers);
    let found = link.estimate();
    assert!(found > 5e6, "{found} after a second");
    link.run(30.0, layers);
    let later = link.estimate();
    assert!(
        later >= found,
        "{later} after {found}, although nothing happened"
    );
}

#[test]
fn a_narrow_path_is_not_overrun() {
    let mut link = Link::new(400e3);
    want(&mut link, 1_800);
    link.run(3.0, layers);
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        longest = longest.max(link.run(1.0, layers));
        let estimate = link.estimate();
        assert!((160e3..440e3).contains(&estimate), "{estimate}");
    }
    assert!(longest < Duration::from_millis(120), "{longest:?}");
}

#[test]
fn an_estimate_that_is_used_up_follows_the_path() {
    for rate in [300e3, 1e6, 3e6, 10e6] {
        let mut link = Link::new(rate);
        want(&mut link, 20_000);
        link.run(10.0, |estimate| estimate);
        let (mut sum, mut longest) = (0.0, Duration::ZERO);
        for _ in 0..20 {
            longest = longest.max(link.run(1.0, |estimate| estimate));
            sum += link.estimate();
        }
        let used = sum / 20.0 / rate;
        assert!((0.75..1.05).contains(&used), "{used} of {rate}");
        assert!(
            longest < Duration::from_millis(300),
            "{longest:?} at {rate}"
        );
    }
}

#[test]
fn after_a_drop_the_queue_is_gone_soon_and_after_the_return_the_best_layer_is_back() {
    let mut link = Link::new(3e6);
    want(&mut link, 1_800);
    link.run(10.0, layers);
    assert_eq!(layers(link.estimate()), 1_500e3);
    link.rate = 500e3;
    link.run(2.5, layers);
    let longest = link.run(5.0, layers);
    assert!(
        longest < Duration::from_millis(100),
        "{longest:?} after three seconds"
    );
    link.rate = 3e6;
    link.run(9.0, layers);
    assert_eq!(layers(link.estimate()), 1_500e3, "after nine seconds");
}

#[test]
fn a_probe_that_was_slowed_lowers_what_was_believed_while_little_is_sent() {
    let mut link = Link::new(5e6);
    want(&mut link, 3_000);
    link.run(5.0, layers);
    let before = link.estimate();
    assert!(before > 2e6, "{before}");
    // Sound fits with room, so neither delay nor loss tells that the path has become narrow.
    link.rate = 400e3;
    want(&mut link, 6_000);
    link.run(10.0, |_| 50e3);
    let found = link.estimate();
    assert!((300e3..420e3).contains(&found), "{found} after {before}");
}

#[test]
fn a_slowed_probe_does_not_lower_the_estimate_below_what_arrives() {
    let mut link = Link::new(5e6);
    want(&mut link, 6_000);
    let mut least = f64::INFINITY;
    for step in 0..4_000 {
        // 375 bytes every 5 ms: 600 kbit/s, with room but while a train is under way.
        let is_probed = link.estimator.padding_at().is_some();
        link.rate = if is_probed { 300e3 } else { 5e6 };
        link.run(0.005, |_| 91e3);
        if step > 200 {
            least = least.min(link.estimate());
        }
    }
    assert!(link.estimator.probes() > 3);
    assert!(least > 450e3, "{least} at least, and 600 kbit/s arrive");
}

#[test]
fn having_little_to_send_neither_lowers_nor_raises_the_estimate() {
    let mut link = Link::new(5e6);
    want(&mut link, 3_000);
    link.run(3.0, layers);
    let before = link.estimate();
    want(&mut link, 30);
    link.run(60.0, |_| 30e3);
    assert_eq!(link.estimate(), before);
}

#[test]
fn loss_without_a_queue_does_not_starve_the_stream() {
    for one_of in [33, 10, 8] {
        let mut link = Link::new(10e6);
        link.loses_one_of = one_of;
        want(&mut link, 1_800);
        link.run(10.0, layers);
        let mut best = 0;
        for _ in 0..20 {
            link.run(1.0, layers);
            best += u32::from(layers(link.estimate()) == 1_500e3);
        }
        assert!(
            best >= 17,
            "{best} of 20 seconds on the best layer, losing one of {one_of}"
        );
    }
}

#[test]
fn jitter_does_not_starve_the_stream() {
    let mut link = Link::new(10e6);
    link.jitter = Duration::from_millis(30);
    want(&mut link, 1_800);
    link.run(10.0, layers);
    for second in 0..20 {
        link.run(1.0, layers);
        assert_eq!(layers(link.estimate()), 1_500e3, "second {second}");
    }
}

#[test]
fn without_padding_the_estimate_grows_as_long_as_nothing_speaks_against_it() {
    let mut link = Link::new(5e6);
    link.estimator.allow_probes(false);
    want(&mut link, 1_800);
    link.run(25.0, |_| 150e3);
    let estimate = link.estimate();
    assert!(estimate > 1.8e6, "{estimate}");
    assert_eq!(link.estimator.probes(), 0);
}

#[test]
fn a_receiver_that_never_reports_has_no_estimate() {
    let mut link = Link::new(5e6);
    link.reports = false;
    assert_eq!(link.estimate(), START_RATE);
    link.run(4.0, layers);
    assert_eq!(link.estimator.estimate(), None);
    link.reports = true;
    link.run(1.0, layers);
    assert!(link.estimator.estimate().is_some(), "it does now");
}

#[test]
fn when_reports_stop_less_and_less_is_believed() {
    let mut link = Link::new(5e6);
    want(&mut link, 3_000);
    link.run(3.0, layers);
    let before = link.estimate();
    link.reports = false;
    link.run(10.0, |_| 100e3);
    let silent = link.estimate();
    assert!(silent < before / 8.0, "{silent} of {before}");
    link.reports = true;
    link.run(8.0, layers);
    let again = link.estimate();
    assert!(again > 1.5e6, "{again} when they are back");
}

#[test]
fn the_receivers_own_estimate_counts_until_it_reports() {
    let mut link = Link::new(5e6);
    link.estimator.on_remb(Bitrate::from_kbps(700));
    assert_eq!(link.estimator.estimate(), Some(Bitrate::from_kbps(700)));
    link.estimator.on_remb(Bitrate::ZERO);
    assert_eq!(link.estimate(), MIN_RATE);
    link.run(1.0, layers);
    assert!(link.estimate() > MIN_RATE);
}

#[test]
fn reference_times_are_unwrapped() {
    let mut clock = ArrivalClock::default();
    let unit = TransportFeedback::REFERENCE_MICROS;
    for (reference, expected) in [
        (0xff_fffe, 0xff_fffe),
        (0xff_ffff, 0xff_ffff),
        (1, 0x100_0001),
        (0xff_ffff, 0xff_ffff),
        (5, 0x100_0005),
    ] {
        assert_eq!(clock.unwrap(reference), expected * unit, "{reference:#x}");
    }
}
