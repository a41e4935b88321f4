//! Where a VP8 (RFC 7741 §4.2) or VP9 (RFC 9628 §4.2) payload descriptor numbers its picture, and how
//! to write other numbers there.

use super::PictureId;

/// The numbers in one payload descriptor. Kept with a packet, they can be replaced in any copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureNumbers {
    /// The picture's number, if sent.
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX, if sent.
    pub tl0_picture_index: Option<u8>,
    pub(super) picture_id_at: u8,
    pub(super) tl0_picture_index_at: u8,
}

impl PictureNumbers {
    /// Renumbers in place the payload that these were read from. What it does not carry is not written;
    /// the picture id keeps its width and so the lowest bits of `picture_id`.
    #[inline]
    pub fn overwrite(&self, payload: &mut [u8], picture_id: u16, tl0_picture_index: u8) {
        if let Some(present) = self.picture_id
            && let Some(target) = payload.get_mut(usize::from(self.picture_id_at)..)
        {
            present.with_value(picture_id).overwrite(target);
        }
        if self.tl0_picture_index.is_some()
            && let Some(target) = payload.get_mut(usize::from(self.tl0_picture_index_at))
        {
            *target = tl0_picture_index;
        }
    }
}
