//! Redundant audio (RFC 2198): earlier frames repeated ahead of the newest one. A receiver that
//! cannot take it is sent the primary block.

use crate::{PayloadType, RtpError};

/// One block of a redundant payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// The payload type of its content.
    pub payload_type: PayloadType,
    /// How many ticks its timestamp is before the packet's: 0 to 16383, and 0 for the primary
    /// block.
    pub timestamp_offset: u16,
    /// Its content, which may be empty.
    pub data: &'a [u8],
}

/// The blocks of a redundant payload, the oldest first; the last is the primary one. `None` if the
/// payload is cut short or has more than [`MAX_BLOCKS`] blocks.
pub fn blocks(payload: &[u8]) -> Option<Blocks<'_>> {
    let mut rest = payload;
    let mut redundant_len = 0;
    let mut count = 0;
    while let &[b0, b1, b2, b3, ref tail @ ..] = rest
        && b0 & FOLLOW_BIT != 0
    {
        count += 1;
        if count == MAX_BLOCKS {
            return None;
        }
        redundant_len += block_len([b0, b1, b2, b3]);
        rest = tail;
    }
    let (&last, data) = rest.split_first()?;
    if last & FOLLOW_BIT != 0 || redundant_len > data.len() {
        return None;
    }
    Some(Blocks {
        heads: payload,
        data,
    })
}

/// The primary block of a redundant payload: its payload type and content. `None` as for
/// [`blocks`].
pub fn primary(payload: &[u8]) -> Option<(PayloadType, &[u8])> {
    blocks(payload)?
        .last()
        .map(|block| (block.payload_type, block.data))
}

/// Walks the blocks of a redundant payload; made by [`blocks`], which has checked them.
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    heads: &'a [u8],
    data: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let first = *self.heads.first()?;
        let payload_type = PayloadType::from_header_byte(first);
        if first & FOLLOW_BIT == 0 {
            self.heads = &[];
            return Some(Block {
                payload_type,
                timestamp_offset: 0,
                data: self.data,
            });
        }
        let (&head, heads) = self.heads.split_first_chunk()?;
        let (data, rest) = self.data.split_at_checked(block_len(head))?;
        (self.heads, self.data) = (heads, rest);
        let timestamp_offset = u16::from_be_bytes([head[1], head[2]]) >> 2;
        Some(Block {
            payload_type,
            timestamp_offset,
            data,
        })
    }
}

