//! Our headers against those of the `rtp` crate, on random packets: two readings of the same RFCs
//! must agree.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rtc_shared::marshal::{Marshal, Unmarshal};
use rtp::header::{EXTENSION_PROFILE_ONE_BYTE, EXTENSION_PROFILE_TWO_BYTE, Extension, Header};
use sfu_rtp::{ExtensionElement, HeaderWriter, PayloadType, RtpError, RtpHeader, RtpTime, Ssrc};

const PACKETS: usize = 20_000;

fn seeded() -> StdRng {
    let seed = rand::rng().random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// Up to eight elements of the one-byte form, or of the two-byte form.
fn random_elements(random: &mut StdRng) -> Vec<(u8, Vec<u8>)> {
    let (max_id, lengths) = if random.random() {
        (14, 1..=16)
    } else {
        (255, 0..=40)
    };
    let count = random.random_range(0..=8);
    let mut elements: Vec<(u8, Vec<u8>)> = (0..count)
        .map(|_| {
            let mut value = vec![0; random.random_range(lengths.clone())];
            random.fill(&mut value[..]);
            (random.random_range(1..=max_id), value)
        })
        .collect();
    elements.sort_by_key(|&(id, _)| id);
    elements.dedup_by_key(|&mut (id, _)| id);
    elements
}

fn fits_one_byte_form((id, value): &(u8, Vec<u8>)) -> bool {
    (1..=14).contains(id) && (1..=16).contains(&value.len())
}

fn assert_same(ours: &RtpHeader, theirs: &Header, packet: &[u8]) {
    assert_eq!(ours.marker(), theirs.marker);
    assert_eq!(ours.has_padding(), theirs.padding);
    assert_eq!(ours.payload_type().get(), theirs.payload_type);
    assert_eq!(ours.sequence(), theirs.sequence_number);
    assert_eq!(ours.timestamp().get(), theirs.timestamp);
    assert_eq!(ours.ssrc().get(), theirs.ssrc);
    assert_eq!(
        ours.csrcs(packet).map(Ssrc::get).collect::<Vec<_>>(),
        theirs.csrc
    );
    assert_eq!(ours.extension_profile().is_some(), theirs.extension);
    assert_eq!(
        ours.extension_profile().unwrap_or_default(),
        theirs.extension_profile
    );
    let elements: Vec<_> = ours.extensions(packet).collect();
    let expected: Vec<_> = theirs
        .extensions
        .iter()
        .map(|element| (element.id, &element.payload[..]))
        .collect();
    assert_eq!(elements, expected);
}

#[test]
fn what_the_rtp_crate_writes_we_read() {
    let mut random = seeded();
    for _ in 0..PACKETS {
        let mut header = Header {
            version: 2,
            padding: random.random(),
            marker: random.random(),
            payload_type: random.random_range(0..128),
            sequence_number: random.random(),
            timestamp: random.random(),
            ssrc: random.random(),
            csrc: (0..random.random_range(0..=15))
                .map(|_| random.random())
                .collect(),
            ..Header::default()
        };
        let elements = random_elements(&mut random);
        header.extension = !elements.is_empty();
        header.extension_profile = match elements.iter().all(fits_one_byte_form) {
            _ if elements.is_empty() => 0,
            true => EXTENSION_PROFILE_ONE_BYTE,
            false => EXTENSION_PROFILE_TWO_BYTE,
        };
        header.extensions = elements
            .into_iter()
            .map(|(id, value)| Extension {
                id,
                payload: value.into(),
            })
            .collect();
        let packet = header.marshal().expect("a header").to_vec();
        let ours = RtpHeader::parse(&packet).expect("a header");
        assert_same(&ours, &header, &packet);
        assert_eq!(ours.header_len(), packet.len());
    }
}

#[test]
fn what_we_write_the_rtp_crate_reads() {
    let mut random = seeded();
    let mut buffer = [0; 512];
    for _ in 0..PACKETS {
        let values = random_elements(&mut random);
        let elements: Vec<_> = values
            .iter()
            .map(|(id, value)| ExtensionElement { id: *id, value })
            .collect();
        let writer = HeaderWriter {
            marker: random.random(),
            padding: random.random(),
            payload_type: PayloadType::from_header_byte(random.random()),
            sequence: random.random(),
            timestamp: RtpTime::new(random.random()),
            ssrc: Ssrc::new(random.random()),
        };
        random.fill(&mut buffer);
        let len = writer
            .write(&elements, &mut buffer)
            .expect("a buffer that is long enough");
        let packet = &buffer[..len];

        let theirs = Header::unmarshal(&mut &*packet).expect("a header");
        let ours = RtpHeader::parse(packet).expect("a header");
        assert_same(&ours, &theirs, packet);
        assert_eq!(
            (ours.header_len(), ours.ssrc(), ours.sequence()),
            (len, writer.ssrc, writer.sequence)
        );
        assert_eq!(ours.extensions(packet).count(), elements.len());
        if !elements.is_empty() {
            assert_eq!(
                theirs.extension_profile == EXTENSION_PROFILE_ONE_BYTE,
                values.iter().all(fits_one_byte_form)
            );
        }
    }
}

#[test]
fn random_bytes_give_the_same_header_or_an_error() {
    let mut random = seeded();
    let mut accepted = 0;
    for _ in 0..PACKETS {
        let mut packet = vec![0; random.random_range(0..120)];
        random.fill(&mut packet[..]);
        if let Some(b0) = packet.first_mut() {
            *b0 = random.random::<u8>() & 0x3f | 0x80;
            // Extension blocks of a length that may fit, of a known form two times in three.
            let at = 12 + 4 * usize::from(*b0 & 0x0f);
            if let Some(profile) = packet.get_mut(at..at + 4) {
                let form = [[0xbe, 0xde], [0x10, 0x00], [0x12, 0x34]][random.random_range(0..3)];
                profile.copy_from_slice(&[form[0], form[1], 0, random.random_range(0..12)]);
            }
        }
        let ours = RtpHeader::parse(&packet);
        let theirs = Header::unmarshal(&mut &packet[..]);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                accepted += 1;
                assert_eq!(
                    ours.csrcs(&packet).map(Ssrc::get).collect::<Vec<_>>(),
                    theirs.csrc
                );
                assert_eq!(
                    (ours.ssrc().get(), ours.sequence()),
                    (theirs.ssrc, theirs.sequence_number)
                );
                let _ = (
                    ours.extensions(&packet).count(),
                    ours.payload(&packet).is_ok(),
                );
            }
            // Malformed elements end our walk and are its error.
            (Ok(ours), Err(_)) => assert!(ours.extension_profile().is_some(), "{packet:02x?}"),
            (Err(RtpError::TooShort(_) | RtpError::Version(_) | RtpError::Truncated), Err(_)) => {}
            (Err(error), _) => panic!("{error} where the rtp crate sees a header: {packet:02x?}"),
        }
    }
    assert!(
        accepted > PACKETS / 10,
        "only {accepted} packets were worth comparing"
    );
}
