//! Retransmissions (RFC 4588 §4): a packet of another SSRC and payload type whose payload begins
//! with the sequence number of the packet it repeats.

use crate::{PayloadType, RtpError, RtpHeader, Ssrc};

/// Length of the original sequence number.
pub const ORIGINAL_SEQUENCE_LEN: usize = 2;

/// The original sequence number and payload in the payload of a retransmission. `None` for a
/// payload that holds nothing else, as do the probes that browsers send on a retransmission stream.
#[inline]
pub fn split(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (sequence, original) = payload.split_first_chunk()?;
    (!original.is_empty()).then_some((u16::from_be_bytes(*sequence), original))
}

/// Writes the original sequence number to the start of a retransmission's payload.
///
/// # Errors
/// [`RtpError::BufferTooShort`] if `payload` is.
#[inline]
pub fn write_original_sequence(sequence: u16, payload: &mut [u8]) -> Result<(), RtpError> {
    let available = payload.len();
    let too_short = RtpError::BufferTooShort {
        needed: ORIGINAL_SEQUENCE_LEN,
        available,
    };
    *payload.first_chunk_mut().ok_or(too_short)? = sequence.to_be_bytes();
    Ok(())
}

/// Turns a decrypted retransmission back into the packet it repeats, in place:
/// `packet[ORIGINAL_SEQUENCE_LEN..]` is that packet on return. Its header extensions are those of
/// the retransmission, so a repaired RID stands where the original had a RID.
///
/// `header` was parsed from `packet`; `ssrc` and `payload_type` are those of the original stream.
/// Returns `None` and changes nothing if the payload, without padding, holds no original.
pub fn restore(
    packet: &mut [u8],
    header: &RtpHeader,
    ssrc: Ssrc,
    payload_type: PayloadType,
) -> Option<RtpHeader> {
    let (sequence, _) = split(header.payload(packet).ok()?)?;
    packet.copy_within(..header.header_len(), ORIGINAL_SEQUENCE_LEN);
    let original = packet.get_mut(ORIGINAL_SEQUENCE_LEN..)?;
    let [_, b1, s0, s1, _, _, _, _, ssrc_bytes @ ..] =
        original.first_chunk_mut::<{ RtpHeader::FIXED_LEN }>()?;
    *b1 = *b1 & MARKER_BIT | payload_type.get();
    [*s0, *s1] = sequence.to_be_bytes();
    *ssrc_bytes = ssrc.get().to_be_bytes();
    RtpHeader::parse(original).ok()
}

const MARKER_BIT: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExtensionElement, HeaderWriter, RtpTime};

    fn retransmission(payload: &[u8], padding: bool) -> Vec<u8> {
        let writer = HeaderWriter {
            marker: true,
            padding,
            payload_type: PayloadType::from_header_byte(97),
            sequence: 7,
            timestamp: RtpTime::new(90_000),
            ssrc: Ssrc::new(2),
        };
        let mut packet = vec![0; 64];
        let len = writer
            .write(
                &[ExtensionElement {
                    id: 3,
                    value: b"mid",
                }],
                &mut packet,
            )
            .unwrap();
        packet.truncate(len);
        packet.extend(payload);
        packet
    }

    #[test]
    fn the_original_is_restored_in_place() {
        for (padding, payload) in [
            (false, &[0x12, 0x34, 5, 6][..]),
            (true, &[0x12, 0x34, 5, 6, 0, 2]),
        ] {
            let mut packet = retransmission(payload, padding);
            let header = RtpHeader::parse(&packet).unwrap();
            let restored = restore(
                &mut packet,
                &header,
                Ssrc::new(1),
                PayloadType::from_header_byte(96),
            )
            .expect("an original");
            let original = &packet[ORIGINAL_SEQUENCE_LEN..];
            assert_eq!(RtpHeader::parse(original), Ok(restored));
            assert_eq!(
                (restored.ssrc(), restored.payload_type().get()),
                (Ssrc::new(1), 96)
            );
            assert_eq!(
                (restored.sequence(), restored.timestamp(), restored.marker()),
                (0x1234, header.timestamp(), true)
            );
            assert_eq!(restored.extension(original, 3), Some(&b"mid"[..]));
            assert_eq!(restored.payload(original), Ok(&[5, 6][..]));
        }
    }

    #[test]
    fn what_holds_no_original_is_left_alone() {
        let cases: &[(&str, &[u8], bool)] = &[
            ("nothing", &[], false),
            ("half a number", &[1], false),
            ("a number alone", &[1, 2], false),
            ("padding only", &[0, 0, 0, 4], true),
            ("a number and padding", &[1, 2, 0, 2], true),
            ("padding past the payload", &[1, 2, 3, 5], true),
        ];
        for (name, payload, padding) in cases {
            let before = retransmission(payload, *padding);
            let mut packet = before.clone();
            let header = RtpHeader::parse(&packet).unwrap();
            assert_eq!(
                restore(&mut packet, &header, Ssrc::new(1), PayloadType::MAX),
                None,
                "{name}"
            );
            assert_eq!(packet, before, "{name}");
        }
    }

    #[test]
    fn original_sequence_numbers_are_written_and_read() {
        let mut payload = [0, 0, 9];
        write_original_sequence(0xfffe, &mut payload).unwrap();
        assert_eq!(split(&payload), Some((0xfffe, &[9][..])));
        let refused = write_original_sequence(1, &mut [0]);
        assert_eq!(
            refused,
            Err(RtpError::BufferTooShort {
                needed: 2,
                available: 1
            })
        );
    }
}
