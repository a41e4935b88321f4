//! Clients that are not who they should be, and datagrams that are not what they should be.

use super::*;

fn plaintext(content: ContentType, sequence: u64, body: &[u8]) -> BytesMut {
    let mut record = BytesMut::new();
    write_plaintext(&mut record, content, sequence, &[body]);
    record
}

/// The same record, claiming to be encrypted.
fn of_epoch_1(mut record: BytesMut) -> BytesMut {
    record[4] = 1;
    record
}

/// Data still goes through.
fn assert_alive(network: &mut Network, server: &mut Dtls, client: &mut Client) {
    client.send(network.now, b"ping");
    server.send(network.now, b"pong").expect("a connection");
    network.settle(server, client);
    assert_eq!(
        server.poll_event(),
        Some(DtlsEvent::Data(Bytes::from_static(b"ping")))
    );
    assert_eq!(client.received.pop(), Some(Bytes::from_static(b"pong")));
    assert_eq!(network.server_error, None);
}

#[test]
fn a_client_with_another_certificate_gets_no_keys() {
    let other = fingerprint_of(&new_certificate().certificate[0]);
    for fingerprints in [vec![], vec![other]] {
        let mut network = Network::new(0, 0.0);
        let mut client = Client::new(network.now, &[GCM]);
        let mut server = Dtls::new(&identity(), fingerprints, network.now);
        assert_eq!(network.connect(&mut server, &mut client), None);
        assert_eq!(network.server_error, Some(DtlsError::FingerprintMismatch));
        network.settle(&mut server, &mut client);
        assert!(client.closed, "the client was not told");
        assert_eq!(server.poll_event(), None);
    }
}

#[test]
fn any_of_several_fingerprints_will_do() {
    let mut network = Network::new(0, 0.0);
    let mut client = Client::new(network.now, &[GCM]);
    let other = fingerprint_of(&new_certificate().certificate[0]);
    let fingerprints = vec![other, client.fingerprint()];
    let mut server = Dtls::new(&identity(), fingerprints, network.now);
    assert!(network.connect(&mut server, &mut client).is_some());
}

#[test]
fn a_client_without_a_certificate_fails() {
    let mut network = Network::new(0, 0.0);
    let config = client_config(&[GCM]);
    let mut client = Client::with_config(network.now, new_certificate(), config);
    let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
    assert_eq!(network.connect(&mut server, &mut client), None);
    assert!(!client.connected);
    assert_eq!(network.server_error, Some(DtlsError::Failed));
}

#[test]
fn a_client_without_a_common_srtp_profile_is_told_so() {
    for profiles in [&[] as &[_], &[GCM_256, SHA1_32]] {
        let now = Instant::now();
        let mut client = Client::new(now, profiles);
        let mut server = Dtls::new(&identity(), vec![client.fingerprint()], now);
        let hello = client.transmits.pop_front().expect("a ClientHello");
        assert_eq!(
            server.handle_datagram(now, &hello),
            Err(DtlsError::NoSrtpProfile)
        );
        let alert = server.poll_transmit().expect("an alert");
        assert_eq!(alert[0], ContentType::ALERT.0);
        assert_eq!(alert[13..], [2, 40]);
        assert_eq!(
            server.handle_datagram(now, &hello),
            Err(DtlsError::Rejected)
        );
    }
}

#[test]
fn the_second_hello_must_offer_what_the_first_did() {
    let now = Instant::now();
    for profiles in [&[GCM, SHA1_80][..], &[]] {
        let mut first = Client::new(now, &[SHA1_80]);
        let mut second = Client::new(now, profiles);
        let mut server = Dtls::new(&identity(), vec![], now);
        let hello = first.transmits.pop_front().expect("a ClientHello");
        server.handle_datagram(now, &hello).expect("a ClientHello");
        let verify = server.poll_transmit().expect("a HelloVerifyRequest");
        second.transmits.clear();
        second.handle_datagram(now, &verify);
        let hello = second.transmits.pop_front().expect("a ClientHello");
        assert_eq!(
            server.handle_datagram(now, &hello),
            Err(DtlsError::Failed),
            "{profiles:?}"
        );
    }
}

#[test]
fn a_client_that_gives_up_the_handshake_is_believed() {
    let now = Instant::now();
    let cases = [
        ([2, 42], Err(DtlsError::Alert(42))),
        ([1, 0], Err(DtlsError::Alert(0))),
        ([1, 90], Err(DtlsError::Rejected)),
    ];
    for (body, expected) in cases {
        let mut server = Dtls::new(&identity(), vec![], now);
        let alert = plaintext(ContentType::ALERT, 1, &body);
        assert_eq!(server.handle_datagram(now, &alert), expected, "{body:?}");
    }
}

