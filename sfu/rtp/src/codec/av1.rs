//! AV1 payloads (RTP Payload Format For AV1, AOM, §4.4, §4.5): the aggregation header and the OBUs
//! behind it, as far as they tell where frames begin. References between frames are in the
//! dependency descriptor, not here.

mod sequence;

use super::Resolution;
use super::reader::Reader;

/// What an AV1 payload says of its frame. An RTP packet never holds parts of two temporal units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Av1Payload {
    /// Whether the first OBU began in an earlier packet (Z).
    pub continues_previous: bool,
    /// Whether the last OBU goes on in the next packet (Y).
    pub continues_next: bool,
    /// Whether the sender says that a coded video sequence begins with this packet (N).
    pub new_sequence: bool,
    /// Whether a sequence header begins in this packet.
    pub has_sequence_header: bool,
    /// Whether a frame begins in this packet, or what must stand ahead of it in its temporal unit.
    pub frame_start: bool,
    /// Whether a key frame's header begins in this packet.
    pub key_frame: bool,
    /// temporal_id of an OBU that begins in this packet, 0 to 7, if one has it.
    pub temporal_layer: Option<u8>,
    /// spatial_id of an OBU that begins in this packet, 0 to 3, if one has it.
    pub spatial_layer: Option<u8>,
    /// The greatest size of the picture, told by the sequence header.
    pub resolution: Option<Resolution>,
}

impl Av1Payload {
    /// Reads a payload. `None` if it is cut short, holds nothing, or if an OBU in it has its
    /// forbidden bit set.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let aggregation = reader.u8()?;
        let mut found = Self {
            continues_previous: aggregation & CONTINUES_PREVIOUS_BIT != 0,
            continues_next: aggregation & CONTINUES_NEXT_BIT != 0,
            new_sequence: aggregation & NEW_SEQUENCE_BIT != 0,
            has_sequence_header: false,
            frame_start: false,
            key_frame: false,
            temporal_layer: None,
            spatial_layer: None,
            resolution: None,
        };

        // W elements, of which the last has no length; or, if W is zero, any number, all with
        // lengths.
        let count = aggregation >> 4 & 0x03;
        let mut index = 0;
        loop {
            index += 1;
            let len = if index == count {
                reader.rest().len()
            } else {
                reader.leb128()?
            };
            let element = reader.take(len)?;
            // An empty element can only be the rest of an OBU that filled the previous packet to
            // the brim.
            let is_continuation = index == 1 && found.continues_previous;
            if !is_continuation {
                found.see(element)?;
            }
            if index == count || (count == 0 && reader.rest().is_empty()) {
                return Some(found);
            }
            // More than 255 elements fit no datagram and are no sender's habit.
            if index == u8::MAX {
                return None;
            }
        }
    }

    /// Whether a decoder that has seen nothing can start with this packet. A sequence header alone
    /// does not tell, since encoders may repeat it ahead of any frame.
    #[inline]
    pub fn is_keyframe_start(&self) -> bool {
        self.has_sequence_header
            && !self.continues_previous
            && (self.new_sequence || self.key_frame)
    }

    /// Takes in an OBU that begins in this packet (AV1 specification §5.3).
    #[inline]
    fn see(&mut self, element: &[u8]) -> Option<()> {
        let mut obu = Reader::new(element);
        let head = obu.u8()?;
        if head & FORBIDDEN_BIT != 0 {
            return None;
        }
        if head & EXTENSION_BIT != 0 {
            let layers = obu.u8()?;
            self.temporal_layer = Some(layers >> 5);
            self.spatial_layer = Some(layers >> 3 & 0x03);
        }
        if head & SIZE_BIT != 0 {
            obu.leb128()?;
        }
        match head >> 3 & 0x0f {
            SEQUENCE_HEADER => {
                self.has_sequence_header = true;
                self.frame_start = true;
                self.resolution = sequence::resolution(obu.rest());
            }
            TEMPORAL_DELIMITER => self.frame_start = true,
            FRAME_HEADER | FRAME => {
                self.frame_start = true;
                // show_existing_frame, then two bits of frame_type, of which key is 0 (§5.9.2).
                self.key_frame |= obu.rest().first().is_some_and(|byte| byte & 0xe0 == 0);
            }
            _ => {}
        }
        Some(())
    }
}

const CONTINUES_PREVIOUS_BIT: u8 = 0x80;
const CONTINUES_NEXT_BIT: u8 = 0x40;
const NEW_SEQUENCE_BIT: u8 = 0x08;

const FORBIDDEN_BIT: u8 = 0x80;
const EXTENSION_BIT: u8 = 0x04;
const SIZE_BIT: u8 = 0x02;

