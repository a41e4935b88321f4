use std::time::Duration;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn host(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// Sends `count` numbered datagrams, one each millisecond, and returns the (number, arrival in
/// milliseconds) of all that arrive.
fn send_through(network: &mut Network, count: u32, len: usize) -> Vec<(u32, u128)> {
    let start = Instant::now();
    let mut arrivals = Vec::new();
    let mut number = 0;
    for tick in 0.. {
        let now = start + MS * tick;
        while let Some(arrival) = network.poll_arrival(now) {
            let number = u32::from_be_bytes(arrival.bytes[..4].try_into().expect("four bytes"));
            arrivals.push((number, (now - start).as_millis()));
        }
        if number < count {
            let mut bytes = vec![0; len];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            network.send(now, host(1), host(2), bytes);
            number += 1;
        } else if network.next_at().is_none() {
            break;
        }
    }
    arrivals
}

#[test]
fn both_links_delay_and_nothing_else_happens() {
    let mut network = Network::new(1);
    network.set_uplink(host(1), Link::delayed(30 * MS));
    network.set_downlink(host(2), Link::delayed(12 * MS));
    network.set_uplink(host(2), Link::PERFECT.dead());
    network.set_downlink(host(1), Link::PERFECT.dead());
    let arrivals = send_through(&mut network, 3, 100);
    assert_eq!(arrivals, [(0, 42), (1, 43), (2, 44)]);
    assert_eq!(network.poll_mishap(), None);
}

#[test]
fn loss_has_the_mean_and_the_bursts_that_were_asked_for() {
    // (link, lost of 100,000 at least and at most, mean burst at least and at most)
    let cases = [
        (Link::PERFECT.losing(0.05), 4_800..5_200, 1.0..1.1),
        (
            Link::PERFECT.losing_in_bursts(0.03, 8.0),
            2_500..3_500,
            7.0..9.0,
        ),
        (Link::PERFECT.dead(), 100_000..100_001, 99_999.0..100_001.0),
    ];
    for (link, lost_range, burst_range) in cases {
        let mut network = Network::new(7);
        network.set_uplink(host(1), link);
        let arrived = send_through(&mut network, 100_000, 100).len();
        let mut lost = 0;
        let mut bursts = 0;
        let mut last = None;
        while let Some(mishap) = network.poll_mishap() {
            assert_eq!(mishap.kind, MishapKind::Lost);
            let number = u32::from_be_bytes(mishap.head[..4].try_into().expect("four bytes"));
            bursts += u32::from(last != number.checked_sub(1) || last.is_none());
            last = Some(number);
            lost += 1;
        }
        assert_eq!(arrived + lost, 100_000, "{link:?}");
        assert!(lost_range.contains(&lost), "{link:?} lost {lost}");
        let burst = lost as f64 / f64::from(bursts);
        assert!(burst_range.contains(&burst), "{link:?}: bursts of {burst}");
    }
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    let in_order = |arrivals: &[(u32, u128)]| arrivals.is_sorted_by_key(|&(number, _)| number);
    let mut network = Network::new(3);
    network.set_uplink(host(1), Link::delayed(20 * MS).jittery(30 * MS));
    let arrivals = send_through(&mut network, 500, 100);
    assert_eq!(arrivals.len(), 500);
    assert!(in_order(&arrivals));
    let delays = arrivals.iter().map(|&(number, at)| at - u128::from(number));
    assert!(delays.clone().max() > delays.min().map(|least| least + 15));

    let mut network = Network::new(3);
    network.set_uplink(
        host(1),
        Link::PERFECT.reordering(0.02, 5 * MS).duplicating(0.01),
    );
    let arrivals = send_through(&mut network, 5_000, 100);
    assert!(!in_order(&arrivals));
    let twice = arrivals.len() - 5_000;
    assert!((30..70).contains(&twice), "{twice} arrived twice");
    let held_back = std::iter::from_fn(|| network.poll_mishap()).count();
    assert!((70..130).contains(&held_back), "{held_back} were held back");
}

#[test]
fn a_limited_link_spaces_datagrams_and_drops_what_its_queue_cannot_hold() {
    let mut network = Network::new(1);
    // Each datagram weighs 1,000 bytes and takes 8 ms; five fit the queue.
    network.set_downlink(host(2), Link::PERFECT.limited(1_000_000, 5_000));
    let arrivals = send_through(&mut network, 40, 1_000 - IP_AND_UDP_BYTES);
    let times: Vec<_> = arrivals.iter().map(|&(_, at)| at).collect();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] == 8),
        "{times:?}"
    );
    let dropped = std::iter::from_fn(|| network.poll_mishap());
    assert!(
        dropped
            .inspect(|mishap| assert_eq!(mishap.kind, MishapKind::QueueFull))
            .count()
            > 20
    );
    let longest = arrivals
        .iter()
        .map(|&(number, at)| at - u128::from(number))
        .max();
    assert!(longest <= Some(41), "waited {longest:?} ms");
}

#[test]
fn the_same_seed_gives_the_same_fate() {
    let fate = |seed| {
        let mut network = Network::new(seed);
        network.set_uplink(host(1), Link::delayed(9 * MS).jittery(9 * MS).losing(0.2));
        send_through(&mut network, 200, 100)
    };
    assert_eq!(fate(5), fate(5));
    assert_ne!(fate(5), fate(6));
}

#[test]
fn a_host_that_moves_keeps_its_links_and_its_old_address_has_none() {
    let mut network = Network::new(1);
    let now = Instant::now();
    network.set_uplink(host(1), Link::PERFECT.dead());
    network.move_host(host(1), host(3));
    network.send(now, host(1), host(2), vec![1]);
    network.send(now, host(3), host(2), vec![2]);
    let arrived = std::iter::from_fn(|| network.poll_arrival(now));
    assert_eq!(
        arrived.map(|arrival| arrival.bytes).collect::<Vec<_>>(),
        [vec![1]]
    );
}
