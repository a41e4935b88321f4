//! Channels and messages of peers that mean well.

use super::*;

#[test]
fn messages_of_all_kinds_go_both_ways_unchanged() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    let large: Vec<u8> = (0..MAX_MESSAGE_BYTES)
        .map(|position| position as u8)
        .collect();
    let cases: &[(bool, &[u8], Ppid)] = &[
        (false, "grüezi".as_bytes(), Ppid::String),
        (true, &[0xff, 0, 1], Ppid::Binary),
        (false, b"", Ppid::StringEmpty),
        (true, b"", Ppid::BinaryEmpty),
        (true, &large, Ppid::Binary),
    ];
    for &(binary, message, ppid) in cases {
        let wire = if message.is_empty() {
            &[0][..]
        } else {
            message
        };
        client.write(network.now, 0, ppid, wire);
        assert_eq!(server.send(network.now, 0, binary, message), Ok(()));
        network.run(&mut server, &mut client, SECOND * 5);
        let expected = (0, binary, Bytes::copy_from_slice(message));
        assert!(
            network.take_messages() == [expected],
            "{ppid:?} to the server"
        );
        let expected = (0, ppid, Bytes::copy_from_slice(wire));
        assert!(
            client.received.pop() == Some(expected),
            "{ppid:?} to the client"
        );
    }
    assert_eq!(network.rejected, 0);
}

#[test]
fn everything_arrives_in_order_at_10_percent_loss() {
    for seed in 0..20 {
        let mut network = Network::new(seed, 0.1);
        let (mut server, mut client) = with_channel(&mut network);
        let message = |number: u32| number.to_be_bytes().repeat(1 + number as usize * 20);
        for number in 0..40 {
            client.write(network.now, 0, Ppid::Binary, &message(number));
            assert_eq!(server.send(network.now, 0, true, &message(number)), Ok(()));
        }
        network.run(&mut server, &mut client, SECOND * 120);
        let to_server = network.take_messages();
        let arrived = (to_server.len(), client.received.len());
        assert_eq!(arrived, (40, 40), "seed {seed}");
        for (number, (to_server, to_client)) in to_server.iter().zip(&client.received).enumerate() {
            let expected = message(number as u32);
            assert!(
                to_server.2 == expected && to_client.2 == expected,
                "seed {seed}, {number}"
            );
        }
    }
}

#[test]
fn a_channel_is_only_as_reliable_and_ordered_as_it_was_opened() {
    let mut network = Network::new(3, 0.0);
    let (mut server, mut client) = connect(&mut network);
    client.open(
        network.now,
        2,
        b"position",
        ChannelType::PartialReliableRexmitUnordered,
    );
    network.run(&mut server, &mut client, SECOND);
    assert_eq!(network.events, [opened(2, "position")]);
    client.received.clear();

    network.loss = 0.3;
    for number in 0..100_u8 {
        assert_eq!(server.send(network.now, 2, true, &[number; 900]), Ok(()));
        network.run(&mut server, &mut client, Duration::from_millis(50));
    }
    network.loss = 0.0;
    network.run(&mut server, &mut client, SECOND * 10);
    let arrived = client.received.len();
    assert!((40..95).contains(&arrived), "{arrived} of 100 arrived");
    assert_eq!(server.send(network.now, 2, true, b"last"), Ok(()));
    network.run(&mut server, &mut client, SECOND);
    let last = (2, Ppid::Binary, Bytes::from_static(b"last"));
    assert_eq!(client.received.last(), Some(&last));
}

#[test]
fn packets_of_one_batch_are_acknowledged_together() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    network.run(&mut server, &mut client, SECOND);
    network.from_server = 0;
    // As many as fit the client's first congestion window.
    for _ in 0..3 {
        client.write(network.now, 0, Ppid::Binary, &[7; 1_100]);
    }
    network.run(&mut server, &mut client, SECOND);
    assert_eq!(network.take_messages().len(), 3);
    assert_eq!(network.from_server, 1, "acknowledgements");
}

