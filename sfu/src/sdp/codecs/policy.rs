//! Which codecs the operator allows.

use crate::parameters::Codec;

/// Restricts the codecs of answers. The default allows all, in the peer's order of preference.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CodecPolicy {
    /// `None`: no restriction.
    allowed: Option<Vec<Codec>>,
}

impl CodecPolicy {
    /// Allows only these codecs, the preferred first; formats of one codec stay in the peer's order.
    /// A kind of media of which no codec is listed is refused.
    pub const fn only(codecs: Vec<Codec>) -> Self {
        Self {
            allowed: Some(codecs),
        }
    }

    /// The place of a codec in the order of preference; `None` if it is not allowed.
    pub(in crate::sdp) fn rank(&self, codec: Codec) -> Option<usize> {
        match &self.allowed {
            Some(codecs) => codecs.iter().position(|&allowed| allowed == codec),
            None => Some(0),
        }
    }
}