/// Length of the payload that [`write`](fn@write) makes of these.
pub fn len_with(redundant: &[Block<'_>], primary: &[u8]) -> usize {
    let blocks = redundant
        .iter()
        .map(|block| BLOCK_HEAD_LEN + block.data.len());
    blocks.sum::<usize>() + PRIMARY_HEAD_LEN + primary.len()
}

/// Writes a redundant payload to the start of `out`: earlier blocks, the oldest first, and the
/// primary one. Returns its length.
///
/// # Errors
/// [`RtpError::BufferTooShort`] if `out` is. Blocks must keep to [`MAX_OFFSET`] and
/// [`MAX_BLOCK_LEN`]: what is more is cut off.
pub fn write(
    redundant: &[Block<'_>],
    primary_type: PayloadType,
    primary: &[u8],
    out: &mut [u8],
) -> Result<usize, RtpError> {
    let (needed, available) = (len_with(redundant, primary), out.len());
    let mut rest = out
        .get_mut(..needed)
        .ok_or(RtpError::BufferTooShort { needed, available })?;
    for block in redundant {
        let offset = u32::from(block.timestamp_offset & MAX_OFFSET);
        let len = block.data.len().min(MAX_BLOCK_LEN) as u32;
        let head = u32::from(FOLLOW_BIT | block.payload_type.get()) << 24 | offset << 10 | len;
        rest = put(rest, &head.to_be_bytes());
    }
    rest = put(rest, &[primary_type.get()]);
    for block in redundant {
        rest = put(rest, block.data.get(..MAX_BLOCK_LEN).unwrap_or(block.data));
    }
    put(rest, primary);
    Ok(needed)
}

/// Copies `bytes` to the start of `out`, which has room for them, and gives what is left.
fn put<'a>(out: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (target, rest) = out.split_at_mut(bytes.len().min(out.len()));
    target.copy_from_slice(&bytes[..target.len()]);
    rest
}

/// The most ticks that a block's timestamp can be before the packet's: 14 bits, at 48 kHz 341 ms.
pub const MAX_OFFSET: u16 = 0x3fff;

/// The most bytes that a redundant block can have: 10 bits.
pub const MAX_BLOCK_LEN: usize = 0x03ff;

/// Length of what [`write`](fn@write) puts in front of each redundant block.
pub const BLOCK_HEAD_LEN: usize = 4;

/// Length of what [`write`](fn@write) puts in front of the primary block.
pub const PRIMARY_HEAD_LEN: usize = 1;

/// Chromium sends two redundant blocks at most by default and nine if told to; the rest is room.
pub const MAX_BLOCKS: usize = 16;

const FOLLOW_BIT: u8 = 0x80;

/// The low ten bits of a redundant block's header.
fn block_len(head: [u8; 4]) -> usize {
    usize::from(u16::from_be_bytes([head[2], head[3]]) & 0x03ff)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Expected<'a> = &'a [(u8, u16, &'a [u8])];

    #[test]
    fn blocks_are_read_in_order() {
        let cases: &[(&str, &[u8], Expected)] = &[
            ("primary alone", &[0x6f, 1, 2], &[(0x6f, 0, &[1, 2])]),
            ("empty primary", &[0x6f], &[(0x6f, 0, &[])]),
            (
                "one redundant block of 960 ticks before",
                &[0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 2, 3],
                &[(0x6f, 960, &[1, 2]), (0x6f, 0, &[3])],
            ),
            (
                "extremes of the offset, an empty block and another type",
                &[0x80, 0xff, 0xfc, 0x00, 0xff, 0x00, 0x04, 0x01, 0x01, 7, 8],
                &[(0, 16383, &[]), (127, 1, &[7]), (1, 0, &[8])],
            ),
        ];
        for (name, payload, expected) in cases {
            let found: Vec<_> = blocks(payload)
                .expect(name)
                .map(|block| (block.payload_type.get(), block.timestamp_offset, block.data))
                .collect();
            assert_eq!(found, *expected, "{name}");
            let last = expected
                .last()
                .map(|&(payload_type, _, data)| (payload_type, data));
            assert_eq!(
                primary(payload).map(|(payload_type, data)| (payload_type.get(), data)),
                last,
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let payload_type = |value| PayloadType::new(value).expect("seven bits");
        let block = |timestamp_offset, data| Block {
            payload_type: payload_type(111),
            timestamp_offset,
            data,
        };
        let long = [7; MAX_BLOCK_LEN];
        let cases: &[&[Block<'_>]] = &[
            &[],
            &[block(960, &[1, 2, 3])],
            &[block(1_920, &[]), block(960, &[9])],
            &[block(MAX_OFFSET, &long), block(1, &long)],
        ];
        for redundant in cases {
            let mut out = [0xee; 2_100];
            let len = write(redundant, payload_type(63), &[4, 5], &mut out).expect("room");
            assert_eq!(len, len_with(redundant, &[4, 5]));
            let mut expected = redundant.to_vec();
            expected.push(Block {
                payload_type: payload_type(63),
                timestamp_offset: 0,
                data: &[4, 5],
            });
            let found: Vec<_> = blocks(&out[..len]).expect("just written").collect();
            assert_eq!(found, expected);
            assert_eq!(out[len], 0xee, "nothing is written behind it");
            assert!(write(redundant, payload_type(63), &[4, 5], &mut out[..len - 1]).is_err());
        }
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let endless = [0x80, 0, 0, 0].repeat(MAX_BLOCKS);
        let cases: &[(&str, &[u8])] = &[
            ("empty", &[]),
            ("header cut short", &[0x80, 0, 0]),
            ("no primary header", &[0x80, 0, 0, 0]),
            ("block past the end", &[0x80, 0, 0, 2, 0x6f, 1]),
            ("too many blocks", &endless),
        ];
        for (name, payload) in cases {
            assert!(blocks(payload).is_none(), "{name}");
        }
    }

    #[test]
    fn as_many_blocks_as_allowed_are_read() {
        let mut payload = [0x80, 0, 0, 1].repeat(MAX_BLOCKS - 1);
        payload.push(0x6f);
        payload.extend(0..MAX_BLOCKS as u8);
        let found: Vec<_> = blocks(&payload)
            .expect("allowed")
            .map(|block| block.data.to_vec())
            .collect();
        assert_eq!(
            found,
            (0..MAX_BLOCKS as u8)
                .map(|byte| vec![byte])
                .collect::<Vec<_>>()
        );
    }
}
