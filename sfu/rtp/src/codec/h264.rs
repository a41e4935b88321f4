//! H.264 payloads (RFC 6184 §5): single NAL units, STAP-A and FU-A, which are all that
//! packetization modes 0 and 1 use.

mod sps;

use super::Resolution;
use super::reader::Reader;

/// What an H.264 payload says of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H264Payload {
    /// Whether a sequence parameter set begins in this packet. This is where forwarding starts: an
    /// IDR picture without one ahead of it decodes only for those who have the parameters already.
    pub has_sps: bool,
    /// Whether the first slice of an IDR picture begins in this packet.
    pub idr_start: bool,
    /// Whether something begins in this packet that begins a frame: its first slice, or a
    /// delimiter, parameter set or supplemental information ahead of that. These often travel
    /// apart, and then several packets of one frame say so; a new timestamp is the better sign.
    pub frame_start: bool,
    /// Whether no NAL unit in this packet is ever referred to (nal_ref_idc is zero in all).
    pub non_reference: bool,
    /// The size of the picture, told by the sequence parameter set.
    pub resolution: Option<Resolution>,
}

impl H264Payload {
    /// Reads a payload. `None` if it is cut short, holds an empty NAL unit, or is of a type that
    /// packetization modes 0 and 1 do not have.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let mut found = Self {
            has_sps: false,
            idr_start: false,
            frame_start: false,
            non_reference: true,
            resolution: None,
        };
        let head = *payload.first()?;
        match head & TYPE_MASK {
            1..=23 => found.see(head, payload.get(1..)?),
            STAP_A => {
                reader.u8()?;
                loop {
                    let size = usize::from(reader.u16()?);
                    let (&head, rest) = reader.take(size)?.split_first()?;
                    found.see(head, rest);
                    if reader.rest().is_empty() {
                        break;
                    }
                }
            }
            FU_A => {
                let indicator = reader.u8()?;
                let fragment = reader.u8()?;
                if fragment & FU_START_BIT != 0 {
                    found.see(indicator & !TYPE_MASK | fragment & TYPE_MASK, reader.rest());
                } else {
                    found.non_reference = indicator & REFERENCE_MASK == 0;
                }
            }
            _ => return None,
        }
        Some(found)
    }

    /// Takes in a NAL unit that begins in this packet: its header and what there is of its content.
    #[inline]
    fn see(&mut self, head: u8, content: &[u8]) {
        // first_mb_in_slice is 0 exactly if the first bit of the slice header is 1 (H.264 §7.3.3,
        // §9.1).
        let first_slice = content.first().is_some_and(|byte| byte & 0x80 != 0);
        self.non_reference &= head & REFERENCE_MASK == 0;
        match head & TYPE_MASK {
            SLICE | SLICE_PARTITION_A => self.frame_start |= first_slice,
            IDR_SLICE => {
                self.idr_start |= first_slice;
                self.frame_start |= first_slice;
            }
            SPS => {
                self.has_sps = true;
                self.frame_start = true;
                self.resolution = sps::resolution(content);
            }
            SEI | PPS | DELIMITER => self.frame_start = true,
            _ => {}
        }
    }
}

const TYPE_MASK: u8 = 0x1f;
const REFERENCE_MASK: u8 = 0x60;
const FU_START_BIT: u8 = 0x80;

// H.264 table 7-1 and RFC 6184 table 3.
const SLICE: u8 = 1;
const SLICE_PARTITION_A: u8 = 2;
const IDR_SLICE: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read() {
        // (name, payload, has_sps, idr_start, frame_start, non_reference)
        type Case = (&'static str, &'static [u8], bool, bool, bool, bool);
        let cases: &[Case] = &[
            ("first slice", &[0x41, 0x9a], false, false, true, false),
            ("later slice", &[0x41, 0x1a], false, false, false, false),
            (
                "slice nothing refers to",
                &[0x01, 0x9a],
                false,
                false,
                true,
                true,
            ),
            ("IDR slice", &[0x65, 0x88], false, true, true, false),
            ("later IDR slice", &[0x65, 0x48], false, false, false, false),
            ("SPS", &[0x67, 0x42], true, false, true, false),
            ("PPS", &[0x68, 0xce], false, false, true, false),
            ("delimiter", &[0x09, 0xf0], false, false, true, true),
            ("filler", &[0x0c, 0xff], false, false, false, true),
            (
                "SPS, PPS and IDR slice together",
                &[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68, 0, 2, 0x65, 0x88],
                true,
                true,
                true,
                false,
            ),
            (
                "two later slices together",
                &[0x18, 0, 2, 0x01, 0x1a, 0, 2, 0x01, 0x2a],
                false,
                false,
                false,
                true,
            ),
            (
                "one of two is referred to",
                &[0x38, 0, 2, 0x01, 0x1a, 0, 2, 0x21, 0x2a],
                false,
                false,
                false,
                false,
            ),
            (
                "first fragment of an IDR slice",
                &[0x7c, 0x85, 0x88],
                false,
                true,
                true,
                false,
            ),
            (
                "middle fragment of an IDR slice",
                &[0x7c, 0x05, 0x88],
                false,
                false,
                false,
                false,
            ),
            (
                "last fragment of a slice nothing refers to",
                &[0x1c, 0x41, 0x88],
                false,
                false,
                false,
                true,
            ),
            (
                "first fragment of an SPS",
                &[0x7c, 0x87, 0x42],
                true,
                false,
                true,
                false,
            ),
        ];
        for &(name, payload, has_sps, idr_start, frame_start, non_reference) in cases {
            let expected = H264Payload {
                has_sps,
                idr_start,
                frame_start,
                non_reference,
                resolution: None,
            };
            assert_eq!(H264Payload::parse(payload), Some(expected), "{name}");
        }
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let cases: &[(&str, &[u8])] = &[
            ("empty", &[]),
            ("type 0", &[0x60, 1]),
            ("STAP-B", &[0x79, 0, 0, 0, 1, 0x67]),
            ("MTAP16", &[0x7a, 0, 0]),
            ("FU-B", &[0x7d, 0x85, 0, 0, 1]),
            ("undefined", &[0x7e, 1]),
            ("STAP-A of nothing", &[0x78]),
            ("STAP-A with half a size", &[0x78, 0]),
            ("STAP-A with an empty unit", &[0x78, 0, 0]),
            ("STAP-A cut short", &[0x78, 0, 3, 0x67, 0x42]),
            ("STAP-A with a stray byte", &[0x78, 0, 1, 0x67, 0]),
            ("FU-A without its header", &[0x7c]),
        ];
        for (name, payload) in cases {
            assert_eq!(H264Payload::parse(payload), None, "{name}");
        }
    }
}
