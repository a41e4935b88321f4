//! Peers that ask for too much, or send what is not SCTP.

use rand::seq::IndexedRandom as _;

use super::*;

/// The CRC-32C of a packet whose checksum field is zero (RFC 9260 §A).
fn crc32c(packet: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in packet {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

fn with_checksum(mut packet: Vec<u8>) -> Vec<u8> {
    if packet.len() >= 12 {
        packet[8..12].fill(0);
        let crc = crc32c(&packet);
        packet[8..12].copy_from_slice(&crc.to_le_bytes());
    }
    packet
}

/// A packet with the header of `sample` and these chunks.
fn forge(sample: &[u8], chunks: &[u8]) -> Vec<u8> {
    with_checksum([&sample[..12], chunks].concat())
}

/// A packet that the client sends now, and the TSN of its DATA.
fn sample(network: &Network, client: &mut Client) -> (Bytes, u32) {
    client.drain(network.now);
    client.write(network.now, 0, Ppid::Binary, b"sample");
    let packet = client.drain(network.now).remove(0);
    let tsn = packet[16..20].try_into().expect("a TSN");
    (packet, u32::from_be_bytes(tsn))
}

fn data_chunk(tsn: u32, stream: u16, flags: u8) -> Vec<u8> {
    let mut chunk = vec![0, flags, 0, 17];
    chunk.extend(tsn.to_be_bytes());
    chunk.extend(stream.to_be_bytes());
    chunk.extend([0, 1, 0, 0, 0, 53, b'x', 0, 0, 0]);
    chunk
}

/// A message still goes both ways.
fn assert_alive(network: &mut Network, server: &mut DataTransport, client: &mut Client) {
    client.write(network.now, 0, Ppid::String, b"ping");
    assert_eq!(server.send(network.now, 0, false, b"pong"), Ok(()));
    network.run(server, client, SECOND * 10);
    let ping = (0, false, Bytes::from_static(b"ping"));
    assert_eq!(network.take_messages().last(), Some(&ping));
    let pong = (0, Ppid::String, Bytes::from_static(b"pong"));
    assert_eq!(client.received.last(), Some(&pong));
}

#[test]
fn a_17th_channel_is_closed_again_and_the_others_stay() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    for id in 1..20 {
        client.open(network.now, id, b"more", ChannelType::Reliable);
    }
    network.run(&mut server, &mut client, SECOND * 5);
    assert_eq!(network.events.len(), 15, "{:?}", network.events);
    client.closed.sort_unstable();
    assert_eq!(client.closed, [16, 17, 18, 19]);
    assert_alive(&mut network, &mut server, &mut client);
}

#[test]
fn a_channel_with_an_impossible_label_is_closed_again() {
    for label in [&[b'a'; 65][..], &[0xff, 0xfe]] {
        let mut network = Network::new(0, 0.0);
        let (mut server, mut client) = with_channel(&mut network);
        client.open(network.now, 4, label, ChannelType::Reliable);
        network.run(&mut server, &mut client, SECOND * 5);
        assert_eq!(network.events, []);
        assert_eq!(client.closed, [4]);
        assert_alive(&mut network, &mut server, &mut client);
    }
}

#[test]
fn a_message_that_is_too_large_or_no_text_closes_its_channel() {
    let large = vec![b'a'; MAX_MESSAGE_BYTES + 1];
    let cases = [
        ("too large", Ppid::Binary, &large[..]),
        ("no text", Ppid::String, &[0xff]),
    ];
    for (name, ppid, message) in cases {
        let mut network = Network::new(0, 0.0);
        let (mut server, mut client) = with_channel(&mut network);
        client.open(network.now, 2, b"other", ChannelType::Reliable);
        network.run(&mut server, &mut client, SECOND);
        network.events.clear();
        client.write(network.now, 2, ppid, message);
        network.run(&mut server, &mut client, SECOND * 5);
        assert!(network.events == [DataEvent::Closed { id: 2 }], "{name}");
        assert_eq!(client.closed, [2], "{name}");
        assert_alive(&mut network, &mut server, &mut client);
    }
}

#[test]
fn messages_on_streams_that_nobody_opened_are_dropped() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    client
        .association
        .open_stream(8, Ppid::Binary)
        .expect("a free stream");
    for ppid in [Ppid::Binary, Ppid::String, Ppid::BinaryEmpty, Ppid::Unknown] {
        client.write(network.now, 8, ppid, b"hello");
    }
    network.run(&mut server, &mut client, SECOND);
    assert_eq!(network.events, []);
    assert_alive(&mut network, &mut server, &mut client);
}

#[test]
fn leaps_and_streams_without_number_are_dropped() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    let (packet, tsn) = sample(&network, &mut client);
    let far = tsn.wrapping_add(1 << 30);
    let cases = [
        (
            "FORWARD-TSN",
            [&[192, 0, 0, 8][..], &far.to_be_bytes()].concat(),
        ),
        ("DATA", data_chunk(far, 0, 3)),
        ("a stream too many", data_chunk(tsn, 1_024, 3)),
    ];
    for (name, chunk) in cases {
        let handled = server.handle(network.now, &forge(&packet, &chunk));
        assert_eq!(handled, Err(DataError::Rejected), "{name}");
    }
    network.carry(true, packet);
    assert_alive(&mut network, &mut server, &mut client);
}

