//! Which way media flows on an m-line (RFC 8866 §6.7), and which way an extension or RID is used.

/// Seen from whoever wrote the description.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Both ways; the default.
    SendRecv,
    /// The writer sends.
    SendOnly,
    /// The writer receives.
    RecvOnly,
    /// Nothing flows.
    Inactive,
}

impl Direction {
    /// Whether the writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flows seen from the other side: what an answer says to take all that was offered.
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }

    /// What is left of it for a writer that may not do both. Only both ways at once are narrowed: one
    /// way that may not be used is for the caller to refuse as a whole.
    pub(super) const fn narrowed(self, may_send: bool, may_receive: bool) -> Self {
        match (self, may_send, may_receive) {
            (Self::SendRecv, true, false) => Self::SendOnly,
            (Self::SendRecv, false, true) => Self::RecvOnly,
            (Self::SendRecv, false, false) => Self::Inactive,
            _ => self,
        }
    }

    /// The attribute.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction with this name; `None` for anything else.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|direction| direction.name() == name)
    }
}
