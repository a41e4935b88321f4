use super::*;

type Elements<'a> = &'a [(u8, &'a [u8])];
type Payload = Result<&'static [u8], RtpError>;

fn header(bytes: &[u8]) -> RtpHeader {
    RtpHeader::parse(bytes).expect("a valid header")
}

const PLAIN: [u8; 12] = [
    0x80, 0xe0, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe,
];

#[test]
fn a_fixed_header_is_read() {
    let parsed = header(&PLAIN);
    assert_eq!(parsed.ssrc(), Ssrc::new(0xcafe_babe));
    assert_eq!(parsed.timestamp(), RtpTime::new(0xdead_beef));
    assert_eq!(parsed.sequence(), 0x1234);
    assert_eq!(parsed.payload_type().get(), 96);
    assert!(parsed.marker() && !parsed.has_padding());
    assert_eq!(
        (
            parsed.header_len(),
            parsed.csrc_count(),
            parsed.extension_profile()
        ),
        (12, 0, None)
    );
    assert_eq!(parsed.extension_range(), 12..12);
}

#[test]
fn headers_that_are_none_are_refused() {
    let mut with_csrcs = [0; 19];
    with_csrcs[0] = 0x82;
    let mut extension_head_cut = [0; 15];
    extension_head_cut[0] = 0x90;
    let mut extension_body_cut = [0; 19];
    extension_body_cut[0] = 0x90;
    extension_body_cut[15] = 1;
    let cases: &[(&[u8], RtpError)] = &[
        (&[], RtpError::TooShort(0)),
        (&PLAIN[..11], RtpError::TooShort(11)),
        (&[0; 12], RtpError::Version(0)),
        (&[0x40; 12], RtpError::Version(1)),
        (&[0xc0; 12], RtpError::Version(3)),
        (&with_csrcs, RtpError::Truncated),
        (&extension_head_cut, RtpError::Truncated),
        (&extension_body_cut, RtpError::Truncated),
    ];
    for (bytes, expected) in cases {
        assert_eq!(RtpHeader::parse(bytes), Err(*expected), "{bytes:02x?}");
    }
}

#[test]
fn contributing_sources_and_extensions_are_found() {
    let mut packet = PLAIN.to_vec();
    packet[0] = 0xb2;
    packet.extend([0, 0, 0, 1, 0, 0, 0, 2]);
    packet.extend([0xbe, 0xde, 0, 2, 0x10, 0xaa, 0x31, 0xbb, 0xcc, 0, 0, 0]);
    packet.extend([7, 7, 7, 0, 2]);
    let parsed = header(&packet);
    assert_eq!(
        parsed.csrcs(&packet).collect::<Vec<_>>(),
        [Ssrc::new(1), Ssrc::new(2)]
    );
    assert_eq!(parsed.header_len(), 32);
    assert_eq!(parsed.extension(&packet, 1), Some(&[0xaa][..]));
    assert_eq!(parsed.extension(&packet, 3), Some(&[0xbb, 0xcc][..]));
    assert_eq!(parsed.extension(&packet, 2), None);
    assert_eq!(parsed.payload(&packet), Ok(&[7, 7, 7][..]));
}

#[test]
fn padding_is_believed_only_within_the_payload() {
    let cases: &[(&[u8], Payload)] = &[
        (&[5, 6, 1], Ok(&[5, 6])),
        (&[0, 0, 3], Ok(&[])),
        (
            &[9, 9, 4],
            Err(RtpError::Padding {
                padding: 4,
                payload: 3,
            }),
        ),
        (
            &[9, 9, 0],
            Err(RtpError::Padding {
                padding: 0,
                payload: 3,
            }),
        ),
        (
            &[9, 9, 255],
            Err(RtpError::Padding {
                padding: 255,
                payload: 3,
            }),
        ),
        (
            &[],
            Err(RtpError::Padding {
                padding: 0,
                payload: 0,
            }),
        ),
    ];
    for (payload, expected) in cases {
        let mut packet = PLAIN.to_vec();
        packet[0] |= PADDING_BIT;
        packet.extend(*payload);
        assert_eq!(header(&packet).payload(&packet), *expected, "{payload:?}");
        packet[0] &= !PADDING_BIT;
        assert_eq!(
            header(&packet).payload(&packet),
            Ok(*payload),
            "without the bit"
        );
    }
}

#[test]
fn a_header_used_on_another_packet_gives_errors_not_panics() {
    let mut long = PLAIN.to_vec();
    long[0] = 0xbf;
    long.extend([0; 60]);
    long.extend([0xbe, 0xde, 0, 1, 0x10, 1, 0, 0]);
    long.push(1);
    let parsed = header(&long);
    for len in 0..long.len() - 1 {
        let shorter = &long[..len];
        assert!(parsed.payload(shorter).is_err(), "{len} bytes");
        let _ = (
            parsed.extensions(shorter).count(),
            parsed.csrcs(shorter).count(),
        );
    }
}

#[test]
fn rtcp_is_told_from_rtp_by_its_second_byte() {
    for byte in 0..=255_u8 {
        // Sender report to extended report are 200 to 207; the range of RFC 5761 leaves room around
        // them.
        assert_eq!(
            looks_like_rtcp(&[0x80, byte]),
            (192..=223).contains(&byte),
            "{byte}"
        );
    }
    assert!(!looks_like_rtcp(&[0x80]) && !looks_like_rtcp(&[]));
}

fn writer() -> HeaderWriter {
    HeaderWriter {
        marker: true,
        padding: false,
        payload_type: PayloadType::from_header_byte(96),
        sequence: 0x1234,
        timestamp: RtpTime::new(0xdead_beef),
        ssrc: Ssrc::new(0xcafe_babe),
    }
}

#[test]
fn headers_are_written_in_the_shortest_form_that_carries_them() {
    let long = [9; 17];
    let cases: &[(&str, Elements, &[u8])] = &[
        ("no elements", &[], &[]),
        (
            "one-byte",
            &[(1, &[0xaa])],
            &[0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0],
        ),
        (
            "one-byte, no padding needed",
            &[(14, &[1, 2, 3])],
            &[0xbe, 0xde, 0, 1, 0xe2, 1, 2, 3],
        ),
        (
            "two-byte for the id",
            &[(15, &[1, 2])],
            &[0x10, 0, 0, 1, 15, 2, 1, 2],
        ),
        (
            "two-byte for an empty value",
            &[(1, &[]), (2, &[7])],
            &[0x10, 0, 0, 2, 1, 0, 2, 1, 7, 0, 0, 0],
        ),
        (
            "two-byte for a long value",
            &[(1, &long)],
            &[
                0x10, 0, 0, 5, 1, 17, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0,
            ],
        ),
    ];
    for (name, elements, expected) in cases {
        let elements: Vec<_> = elements
            .iter()
            .map(|&(id, value)| ExtensionElement { id, value })
            .collect();
        let mut out = [0x55; 64];
        let len = writer().write(&elements, &mut out).expect(name);
        assert_eq!(len, HeaderWriter::len_with(&elements).unwrap(), "{name}");
        assert_eq!(&out[1..12], &PLAIN[1..12], "{name}");
        assert_eq!(
            out[0],
            if elements.is_empty() { 0x80 } else { 0x90 },
            "{name}"
        );
        assert_eq!(&out[12..len], *expected, "{name}");
        assert!(
            out[len..].iter().all(|&byte| byte == 0x55),
            "{name} wrote past its header"
        );
    }
}

#[test]
fn writing_fails_without_a_trace() {
    let too_long = [0; 256];
    let elements = [ExtensionElement {
        id: 1,
        value: &[1, 2, 3, 4],
    }];
    for len in 0..24 {
        let mut out = vec![0x55; len];
        let expected = RtpError::BufferTooShort {
            needed: 24,
            available: len,
        };
        assert_eq!(writer().write(&elements, &mut out), Err(expected));
        assert!(out.iter().all(|&byte| byte == 0x55));
    }
    for (id, value) in [(0, &[1][..]), (1, &too_long)] {
        let refused = writer().write(&[ExtensionElement { id, value }], &mut [0; 600]);
        assert_eq!(
            refused,
            Err(RtpError::Extension {
                id,
                len: value.len()
            })
        );
    }
    let huge = vec![
        ExtensionElement {
            id: 1,
            value: &too_long[..255]
        };
        2000
    ];
    assert!(matches!(
        writer().write(&huge, &mut vec![0; 1 << 20]),
        Err(RtpError::Extension { .. })
    ));
}
