//! What is answered, with what, and what is dropped.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::message::{BINDING_ERROR, BINDING_SUCCESS, Getter as _};
use rtc::stun::uattrs::UnknownAttributes;
use rtc::stun::xoraddr::XorMappedAddress;

use super::*;

/// Reads a response and checks what every response must have.
fn read_response(response: &[u8], password: &str) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(response).expect("a STUN message");
    assert_eq!(message.transaction_id, TransactionId([7; 12]));
    MessageIntegrity::check(
        &mut message,
        password.as_bytes(),
        AwsLcRsProvider::new().crypto(),
    )
    .expect("the response authenticates with our password");
    FINGERPRINT
        .check(&message)
        .expect("the response has its fingerprint");
    let last = message.attributes.0.last().map(|attribute| attribute.typ);
    assert_eq!(last, Some(ATTR_FINGERPRINT));
    message
}

#[test]
fn a_check_is_answered_with_the_address_it_came_from() {
    let cases = [
        ("203.0.113.9:50000", "203.0.113.9:50000"),
        ("[2001:db8::17]:6", "[2001:db8::17]:6"),
        ("[::ffff:203.0.113.9]:50000", "203.0.113.9:50000"),
    ];
    for (remote, expected) in cases {
        let now = Instant::now();
        let reply = agent(now)
            .handle_request(now, path(remote), &Check::default().build())
            .expect("an authentic check");
        let message = read_response(&reply.response, "a password of ours");
        assert_eq!(message.typ, BINDING_SUCCESS);
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&message).expect("a mapped address");
        assert_eq!(
            SocketAddr::new(mapped.ip, mapped.port).to_string(),
            expected
        );
    }
}

#[test]
fn what_does_not_authenticate_is_dropped_and_changes_nothing() {
    let cases = [
        (
            "another password",
            Check {
                password: "a password of peer",
                ..Check::default()
            },
            IceError::Unauthenticated,
        ),
        (
            "no integrity",
            Check {
                integrity: false,
                ..Check::default()
            },
            IceError::Unauthenticated,
        ),
        (
            "no fingerprint",
            Check {
                fingerprint: false,
                ..Check::default()
            },
            IceError::Unauthenticated,
        ),
        (
            "our half only",
            Check {
                username: "ours",
                ..Check::default()
            },
            IceError::UnknownUsername,
        ),
        (
            "another peer",
            Check {
                username: "ours:other",
                ..Check::default()
            },
            IceError::UnknownUsername,
        ),
        (
            "swapped halves",
            Check {
                username: "peer:ours",
                ..Check::default()
            },
            IceError::UnknownUsername,
        ),
        (
            "a longer half",
            Check {
                username: "ours:peer2",
                ..Check::default()
            },
            IceError::UnknownUsername,
        ),
        (
            "nobody",
            Check {
                username: "",
                ..Check::default()
            },
            IceError::UnknownUsername,
        ),
    ];
    for (name, check, expected) in cases {
        let now = Instant::now();
        let mut agent = agent(now);
        let reply = agent.handle_request(
            now + Duration::from_secs(5),
            path("203.0.113.9:1"),
            &check.build(),
        );
        assert_eq!(reply, Err(expected), "{name}");
        assert_eq!(agent.selected(), None, "{name}");
        assert_eq!(agent.addresses().count(), 0, "{name}");
        assert_eq!(
            agent.next_deadline(),
            now + Duration::from_secs(30),
            "{name}"
        );
    }
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    let now = Instant::now();
    let mut agent = agent(now);
    let request = Check::nominating().build();
    for bit in 0..request.len() * 8 {
        let mut forged = request.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let reply = agent.handle_request(now, path("203.0.113.9:1"), &forged);
        assert!(reply.is_err(), "bit {bit} was not noticed");

        // The fingerprint is no secret: whoever changes a bit can also mend it.
        let end = forged.len() - 8;
        if bit < end * 8 {
            let fingerprint = rtc::stun::fingerprint::fingerprint_value(&forged[..end]);
            forged[end + 4..].copy_from_slice(&fingerprint.to_be_bytes());
            let reply = agent.handle_request(now, path("203.0.113.9:1"), &forged);
            assert!(
                reply.is_err(),
                "bit {bit} with a mended fingerprint was not noticed"
            );
        }
    }
    assert_eq!(agent.selected(), None);
}