#[test]
fn a_channel_closed_by_the_peer_can_be_opened_again() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    for round in 0..3 {
        client.write(network.now, 0, Ppid::String, b"last words");
        client.close(network.now, 0);
        network.run(&mut server, &mut client, SECOND * 5);
        assert_eq!(network.take_messages().len(), 1, "round {round}");
        assert_eq!(
            network.events,
            [DataEvent::Closed { id: 0 }],
            "round {round}"
        );
        assert_eq!(client.closed, [0], "round {round}");
        let sent = server.send(network.now, 0, false, b"x");
        assert_eq!(sent, Err(DataError::NoChannel), "round {round}");

        network.events.clear();
        client.closed.clear();
        client.open(network.now, 0, b"again", ChannelType::Reliable);
        network.run(&mut server, &mut client, SECOND);
        assert_eq!(network.events, [opened(0, "again")], "round {round}");
        assert_eq!(server.send(network.now, 0, false, b"x"), Ok(()));
        network.run(&mut server, &mut client, SECOND);
        network.events.clear();
    }
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let mut network = Network::new(0, 0.0);
    let mut idle = DataTransport::new(parameters());
    assert_eq!(
        idle.send(network.now, 0, true, b"x"),
        Err(DataError::NoChannel)
    );
    let (mut server, mut client) = with_channel(&mut network);
    assert_eq!(
        server.send(network.now, 2, true, b"x"),
        Err(DataError::NoChannel)
    );

    // A peer that acknowledges nothing.
    network.loss = 1.0;
    let mut queued = 0;
    while server.send(network.now, 0, true, &[0; 10_000]) == Ok(()) {
        queued += 10_000;
        network.run(&mut server, &mut client, Duration::from_millis(10));
    }
    assert_eq!(
        server.send(network.now, 0, true, &[0; 10_000]),
        Err(DataError::Full)
    );
    assert!(
        queued <= MAX_QUEUED_BYTES && queued + 10_000 > MAX_QUEUED_BYTES,
        "{queued} bytes"
    );

    network.loss = 0.0;
    network.run(&mut server, &mut client, SECOND * 30);
    assert_eq!(server.send(network.now, 0, true, &[0; 10_000]), Ok(()));
}

#[test]
fn the_peers_limit_holds_and_zero_is_none() {
    let cases = [
        (1_000, 1_000, Ok(())),
        (1_000, 1_001, Err(DataError::TooLarge)),
        (0, MAX_MESSAGE_BYTES, Ok(())),
        (u32::MAX, MAX_MESSAGE_BYTES, Ok(())),
        (u32::MAX, MAX_MESSAGE_BYTES + 1, Err(DataError::TooLarge)),
    ];
    for (limit, len, expected) in cases {
        let mut network = Network::new(0, 0.0);
        let mut client = Client::new(network.now);
        let mut server = DataTransport::new(DataParameters {
            max_message_size: limit,
            ..parameters()
        });
        network.run(&mut server, &mut client, SECOND);
        client.open(network.now, 0, b"chat", ChannelType::Reliable);
        network.run(&mut server, &mut client, SECOND);
        let sent = server.send(network.now, 0, true, &vec![0; len]);
        assert_eq!(sent, expected, "{len} bytes of {limit}");
    }
}

#[test]
fn a_lost_init_ack_is_sent_again_and_a_late_init_does_no_harm() {
    let mut network = Network::new(0, 0.0);
    let mut client = Client::new(network.now);
    let mut server = DataTransport::new(parameters());
    let init = client.drain(network.now).remove(0);
    assert_eq!(server.handle(network.now, &init), Ok(()));
    let first = server.poll_transmit(network.now).expect("an INIT ACK");
    assert_eq!(server.handle(network.now, &init), Ok(()));
    let second = server.poll_transmit(network.now).expect("an INIT ACK");
    assert_eq!(first, second, "the cookie must stay the same");

    client.handle(network.now, second);
    network.run(&mut server, &mut client, SECOND);
    assert!(client.connected);
    assert_eq!(server.handle(network.now, &init), Err(DataError::Rejected));
    client.open(network.now, 0, b"chat", ChannelType::Reliable);
    network.run(&mut server, &mut client, SECOND);
    assert_eq!(network.events, [opened(0, "chat")]);
}

#[test]
fn a_peer_that_begins_anew_before_it_is_connected_is_taken_at_its_word() {
    let mut network = Network::new(0, 0.0);
    let mut server = DataTransport::new(parameters());
    let mut given_up = Client::new(network.now);
    let init = given_up.drain(network.now).remove(0);
    assert_eq!(server.handle(network.now, &init), Ok(()));
    assert!(server.poll_transmit(network.now).is_some());
    let mut client = Client::new(network.now);
    network.run(&mut server, &mut client, SECOND);
    assert!(client.connected);
}

#[test]
fn channels_close_with_the_association_and_the_peer_may_begin_again() {
    let mut network = Network::new(0, 0.0);
    let (mut server, mut client) = with_channel(&mut network);
    client.open(network.now, 2, b"other", ChannelType::Reliable);
    network.run(&mut server, &mut client, SECOND);
    network.events.clear();
    client.association.abort().expect("an association");
    network.run(&mut server, &mut client, SECOND);
    assert_eq!(network.events.len(), 2, "{:?}", network.events);
    for id in [0, 2] {
        assert!(
            network.events.contains(&DataEvent::Closed { id }),
            "channel {id}"
        );
        assert_eq!(
            server.send(network.now, id, true, b"x"),
            Err(DataError::NoChannel)
        );
    }
    assert_eq!(server.next_deadline(), None);

    let mut client = Client::new(network.now);
    network.run(&mut server, &mut client, SECOND);
    assert!(client.connected);
}