#[test]
fn nothing_that_is_not_authenticated_disturbs_a_connection() {
    let (mut network, mut server, mut client) = connected();
    let forged = [
        ("a fatal alert", plaintext(ContentType::ALERT, 90, &[2, 40])),
        ("a close_notify", plaintext(ContentType::ALERT, 91, &[1, 0])),
        (
            "application data",
            plaintext(ContentType::APPLICATION_DATA, 92, b"data"),
        ),
        (
            "a ChangeCipherSpec",
            plaintext(ContentType::CHANGE_CIPHER_SPEC, 93, &[1]),
        ),
        (
            "a ChangeCipherSpec of epoch 1",
            of_epoch_1(plaintext(ContentType::CHANGE_CIPHER_SPEC, 94, &[1])),
        ),
        (
            "an alert of epoch 1",
            of_epoch_1(plaintext(ContentType::ALERT, 95, &[2, 40])),
        ),
        (
            "data of epoch 1",
            of_epoch_1(plaintext(ContentType::APPLICATION_DATA, 96, &[0; 60])),
        ),
        (
            "an unknown type",
            of_epoch_1(plaintext(ContentType(26), 97, &[0; 60])),
        ),
        (
            "handshake data",
            plaintext(ContentType::HANDSHAKE, 98, &[1; 40]),
        ),
        ("nothing", BytesMut::new()),
        ("noise", BytesMut::from(&[22; 100][..])),
    ];
    for (name, datagram) in forged {
        let result = server.handle_datagram(network.now, &datagram);
        assert_eq!(result, Err(DtlsError::Rejected), "{name}");
        assert_eq!(server.poll_event(), None, "{name}");
        assert_eq!(server.poll_transmit(), None, "{name}");
        assert_alive(&mut network, &mut server, &mut client);
    }
}

#[test]
fn a_stranger_cannot_have_the_last_flight_repeated_without_end() {
    let (mut network, mut server, mut client) = connected();
    let forged = of_epoch_1(plaintext(ContentType::HANDSHAKE, 9, &[0; 40]));
    let mut sent = 0;
    for _ in 0..1_000 {
        let _ = server.handle_datagram(network.now, &forged);
        while server.poll_transmit().is_some() {
            sent += 1;
        }
    }
    assert!((1..=30).contains(&sent), "{sent} datagrams were sent");
    assert_alive(&mut network, &mut server, &mut client);
}

#[test]
fn replayed_data_is_dropped() {
    let (network, mut server, mut client) = connected();
    client.send(network.now, b"once");
    let datagram = client.transmits.pop_front().expect("a record");
    assert_eq!(server.handle_datagram(network.now, &datagram), Ok(()));
    assert_eq!(
        server.handle_datagram(network.now, &datagram),
        Err(DtlsError::Rejected)
    );
    assert_eq!(
        server.poll_event(),
        Some(DtlsEvent::Data(Bytes::from_static(b"once")))
    );
    assert_eq!(server.poll_event(), None);
}

#[test]
fn a_handshake_takes_a_bounded_amount_of_what_it_cannot_read() {
    let floods: [(&str, BytesMut); 2] = [
        (
            "records of the next epoch",
            of_epoch_1(plaintext(ContentType::APPLICATION_DATA, 5, &[0; 1_100])),
        ),
        (
            "small ones",
            of_epoch_1(plaintext(ContentType::HANDSHAKE, 5, &[0; 20])),
        ),
    ];
    for (name, datagram) in floods {
        let now = Instant::now();
        let mut client = Client::new(now, &[GCM]);
        let mut server = Dtls::new(&identity(), vec![], now);
        let hello = client.transmits.pop_front().expect("a ClientHello");
        server.handle_datagram(now, &hello).expect("a ClientHello");
        let taken = (0..10_000)
            .filter(|_| server.handle_datagram(now, &datagram).is_ok())
            .count();
        assert!(taken < MAX_HANDSHAKE_DATAGRAMS, "{name}: {taken} taken");
        assert!(
            taken * datagram.len() <= MAX_HANDSHAKE_BYTES,
            "{name}: {taken} taken"
        );
    }
}

#[test]
fn before_a_hello_nothing_is_kept() {
    let now = Instant::now();
    let mut server = Dtls::new(&identity(), vec![], now);
    let early = [
        of_epoch_1(plaintext(ContentType::APPLICATION_DATA, 5, &[0; 1_100])),
        plaintext(ContentType::CHANGE_CIPHER_SPEC, 6, &[1]),
        plaintext(ContentType::APPLICATION_DATA, 7, b"data"),
    ];
    for datagram in early {
        assert_eq!(
            server.handle_datagram(now, &datagram),
            Err(DtlsError::Rejected)
        );
    }
    assert_eq!(server.poll_transmit(), None);
}

#[test]
fn truncated_datagrams_do_no_harm() {
    let mut network = Network::new(0, 0.0);
    let mut client = Client::new(network.now, &[GCM]);
    let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
    while !client.connected {
        for datagram in &client.transmits {
            for len in [0, 1, 12, 13, 14, 25, datagram.len() - 1] {
                let _ = server.handle_datagram(network.now, &datagram[..len.min(datagram.len())]);
            }
        }
        assert!(network.step(&mut server, &mut client), "stuck");
        assert_eq!(network.server_error, None);
    }
}

#[test]
fn a_handshake_with_changed_bytes_fails_without_a_panic() {
    let identity = identity();
    let mut completed = 0;
    for seed in 0..400 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut network = Network::new(seed, 0.0);
        let mut client = Client::new(network.now, &[GCM]);
        let mut server = Dtls::new(&identity, vec![client.fingerprint()], network.now);
        let give_up = network.now + Duration::from_secs(2);
        while network.server_error.is_none() && network.now < give_up && !client.connected {
            for datagram in &mut client.transmits {
                if rng.random_bool(0.4) {
                    let mut changed = BytesMut::from(&datagram[..]);
                    for _ in 0..rng.random_range(1..4) {
                        let position = rng.random_range(0..changed.len());
                        changed[position] = rng.random();
                    }
                    *datagram = changed.freeze();
                }
            }
            if !network.step(&mut server, &mut client) {
                break;
            }
        }
        completed += usize::from(client.connected);
    }
    assert!(
        (20..400).contains(&completed),
        "{completed} of 400 completed"
    );
}