#[test]
fn chunks_that_never_make_a_message_end_the_association() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    let (packet, tsn) = sample(&network, &mut client);
    // Each is the middle of a message that never began.
    let taken = (0..20_000).take_while(|&number| {
        let chunk = data_chunk(tsn.wrapping_add(number), 0, 0);
        server.handle(network.now, &forge(&packet, &chunk)).is_ok()
    });
    assert_eq!(taken.count(), 8_192);
    assert_eq!(server.poll_event(), Some(DataEvent::Closed { id: 0 }));
    let abort = server.poll_transmit(network.now);
    assert!(
        abort.is_some_and(|packet| packet[12] == 6),
        "the peer was not told"
    );
    let late = server.handle(network.now, &forge(&packet, &data_chunk(tsn, 0, 3)));
    assert_eq!(
        (late, server.poll_event()),
        (Err(DataError::Rejected), None)
    );
    assert_eq!(server.next_deadline(), None);
}

#[test]
fn what_is_not_sctp_is_dropped() {
    let now = Instant::now();
    let mut server = DataTransport::new(parameters());
    let init = Client::new(now).drain(now).remove(0);
    let mut other_port = init.to_vec();
    other_port[1] ^= 1;
    let mut bad_checksum = init.to_vec();
    bad_checksum[8] ^= 1;
    let cases = [
        ("nothing", vec![]),
        (
            "noise",
            vec![0x13, 0x88, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
        ),
        ("another port", with_checksum(other_port)),
        ("a bad checksum", bad_checksum),
        ("a truncated INIT", with_checksum(init[..20].to_vec())),
        ("data before an INIT", forge(&init, &data_chunk(1, 0, 3))),
    ];
    for (name, packet) in cases {
        assert_eq!(
            server.handle(now, &packet),
            Err(DataError::Rejected),
            "{name}"
        );
        assert_eq!(server.poll_transmit(now), None, "{name}");
    }
}

/// A chunk of some type whose value is noise around fields that are nearly right.
fn noise_chunk(rng: &mut StdRng, tsn: u32) -> Vec<u8> {
    let mut value: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
    let kind = *[0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 130, 192, rng.random()]
        .choose(rng)
        .expect("it is not empty");
    if kind == 130 && value.len() >= 4 {
        value[..2].copy_from_slice(&[0, *[13, 14, 16].choose(rng).expect("it is not empty")]);
        let len = value.len() as u16;
        value[2..4].copy_from_slice(&len.to_be_bytes());
    }
    for offset in [0, 4, 8, 12] {
        if rng.random_bool(0.7)
            && let Some(number) = value.get_mut(offset..offset + 4)
            && (kind != 130 || offset > 0)
        {
            let near = tsn.wrapping_add(rng.random_range(0..20)).wrapping_sub(10);
            number.copy_from_slice(&near.to_be_bytes());
        }
    }
    if kind == 0 && value.len() >= 6 {
        value[4..6].copy_from_slice(&rng.random_range(0..6_u16).to_be_bytes());
    }
    let mut chunk = vec![kind, rng.random()];
    chunk.extend((value.len() as u16 + 4).to_be_bytes());
    chunk.extend(value);
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

#[test]
fn chunks_of_noise_are_errors_not_panics() {
    for seed in 0..100 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut network = Network::new(seed, 0.0);
        let (mut server, mut client) = with_channel(&mut network);
        let (packet, tsn) = sample(&network, &mut client);
        for _ in 0..200 {
            let chunks: Vec<u8> = (0..rng.random_range(1..4))
                .flat_map(|_| noise_chunk(&mut rng, tsn))
                .collect();
            let _ = server.handle(network.now, &forge(&packet, &chunks));
            let _ = server.send(network.now, 0, true, b"some message");
            network.run(&mut server, &mut client, Duration::from_millis(100));
        }
    }
}

#[test]
fn packets_with_changed_bytes_are_errors_not_panics() {
    for seed in 0..100 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut network = Network::new(seed, 0.0);
        let mut client = Client::new(network.now);
        let mut server = DataTransport::new(parameters());
        for round in 0..40_u16 {
            let id = round / 8;
            let usable = client.connected && !client.association.is_closed();
            if usable && client.association.stream(id).is_err() {
                client.open(network.now, id, b"chat", ChannelType::PartialReliableTimed);
            }
            if let Ok(mut stream) = client.association.stream(id) {
                let message = vec![7; rng.random_range(1..4_000)];
                let _ = stream.write_with_ppi(network.now, &message, Ppid::Binary);
                if rng.random_bool(0.1) {
                    let _ = stream.close(network.now);
                }
            }
            let _ = server.send(network.now, id, true, b"some message");
            for packet in client.drain(network.now) {
                let mut packet = packet.to_vec();
                if rng.random_bool(0.3) {
                    for _ in 0..rng.random_range(1..4) {
                        let position = rng.random_range(12..packet.len());
                        packet[position] = rng.random();
                    }
                    if rng.random_bool(0.3) {
                        packet.truncate(rng.random_range(0..packet.len()));
                    }
                    packet = with_checksum(packet);
                }
                network.carry(true, packet.into());
            }
            network.run(&mut server, &mut client, Duration::from_millis(500));
        }
    }
}
