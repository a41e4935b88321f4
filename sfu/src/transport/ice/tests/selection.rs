//! Where the peer is, as its checks come and go.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Hands the agent an authentic check and returns what it says.
fn check(agent: &mut IceLite, now: Instant, remote: &str, check: &Check) -> IceReply {
    agent
        .handle_request(now, path(remote), &check.build())
        .expect("an authentic check")
}

#[test]
fn the_first_check_selects_and_later_ones_move_by_nomination() {
    let now = Instant::now();
    let mut agent = agent(now);
    // The sender, whether it nominates, and the path that is selected by it.
    let steps = [
        ("203.0.113.9:1", false, Some("203.0.113.9:1")),
        ("203.0.113.9:1", true, None),
        ("203.0.113.9:2", false, None),
        ("203.0.113.9:2", true, Some("203.0.113.9:2")),
        ("203.0.113.9:1", false, None),
        ("[2001:db8::1]:3", true, Some("[2001:db8::1]:3")),
    ];
    for (step, (remote, nominates, selected)) in steps.into_iter().enumerate() {
        let request = if nominates {
            Check::nominating()
        } else {
            Check::default()
        };
        let reply = check(&mut agent, now + SECOND * step as u32, remote, &request);
        assert_eq!(reply.selected, selected.map(path), "step {step}");
        assert_eq!(reply.first_authenticated, step == 0, "step {step}");
    }
    assert_eq!(agent.selected(), Some(path("[2001:db8::1]:3")));
}

#[test]
fn a_path_is_also_our_address() {
    let now = Instant::now();
    let mut agent = agent(now);
    let first = path("203.0.113.9:1");
    let other = Path {
        local: Some(IpAddr::from([192, 0, 2, 77])),
        ..first
    };
    check(&mut agent, now, "203.0.113.9:1", &Check::default());
    let reply = agent
        .handle_request(now, other, &Check::nominating().build())
        .expect("authentic");
    assert_eq!(reply.selected, Some(other));
    assert_eq!(reply.added, None, "the peer's address is known");
}

#[test]
fn a_selected_path_without_checks_gives_way_to_one_with() {
    let now = Instant::now();
    let mut agent = agent(now);
    check(&mut agent, now, "203.0.113.9:1", &Check::nominating());
    check(&mut agent, now, "203.0.113.9:2", &Check::nominating());
    for (seconds, moves) in [(4, false), (9, false), (10, true), (12, false)] {
        let reply = check(
            &mut agent,
            now + SECOND * seconds,
            "203.0.113.9:1",
            &Check::default(),
        );
        assert_eq!(reply.selected.is_some(), moves, "after {seconds} s");
    }
    assert_eq!(agent.selected(), Some(path("203.0.113.9:1")));
}

#[test]
fn addresses_are_added_once_and_the_oldest_that_is_not_selected_makes_room() {
    let now = Instant::now();
    let mut agent = agent(now);
    let address = |port: u32| format!("203.0.113.9:{port}");
    let tick = Duration::from_millis(100);
    for port in 1..=16 {
        let reply = check(
            &mut agent,
            now + tick * port,
            &address(port),
            &Check::default(),
        );
        assert_eq!(reply.added, Some(path(&address(port)).remote));
        assert_eq!(reply.forgotten, None);
    }
    // The first is selected, and the second is heard again, so the third is the one.
    let reply = check(&mut agent, now + tick * 17, &address(2), &Check::default());
    assert_eq!((reply.added, reply.forgotten), (None, None));
    assert_eq!(agent.selected(), Some(path(&address(1))));

    let reply = check(&mut agent, now + tick * 18, &address(99), &Check::default());
    assert_eq!(reply.added, Some(path(&address(99)).remote));
    assert_eq!(reply.forgotten, Some(path(&address(3)).remote));
    assert_eq!(agent.selected(), Some(path(&address(1))));
    assert_eq!(agent.addresses().count(), 16);
}

#[test]
fn silence_ends_the_peer_30_seconds_after_its_last_check() {
    let now = Instant::now();
    let mut agent = agent(now);
    let nearly = SECOND * 30 - Duration::from_millis(1);
    assert_eq!(agent.next_deadline(), now + SECOND * 30);
    assert_eq!(agent.check_deadline(now + nearly), None);
    assert_eq!(
        agent.check_deadline(now + SECOND * 30),
        Some(IceTimeout::NeverConnected)
    );

    let mut last = now + nearly;
    for _ in 0..5 {
        check(&mut agent, last, "203.0.113.9:1", &Check::default());
        assert_eq!(agent.check_deadline(last + nearly), None);
        assert_eq!(
            agent.check_deadline(last + SECOND * 30),
            Some(IceTimeout::ConsentExpired)
        );
        assert_eq!(agent.next_deadline(), last + SECOND * 30);
        last += nearly;
    }
}

#[test]
fn a_restart_takes_over_with_the_first_check_that_uses_it() {
    let now = Instant::now();
    let mut agent = agent(now);
    check(&mut agent, now, "203.0.113.9:1", &Check::nominating());

    assert_eq!(agent.restart(parameters("ours2", "peer2")), None);
    assert_eq!(agent.local_ufrags().collect::<Vec<_>>(), ["ours", "ours2"]);
    let reply = check(&mut agent, now, "203.0.113.9:1", &Check::default());
    assert_eq!(
        reply.retired_ufrag, None,
        "the old credentials are still good"
    );
    assert_eq!(agent.selected(), Some(path("203.0.113.9:1")));

    let unauthentic = Check {
        username: "ours2:peer2",
        ..Check::default()
    };
    let dropped = agent.handle_request(now, path("203.0.113.9:6"), &unauthentic.build());
    assert_eq!(dropped, Err(IceError::Unauthenticated));
    assert_eq!(agent.local_ufrags().count(), 2);

    let renewed = Check {
        username: "ours2:peer2",
        password: "a password of ours2",
        ..Check::default()
    };
    let reply = check(&mut agent, now, "203.0.113.9:2", &renewed);
    assert_eq!(reply.retired_ufrag.as_deref(), Some("ours"));
    assert_eq!(reply.selected, Some(path("203.0.113.9:2")));
    assert!(!reply.first_authenticated);
    assert_eq!(agent.local_ufrags().collect::<Vec<_>>(), ["ours2"]);

    let old = agent.handle_request(now, path("203.0.113.9:1"), &Check::default().build());
    assert_eq!(old, Err(IceError::UnknownUsername));
}

#[test]
fn a_restart_that_was_never_used_is_replaced_by_the_next() {
    let now = Instant::now();
    let mut agent = agent(now);
    assert_eq!(agent.restart(parameters("ours2", "peer2")), None);
    assert_eq!(
        agent.restart(parameters("ours3", "peer3")),
        Some("ours2".to_owned())
    );
    assert_eq!(agent.local_ufrags().collect::<Vec<_>>(), ["ours", "ours3"]);
}

#[test]
fn credentials_of_two_generations_do_not_mix() {
    let now = Instant::now();
    let mut agent = agent(now);
    agent.restart(parameters("ours2", "peer2"));
    for username in ["ours:peer2", "ours2:peer"] {
        let mixed = Check {
            username,
            ..Check::default()
        };
        let reply = agent.handle_request(now, path("203.0.113.9:1"), &mixed.build());
        assert_eq!(reply, Err(IceError::UnknownUsername), "{username}");
    }
}
