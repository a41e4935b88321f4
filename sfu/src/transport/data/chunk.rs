//! SCTP packets, read as far as the gate needs it: chunks and their parameters (RFC 9260 §3).

/// What kind of packet this is, and the association it would begin if it is an INIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PacketKind {
    /// An INIT, alone in its packet as it must be.
    Init {
        /// The TSN of the peer's first DATA chunk.
        initial_tsn: u32,
    },
    /// Anything else.
    Other,
}

impl PacketKind {
    /// Reads the first chunk. `None` if there is none, or the packet is not from the peer's SCTP port.
    pub(super) fn of(packet: &[u8], remote_port: u16) -> Option<Self> {
        let source = packet.first_chunk()?;
        if u16::from_be_bytes(*source) != remote_port {
            return None;
        }
        let first = chunks(packet).next()??;
        if first.kind != Chunk::INIT {
            return Some(Self::Other);
        }
        let initial_tsn = first.number_at(12)?;
        (chunks(packet).count() == 1).then_some(Self::Init { initial_tsn })
    }
}

/// A chunk, or a parameter of one: both are a type, a length and a value, padded to four bytes.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) kind: u16,
    pub(super) value: &'a [u8],
}

/// The types of chunks (RFC 9260 §3.2, RFC 3758 §3.2, RFC 6525 §3.1), and of one parameter.
impl Chunk<'_> {
    pub(super) const DATA: u16 = 0;
    pub(super) const INIT: u16 = 1;
    pub(super) const SACK: u16 = 3;
    pub(super) const HEARTBEAT: u16 = 4;
    pub(super) const HEARTBEAT_ACK: u16 = 5;
    pub(super) const ABORT: u16 = 6;
    pub(super) const SHUTDOWN: u16 = 7;
    pub(super) const SHUTDOWN_ACK: u16 = 8;
    pub(super) const COOKIE_ECHO: u16 = 10;
    pub(super) const SHUTDOWN_COMPLETE: u16 = 14;
    pub(super) const RECONFIG: u16 = 130;
    pub(super) const FORWARD_TSN: u16 = 192;

    /// The parameter of a RECONFIG chunk that asks for streams to be reset (RFC 6525 §4.1).
    pub(super) const OUTGOING_RESET: u16 = 13;

    /// The 32-bit number at this place in the value.
    pub(super) fn number_at(&self, offset: usize) -> Option<u32> {
        let bytes = self.value.get(offset..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes))
    }
}

/// The chunks of a packet. `None` in place of the first that is malformed, and no more.
pub(super) fn chunks(packet: &[u8]) -> impl Iterator<Item = Option<Chunk<'_>>> {
    // The second byte is flags.
    let items = packet.get(COMMON_HEADER_LEN..).unwrap_or_default();
    split(items, |kind, _flags| u16::from(kind))
}

/// The parameters in the value of a chunk, likewise.
pub(super) fn parameters(value: &[u8]) -> impl Iterator<Item = Option<Chunk<'_>>> {
    split(value, |high, low| u16::from_be_bytes([high, low]))
}

fn split(mut rest: &[u8], kind: fn(u8, u8) -> u16) -> impl Iterator<Item = Option<Chunk<'_>>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let item = std::mem::take(&mut rest);
        let Some(&[k0, k1, l0, l1]) = item.first_chunk() else {
            return Some(None);
        };
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let Some(value) = item.get(4..len) else {
            return Some(None);
        };
        // The padding of the last may be missing.
        rest = item.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Some(Chunk {
            kind: kind(k0, k1),
            value,
        }))
    })
}

/// Source port, destination port, verification tag, checksum.
const COMMON_HEADER_LEN: usize = 12;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A chunk or parameter with these bytes for its type, padded.
    pub(in crate::transport::data) fn item(kind: [u8; 2], value: &[u8]) -> Vec<u8> {
        let mut item = kind.to_vec();
        item.extend((value.len() as u16 + 4).to_be_bytes());
        item.extend(value);
        item.resize(item.len().next_multiple_of(4), 0);
        item
    }

    /// A packet from port 5000 with these chunks.
    pub(in crate::transport::data) fn packet(chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut packet = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 0];
        packet.extend(chunks.concat());
        packet
    }

    #[test]
    fn an_init_is_known_when_it_comes_alone_and_from_the_right_port() {
        let init = item([1, 0], &[0, 0, 0, 9, 0, 0, 32, 0, 0, 9, 0, 9, 0, 0, 1, 2]);
        let other = item([3, 0], &[0; 12]);
        let alone = packet(std::slice::from_ref(&init));
        let expected = Some(PacketKind::Init { initial_tsn: 258 });
        assert_eq!(PacketKind::of(&alone, 5_000), expected);
        assert_eq!(PacketKind::of(&alone, 5_001), None);
        let first = packet(&[init.clone(), other.clone()]);
        assert_eq!(PacketKind::of(&first, 5_000), None);
        let second = packet(&[other.clone(), init]);
        assert_eq!(PacketKind::of(&second, 5_000), Some(PacketKind::Other));
        for len in 0..16 {
            let kind = PacketKind::of(&second[..len], 5_000);
            assert_eq!(kind, None, "{len} bytes");
        }
    }

    #[test]
    fn items_are_read_up_to_the_first_that_is_malformed() {
        let item = item([1, 2], b"value");
        let cases: &[(&str, Vec<u8>, &[bool])] = &[
            ("nothing", vec![], &[]),
            ("one", item.clone(), &[true]),
            ("one without its padding", item[..9].to_vec(), &[true]),
            ("two", item.repeat(2), &[true, true]),
            ("a value that is cut", item[..8].to_vec(), &[false]),
            (
                "a header that is cut",
                [&item, &item[..3]].concat(),
                &[true, false],
            ),
            (
                "a length below the header",
                [&item[..], &[1, 2, 0, 3]].concat(),
                &[true, false],
            ),
        ];
        for (name, bytes, expected) in cases {
            let read: Vec<bool> = parameters(bytes).map(|item| item.is_some()).collect();
            assert_eq!(read, *expected, "{name}");
        }
        let read = parameters(&item).flatten().next().expect("an item");
        assert_eq!((read.kind, read.value), (258, &b"value"[..]));
        assert_eq!(
            (read.number_at(1), read.number_at(2)),
            (Some(0x616c_7565), None)
        );
    }
}