// AV1 specification §6.2.2.
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

#[cfg(test)]
#[expect(
    clippy::unusual_byte_groupings,
    reason = "grouped as the fields of the OBU header are"
)]
mod tests {
    use super::*;

    const NOTHING: Av1Payload = Av1Payload {
        continues_previous: false,
        continues_next: false,
        new_sequence: false,
        has_sequence_header: false,
        frame_start: false,
        key_frame: false,
        temporal_layer: None,
        spatial_layer: None,
        resolution: None,
    };

    #[test]
    fn payloads_are_read() {
        let start = Av1Payload {
            frame_start: true,
            ..NOTHING
        };
        let cases: &[(&str, &[u8], Av1Payload, bool)] = &[
            (
                "sequence header and key frame",
                &[0x28, 0x02, 0x08, 0xaa, 0x30, 0x10],
                Av1Payload {
                    new_sequence: true,
                    has_sequence_header: true,
                    key_frame: true,
                    ..start
                },
                true,
            ),
            (
                "the same with lengths throughout, from a sender that leaves N out",
                &[0x00, 0x02, 0x08, 0xaa, 0x02, 0x30, 0x10],
                Av1Payload {
                    has_sequence_header: true,
                    key_frame: true,
                    ..start
                },
                true,
            ),
            (
                "sequence header repeated ahead of an inter frame",
                &[0x20, 0x02, 0x08, 0xaa, 0x30, 0x30],
                Av1Payload {
                    has_sequence_header: true,
                    ..start
                },
                false,
            ),
            (
                "sequence header alone, the frame follows",
                &[0x18, 0x08, 0xaa],
                Av1Payload {
                    new_sequence: true,
                    has_sequence_header: true,
                    ..start
                },
                true,
            ),
            ("inter frame", &[0x10, 0x30, 0x30], start, false),
            ("frame shown again", &[0x10, 0x18, 0x80], start, false),
            (
                "key frame without sequence header",
                &[0x10, 0x30, 0x10],
                Av1Payload {
                    key_frame: true,
                    ..start
                },
                false,
            ),
            (
                "layers in the extension",
                &[0x50, 0x34, 0b010_01_000, 0x30],
                Av1Payload {
                    continues_next: true,
                    temporal_layer: Some(2),
                    spatial_layer: Some(1),
                    ..start
                },
                false,
            ),
            (
                "size field inside",
                &[0x10, 0x32, 0x81, 0x00, 0x10],
                Av1Payload {
                    key_frame: true,
                    ..start
                },
                false,
            ),
            (
                "continuation, whatever its bytes are",
                &[0xd0, 0xff, 0xff],
                Av1Payload {
                    continues_previous: true,
                    continues_next: true,
                    ..NOTHING
                },
                false,
            ),
            (
                "continuation, then a tile group",
                &[0xa0, 0x01, 0xff, 0x20, 0x00],
                Av1Payload {
                    continues_previous: true,
                    ..NOTHING
                },
                false,
            ),
            ("tile group", &[0x10, 0x20, 0x00], NOTHING, false),
            (
                "temporal delimiter",
                &[0x20, 0x01, 0x10, 0x30, 0x30],
                start,
                false,
            ),
        ];
        for (name, payload, expected, keyframe) in cases {
            let parsed = Av1Payload::parse(payload);
            assert_eq!(parsed.as_ref(), Some(expected), "{name}");
            assert_eq!(
                parsed.map(|av1| av1.is_keyframe_start()),
                Some(*keyframe),
                "{name}"
            );
        }
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let cases: &[(&str, &[u8])] = &[
            ("empty", &[]),
            ("nothing behind the aggregation header", &[0x00]),
            ("one element of nothing", &[0x10]),
            ("length past the end", &[0x00, 0x05, 0x30, 0x10]),
            ("length cut short", &[0x00, 0x80]),
            ("second element missing", &[0x20, 0x02, 0x30, 0x10]),
            ("empty element", &[0x20, 0x00, 0x30, 0x10]),
            ("forbidden bit", &[0x10, 0xb0, 0x10]),
            ("extension missing", &[0x10, 0x34]),
            ("size cut short", &[0x10, 0x32, 0x80]),
        ];
        for (name, payload) in cases {
            assert_eq!(Av1Payload::parse(payload), None, "{name}");
        }
    }

    #[test]
    fn endless_elements_are_refused() {
        let mut payload = vec![0x00];
        payload.extend([0x01, 0x20].repeat(600));
        assert_eq!(Av1Payload::parse(&payload), None);
    }
}
