//! What one frame refers to and whom it is for: the part of a template that a descriptor may
//! replace with its own.

use core::fmt::{self, Write};

use super::bits::BitReader;
use super::{DescriptorError, MAX_DECODE_TARGETS};

/// What one frame means to those who receive one decode target (AV1 RTP specification §A.8.3, table
/// A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeTargetIndication {
    /// It is not part of the target.
    NotPresent,
    /// It is part of the target, and no later frame of the target refers to it.
    Discardable,
    /// It is part of the target, and one who can decode it can decode all that follows of the
    /// target.
    Switch,
    /// It is part of the target, and neither of the above.
    Required,
}

/// What one frame is to each decode target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Indications {
    /// Two bits a decode target, target 0 in the lowest.
    bits: u64,
    decode_target_count: u8,
}

impl Indications {
    /// How many decode targets the stream has, 1 to 32; 0 by default.
    #[inline]
    pub const fn decode_target_count(&self) -> u8 {
        self.decode_target_count
    }

    /// What the frame is to this decode target; not present in a target that the stream does not
    /// have.
    #[inline]
    pub const fn of(&self, decode_target: u8) -> DecodeTargetIndication {
        if decode_target >= self.decode_target_count {
            return DecodeTargetIndication::NotPresent;
        }
        match self.bits >> (2 * decode_target) & 0x03 {
            0 => DecodeTargetIndication::NotPresent,
            1 => DecodeTargetIndication::Discardable,
            2 => DecodeTargetIndication::Switch,
            _ => DecodeTargetIndication::Required,
        }
    }
}

/// References and purposes of one frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrameDependencies {
    /// Two bits a decode target, target 0 in the lowest.
    indications: u64,
    frame_diffs: [u16; MAX_FRAME_DIFFS],
    chain_diffs: [u8; MAX_DECODE_TARGETS],
    decode_target_count: u8,
    frame_diff_count: u8,
    chain_count: u8,
}

impl FrameDependencies {
    /// How many decode targets the stream has, 1 to 32.
    #[inline]
    pub const fn decode_target_count(&self) -> u8 {
        self.decode_target_count
    }

    /// Whether the frame is part of this decode target.
    #[inline]
    pub fn is_present(&self, decode_target: u8) -> bool {
        self.indication(decode_target) != DecodeTargetIndication::NotPresent
    }

    /// What the frame is to this decode target; not present in a target that the stream does not
    /// have.
    #[inline]
    pub fn indication(&self, decode_target: u8) -> DecodeTargetIndication {
        self.indications().of(decode_target)
    }

    /// What the frame is to every decode target, to be kept without the rest.
    #[inline]
    pub const fn indications(&self) -> Indications {
        Indications {
            bits: self.indications,
            decode_target_count: self.decode_target_count,
        }
    }

    /// The frames this one refers to: how many frame numbers each is before it, 1 to 4096. Empty
    /// for keyframes.
    #[inline]
    pub fn frame_diffs(&self) -> &[u16] {
        self.frame_diffs
            .get(..usize::from(self.frame_diff_count))
            .unwrap_or_default()
    }

    /// For each chain, how many frame numbers before this frame its last frame is; 0 if the
    /// chain begins anew.
    #[inline]
    pub fn chain_diffs(&self) -> &[u8] {
        self.chain_diffs
            .get(..usize::from(self.chain_count))
            .unwrap_or_default()
    }

    /// One of a stream with this many decode targets that is in none of them and refers to nothing.
    pub(super) const fn new(decode_target_count: u8) -> Self {
        Self {
            indications: 0,
            frame_diffs: [0; MAX_FRAME_DIFFS],
            chain_diffs: [0; MAX_DECODE_TARGETS],
            decode_target_count,
            frame_diff_count: 0,
            chain_count: 0,
        }
    }

    /// template_dtis and frame_dtis.
    pub(super) fn read_indications(
        &mut self,
        reader: &mut BitReader<'_>,
    ) -> Result<(), DescriptorError> {
        self.indications = 0;
        for decode_target in 0..self.decode_target_count {
            self.indications |= u64::from(reader.bits(2)?) << (2 * decode_target);
        }
        Ok(())
    }

    /// template_fdiffs, for one template.
    pub(super) fn read_template_frame_diffs(
        &mut self,
        reader: &mut BitReader<'_>,
    ) -> Result<(), DescriptorError> {
        while reader.flag()? {
            let diff = reader.bits(4)? + 1;
            self.add_frame_diff(diff)?;
        }
        Ok(())
    }

    /// frame_fdiffs.
    pub(super) fn read_frame_diffs(
        &mut self,
        reader: &mut BitReader<'_>,
    ) -> Result<(), DescriptorError> {
        self.frame_diff_count = 0;
        loop {
            let nibbles = reader.bits(2)?;
            if nibbles == 0 {
                return Ok(());
            }
            let diff = reader.bits(4 * nibbles)? + 1;
            self.add_frame_diff(diff)?;
        }
    }

    /// template_chains, for one template.
    pub(super) fn read_template_chain_diffs(
        &mut self,
        chain_count: u8,
        reader: &mut BitReader<'_>,
    ) -> Result<(), DescriptorError> {
        self.chain_count = chain_count;
        self.read_chain_diffs_of(4, reader)
    }

    /// frame_chains.
    pub(super) fn read_chain_diffs(
        &mut self,
        reader: &mut BitReader<'_>,
    ) -> Result<(), DescriptorError> {
        self.read_chain_diffs_of(8, reader)
    }

    fn read_chain_diffs_of(
        &mut self,
        width: u32,
        reader: &mut BitReader<'_>,
    ) -> Result<(), DescriptorError> {
        for diff in self
            .chain_diffs
            .iter_mut()
            .take(usize::from(self.chain_count))
        {
            *diff = reader.bits(width)? as u8;
        }
        Ok(())
    }

    fn add_frame_diff(&mut self, diff: u32) -> Result<(), DescriptorError> {
        let place = self
            .frame_diffs
            .get_mut(usize::from(self.frame_diff_count))
            .ok_or(DescriptorError::References)?;
        *place = diff as u16;
        self.frame_diff_count += 1;
        Ok(())
    }
}

impl fmt::Debug for FrameDependencies {
    /// The indications as the specification writes them, a symbol a decode target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indications = fmt::from_fn(|f| {
            (0..self.decode_target_count).try_for_each(|target| {
                f.write_char(match self.indication(target) {
                    DecodeTargetIndication::NotPresent => '-',
                    DecodeTargetIndication::Discardable => 'D',
                    DecodeTargetIndication::Switch => 'S',
                    DecodeTargetIndication::Required => 'R',
                })
            })
        });
        f.debug_struct("FrameDependencies")
            .field("indications", &indications)
            .field("frame_diffs", &self.frame_diffs())
            .field("chain_diffs", &self.chain_diffs())
            .finish()
    }
}

/// H.264 allows 16 reference frames, VP9 three and AV1 seven. The specification sets no bound.
const MAX_FRAME_DIFFS: usize = 16;
