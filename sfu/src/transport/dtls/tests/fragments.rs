//! Handshakes whose messages are cut in ways that the library's client does not cut them.

use super::*;

/// Cuts every unencrypted handshake message in a datagram into fragments, a record for each, and leaves the rest.
fn cut(datagram: &[u8], sizes: &[usize], sequence: &mut u64) -> Vec<Bytes> {
    let mut out = Vec::new();
    for record in records(datagram) {
        if record.content != ContentType::HANDSHAKE || record.epoch > 0 {
            out.push(Bytes::copy_from_slice(record.bytes));
            continue;
        }
        let (header, body) = record.body.split_at(reassembly::HEADER_LEN);
        let mut start = 0;
        for size in sizes.iter().cycle() {
            let end = body.len().min(start + size);
            let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
            let fragment = [header[..6].to_vec(), three(start), three(end - start)].concat();
            let mut bytes = BytesMut::new();
            write_plaintext(
                &mut bytes,
                ContentType::HANDSHAKE,
                *sequence,
                &[&fragment, &body[start..end]],
            );
            *sequence += 1;
            out.push(bytes.freeze());
            start = end;
            if start == body.len() {
                break;
            }
        }
    }
    out
}

/// Runs a handshake in which every flight of the client goes through `mangle`, which is told how often that flight was
/// sent before. Whether both sides completed it.
fn completes(mut mangle: impl FnMut(Vec<Bytes>, usize, &mut u64) -> Vec<Bytes>) -> bool {
    let mut network = Network::new(0, 0.0);
    let mut client = Client::new(network.now, &[GCM]);
    let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
    let (mut last, mut repetition) = (Vec::new(), 0);
    let mut sequence = 0;
    let start = network.now;
    while !(client.connected && matches!(server.state, State::Connected(_))) {
        let flight: Vec<Bytes> = client.transmits.drain(..).collect();
        if !flight.is_empty() {
            repetition = if flight == last { repetition + 1 } else { 0 };
            last = flight.clone();
            for datagram in mangle(flight, repetition, &mut sequence) {
                network.carry(true, datagram);
            }
        }
        let going_on = network.step(&mut server, &mut client);
        if !going_on || network.server_error.is_some() || network.now > start + HANDSHAKE_TIMEOUT {
            return false;
        }
    }
    true
}

#[test]
fn messages_may_be_cut_anywhere_and_come_in_any_order() {
    let cases: &[(&str, &[usize])] = &[
        ("small", &[60]),
        ("uneven", &[100, 1, 37]),
        ("barely", &[400]),
    ];
    for (name, sizes) in cases {
        let forward = completes(|flight, _, sequence| {
            flight
                .iter()
                .flat_map(|datagram| cut(datagram, sizes, sequence))
                .collect()
        });
        assert!(forward, "{name}");
        let backward = completes(|flight, _, sequence| {
            let mut records: Vec<_> = flight
                .iter()
                .flat_map(|datagram| cut(datagram, sizes, sequence))
                .collect();
            records.reverse();
            records
        });
        assert!(backward, "{name}, backwards");
    }
}

#[test]
fn a_lost_fragment_may_come_again_cut_at_other_offsets() {
    let completed = completes(|flight, repetition, sequence| {
        let sizes: &[usize] = if repetition == 0 { &[120] } else { &[75, 90] };
        let mut records: Vec<_> = flight
            .iter()
            .flat_map(|datagram| cut(datagram, sizes, sequence))
            .collect();
        if repetition == 0 {
            records.truncate(1);
        }
        records
    });
    assert!(completed);
}

#[test]
fn a_record_may_hold_several_fragments_and_messages() {
    let completed = completes(|flight, _, sequence| {
        flight
            .iter()
            .map(|datagram| {
                // All unencrypted handshake fragments in one record, then what is left.
                let (mut fragments, mut rest) = (Vec::new(), Vec::new());
                for piece in cut(datagram, &[50], sequence) {
                    for record in records(&piece) {
                        if record.content == ContentType::HANDSHAKE && record.epoch == 0 {
                            fragments.extend_from_slice(record.body);
                        } else {
                            rest.extend_from_slice(record.bytes);
                        }
                    }
                }
                let mut out = BytesMut::new();
                if !fragments.is_empty() {
                    write_plaintext(&mut out, ContentType::HANDSHAKE, *sequence, &[&fragments]);
                    *sequence += 1;
                }
                out.extend_from_slice(&rest);
                out.freeze()
            })
            .collect()
    });
    assert!(completed);
}
