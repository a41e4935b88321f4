//! DTLS 1.2 records as they lie in a datagram (RFC 6347 §4.1), so far as they can be read without keys.

/// A record, header included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) content: ContentType,
    pub(super) epoch: u16,
    /// The whole record.
    pub(super) bytes: &'a [u8],
    /// The record without its header: encrypted, from epoch 1 on.
    pub(super) body: &'a [u8],
}

/// The records of a datagram, up to the first that is malformed or of another version.
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let (record, behind) = Record::split_from(rest)?;
        rest = behind;
        Some(record)
    })
}

impl<'a> Record<'a> {
    fn split_from(datagram: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[content, major, minor, e0, e1, _, _, _, _, _, _, l0, l1], _) =
            datagram.split_first_chunk::<HEADER_LEN>()?;
        // ClientHello records may claim version 1.0 (RFC 6347 §4.2.1).
        if major != 0xfe || !matches!(minor, 0xfd | 0xff) {
            return None;
        }
        let len = HEADER_LEN + usize::from(u16::from_be_bytes([l0, l1]));
        let (bytes, behind) = datagram.split_at_checked(len)?;
        let record = Self {
            content: ContentType(content),
            epoch: u16::from_be_bytes([e0, e1]),
            bytes,
            body: &bytes[HEADER_LEN..],
        };
        Some((record, behind))
    }
}

/// Writes an unencrypted record; `sequence` has 48 bits, and `parts` together at most 65,535 bytes.
pub(super) fn write_plaintext(
    output: &mut impl bytes::BufMut,
    content: ContentType,
    sequence: u64,
    parts: &[&[u8]],
) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    output.put_u8(content.0);
    output.put_slice(&VERSION_1_2);
    output.put_u16(0);
    output.put_uint(sequence, 6);
    output.put_u16(len as u16);
    for part in parts {
        output.put_slice(part);
    }
}

/// What a record carries (RFC 5246 §6.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ContentType(pub(super) u8);

impl ContentType {
    pub(super) const CHANGE_CIPHER_SPEC: Self = Self(20);
    pub(super) const ALERT: Self = Self(21);
    pub(super) const HANDSHAKE: Self = Self(22);
    pub(super) const APPLICATION_DATA: Self = Self(23);
}

/// Type, version, epoch, 48-bit sequence number, length.
pub(super) const HEADER_LEN: usize = 13;

/// DTLS 1.2 as it travels.
const VERSION_1_2: [u8; 2] = [0xfe, 0xfd];

#[cfg(test)]
mod tests {
    use super::*;

    fn plaintext(content: ContentType, sequence: u64, body: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        write_plaintext(&mut record, content, sequence, &[body]);
        record
    }

    #[test]
    fn a_datagram_is_read_up_to_the_first_broken_record() {
        let first = plaintext(ContentType::HANDSHAKE, 1, b"first");
        let second = plaintext(ContentType::ALERT, 2, b"");
        let mut other_version = plaintext(ContentType::HANDSHAKE, 3, b"other");
        other_version[1] = 3;
        let mut too_long = plaintext(ContentType::HANDSHAKE, 3, b"long");
        too_long[12] += 1;
        let cases: &[(&str, Vec<&[u8]>, usize)] = &[
            ("nothing", vec![], 0),
            ("one", vec![&first], 1),
            ("two", vec![&first, &second], 2),
            ("an incomplete header", vec![&first, &second[..12]], 1),
            ("a length beyond the end", vec![&first, &too_long], 1),
            ("another version", vec![&second, &other_version, &first], 1),
        ];
        for (name, parts, expected) in cases {
            assert_eq!(records(&parts.concat()).count(), *expected, "{name}");
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let bytes = plaintext(ContentType::HANDSHAKE, 0x0102_0304_0506, b"body");
        assert_eq!(bytes[5..11], [1, 2, 3, 4, 5, 6]);
        let record = records(&bytes).next().expect("a record");
        assert_eq!((record.content, record.epoch), (ContentType::HANDSHAKE, 0));
        assert_eq!(record.body, b"body");
        assert_eq!(record.bytes, bytes);
    }
}