#[test]
fn datagrams_of_any_shape_are_errors_not_panics() {
    let now = Instant::now();
    let mut agent = agent(now);
    let request = Check::nominating().build();
    for len in 0..request.len() {
        let reply = agent.handle_request(now, path("203.0.113.9:1"), &request[..len]);
        assert_eq!(reply, Err(IceError::Malformed), "{len} bytes");
        assert_eq!(request_username(&request[..len]), None, "{len} bytes");

        // As if the message had meant to end there.
        let mut cut = request[..len].to_vec();
        if let Some(length) = len.checked_sub(20) {
            cut[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            assert!(
                agent
                    .handle_request(now, path("203.0.113.9:1"), &cut)
                    .is_err(),
                "{len} bytes"
            );
        }
    }
    let mut longer = request.clone();
    longer.extend([0; 4]);
    assert_eq!(
        agent.handle_request(now, path("203.0.113.9:1"), &longer),
        Err(IceError::Malformed)
    );
    let mut rng = StdRng::seed_from_u64(1);
    for round in 0..20_000 {
        let mut noise = request.clone();
        for _ in 0..rng.random_range(1..8) {
            let position = rng.random_range(0..noise.len());
            noise[position] = rng.random();
        }
        noise.truncate(rng.random_range(0..=noise.len()));
        let _ = request_username(&noise);
        let reply = agent.handle_request(now, path("203.0.113.9:1"), &noise);
        assert!(
            reply.is_err() || noise == request,
            "round {round} was believed"
        );
    }
}

#[test]
fn responses_and_indications_are_not_requests() {
    let now = Instant::now();
    for kind in [0x0101_u16, 0x0111, 0x0011, 0x0003, 0x0000] {
        let mut datagram = Check::default().build();
        datagram[..2].copy_from_slice(&kind.to_be_bytes());
        let reply = agent(now).handle_request(now, path("203.0.113.9:1"), &datagram);
        assert_eq!(reply, Err(IceError::Malformed), "type {kind:#x}");
        assert_eq!(request_username(&datagram), None, "type {kind:#x}");
    }
}

#[test]
fn attributes_behind_the_integrity_are_not_believed() {
    let now = Instant::now();
    let mut agent = agent(now);
    let first = path("203.0.113.9:1");
    let second = path("203.0.113.9:2");
    agent
        .handle_request(now, first, &Check::default().build())
        .expect("authentic");

    let check = Check {
        behind_integrity: vec![
            (ATTR_USE_CANDIDATE, vec![]),
            (ATTR_ICE_CONTROLLED, vec![1; 8]),
            (AttrType(0x7777), vec![]),
        ],
        ..Check::default()
    };
    let reply = agent
        .handle_request(now, second, &check.build())
        .expect("authentic");
    assert_eq!(reply.selected, None);
    assert_eq!(agent.selected(), Some(first));
    assert_eq!(
        read_response(&reply.response, "a password of ours").typ,
        BINDING_SUCCESS
    );
}

#[test]
fn an_agent_that_claims_to_be_controlled_is_told_of_the_conflict() {
    let now = Instant::now();
    let mut agent = agent(now);
    let check = Check {
        role: ATTR_ICE_CONTROLLED,
        ..Check::nominating()
    };
    let reply = agent
        .handle_request(now, path("203.0.113.9:1"), &check.build())
        .expect("authentic");
    let message = read_response(&reply.response, "a password of ours");
    assert_eq!(message.typ, BINDING_ERROR);
    let mut error = ErrorCodeAttribute::default();
    error.get_from(&message).expect("an error code");
    assert_eq!(error.code.0, 487);
    assert_eq!(agent.selected(), None);
    assert!(!reply.first_authenticated);

    let reply = agent
        .handle_request(now, path("203.0.113.9:1"), &Check::nominating().build())
        .expect("authentic");
    assert!(
        reply.first_authenticated,
        "the peer has taken the other role"
    );
}

#[test]
fn attributes_that_must_be_understood_and_are_not_are_named() {
    let now = Instant::now();
    let check = Check {
        extra: vec![
            (AttrType(0x7001), vec![1]),
            (AttrType(0xc057), vec![0; 4]),
            (AttrType(0x7002), vec![]),
        ],
        ..Check::default()
    };
    let reply = agent(now)
        .handle_request(now, path("203.0.113.9:1"), &check.build())
        .expect("authentic");
    let message = read_response(&reply.response, "a password of ours");
    let mut error = ErrorCodeAttribute::default();
    error.get_from(&message).expect("an error code");
    assert_eq!(error.code.0, 420);
    let mut unknown = UnknownAttributes(vec![]);
    unknown.get_from(&message).expect("the attributes");
    assert_eq!(unknown.0, [AttrType(0x7001), AttrType(0x7002)]);
    assert_eq!(reply.selected, None);
}

#[test]
fn our_half_of_the_username_is_found_without_any_check() {
    let cases = [
        ("ours:peer", Some("ours")),
        (":peer", Some("")),
        ("a+/b:c:d", Some("a+/b")),
        ("ours", None),
        ("", None),
    ];
    for (username, expected) in cases {
        let request = Check {
            username,
            ..Check::default()
        };
        assert_eq!(request_username(&request.build()), expected, "{username}");
    }
}
