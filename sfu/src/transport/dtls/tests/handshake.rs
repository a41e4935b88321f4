//! Handshakes with a client that means well, on networks that do not.

use super::*;

#[test]
fn gcm_is_settled_on_whatever_the_order_and_sha1_80_when_it_is_all_there_is() {
    use SrtpProtection::{AeadAes128Gcm, Aes128CmHmacSha1_80};
    let identity = identity();
    let cases: &[(&[SrtpProtectionProfile], SrtpProtection)] = &[
        (&[GCM], AeadAes128Gcm),
        (&[SHA1_80, GCM_256, GCM], AeadAes128Gcm),
        (&[GCM, GCM_256, SHA1_80, SHA1_32], AeadAes128Gcm),
        (&[SHA1_80], Aes128CmHmacSha1_80),
        (&[SHA1_32, SHA1_80], Aes128CmHmacSha1_80),
    ];
    for (profiles, expected) in cases {
        let mut network = Network::new(0, 0.0);
        let mut client = Client::new(network.now, profiles);
        let mut server = Dtls::new(&identity, vec![client.fingerprint()], network.now);
        let keys = network.connect(&mut server, &mut client);
        assert!(client.connected, "{profiles:?}: the client did not connect");
        assert_eq!(keys, Some(client.keys(*expected)), "{profiles:?}");
    }
}

#[test]
fn a_handshake_without_loss_takes_three_round_trips() {
    let mut network = Network::new(0, 0.0);
    let start = network.now;
    let mut client = Client::new(network.now, &[GCM]);
    let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
    assert!(network.connect(&mut server, &mut client).is_some());
    assert_eq!(network.now - start, Duration::from_millis(6 * 20));
}

#[test]
fn handshakes_complete_at_30_percent_loss() {
    let identity = identity();
    let mut slowest = Duration::ZERO;
    for seed in 0..200 {
        let mut network = Network::new(seed, 0.3);
        let start = network.now;
        let mut client = Client::new(network.now, &[SHA1_80, GCM]);
        let mut server = Dtls::new(&identity, vec![client.fingerprint()], network.now);
        let keys = network.connect(&mut server, &mut client);
        assert_eq!(network.server_error, None, "seed {seed}");
        assert!(client.connected, "seed {seed}: the client did not connect");
        assert_eq!(
            keys,
            Some(client.keys(SrtpProtection::AeadAes128Gcm)),
            "seed {seed}"
        );
        slowest = slowest.max(network.now - start);
    }
    assert!(slowest < HANDSHAKE_TIMEOUT, "the slowest took {slowest:?}");
}

#[test]
fn a_path_that_silently_drops_what_is_long_only_delays_a_handshake() {
    // The MTU of the path, and how much later than over one of 1,500 bytes.
    let cases = [(1_500, 0), (1_000, 0), (576, 1_400)];
    for (mtu, expected) in cases {
        let mut network = Network::new(0, 0.0);
        network.longest = mtu - IPV4_AND_UDP_HEADERS;
        let start = network.now;
        let mut client = Client::new(network.now, &[SHA1_80, GCM]);
        let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
        let keys = network.connect(&mut server, &mut client);
        assert!(keys.is_some() && client.connected, "an MTU of {mtu}");
        let late = network.now - start - Duration::from_millis(6 * 20);
        assert_eq!(late, Duration::from_millis(expected), "an MTU of {mtu}");
    }
}

/// RFC 791 §3.1 and RFC 768.
const IPV4_AND_UDP_HEADERS: usize = 28;

#[test]
fn data_goes_both_ways() {
    let (mut network, mut server, mut client) = connected();
    client.send(network.now, b"ping");
    client.send(network.now, b"ping again");
    server.send(network.now, b"pong").expect("a connection");
    network.settle(&mut server, &mut client);
    assert_eq!(
        server.poll_event(),
        Some(DtlsEvent::Data(Bytes::from_static(b"ping")))
    );
    assert_eq!(
        server.poll_event(),
        Some(DtlsEvent::Data(Bytes::from_static(b"ping again")))
    );
    assert_eq!(server.poll_event(), None);
    assert_eq!(client.received, [Bytes::from_static(b"pong")]);
}

#[test]
fn a_client_that_has_missed_our_last_flight_gets_it_again() {
    let mut network = Network::new(0, 0.0);
    let mut client = Client::new(network.now, &[GCM]);
    let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
    let mut lost = 0;
    while !client.connected {
        assert!(network.step(&mut server, &mut client), "stuck");
        if matches!(server.state, State::Connected(_)) && lost < 3 {
            while server.poll_transmit().is_some() {
                lost += 1;
            }
        }
    }
    assert_eq!(lost, 3);
    client.send(network.now, b"ping");
    network.settle(&mut server, &mut client);
    assert!(matches!(server.poll_event(), Some(DtlsEvent::Connected(_))));
    assert_eq!(
        server.poll_event(),
        Some(DtlsEvent::Data(Bytes::from_static(b"ping")))
    );
}

#[test]
fn either_side_can_end_the_connection() {
    let (mut network, mut server, mut client) = connected();
    server.close(network.now);
    network.settle(&mut server, &mut client);
    assert!(client.closed);
    assert_eq!(server.send(network.now, b"late"), Err(DtlsError::Rejected));
    assert_eq!(server.poll_event(), None, "we know that we have closed");

    let (mut network, mut server, mut client) = connected();
    client.endpoint.stop(network.now, LOCAL);
    client.send_new(network.now);
    network.settle(&mut server, &mut client);
    assert_eq!(server.poll_event(), Some(DtlsEvent::Closed));
    assert_eq!(server.poll_event(), None);
    assert_eq!(server.send(network.now, b"late"), Err(DtlsError::Rejected));
    server.close(network.now);
    assert_eq!(server.next_deadline(), None);
}

#[test]
fn a_handshake_that_does_not_complete_is_given_up_after_15_seconds() {
    let start = Instant::now();
    let mut silent = Dtls::new(&identity(), vec![], start);
    assert_eq!(
        silent.next_deadline(),
        Some(start + Duration::from_secs(15))
    );
    let nearly = start + Duration::from_millis(14_999);
    assert_eq!(silent.handle_deadline(nearly), Ok(()));
    assert_eq!(
        silent.handle_deadline(start + Duration::from_secs(15)),
        Err(DtlsError::TimedOut)
    );
    assert_eq!(silent.next_deadline(), None);

    // A client whose side of the network fails after its ClientHello.
    let mut network = Network::new(0, 0.0);
    let mut client = Client::new(network.now, &[GCM]);
    let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
    let hello = client.transmits.pop_front().expect("a ClientHello");
    server
        .handle_datagram(network.now, &hello)
        .expect("a ClientHello");
    let start = network.now;
    let mut sent = 0;
    while let Some(deadline) = server.next_deadline() {
        network.now = deadline;
        let _ = server.handle_deadline(deadline);
        while server.poll_transmit().is_some() {
            sent += 1;
        }
    }
    assert_eq!(network.now - start, Duration::from_secs(15));
    assert!((10..25).contains(&sent), "{sent} datagrams were sent");
}
