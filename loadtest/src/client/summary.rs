//! What remains of a client when it leaves.

use std::collections::HashMap;

use crate::media::{Kind, SourceId};

/// One client's accounts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct ClientSummary {
    /// What it received.
    pub(crate) streams: Vec<StreamSummary>,
    /// How many packets of each of its tracks it sent.
    pub(crate) sent: Vec<(SourceId, u64)>,
}

/// What came of one received stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StreamSummary {
    /// Sound or picture.
    pub(crate) kind: Kind,
    /// Whose it was in the end; `None` if that was never seen.
    pub(crate) source: Option<SourceId>,
    /// The index of its first packet, if nothing was switched.
    pub(crate) first_index: Option<u64>,
    /// Packets, each once.
    pub(crate) received: u64,
    /// Sequence numbers from the first to the highest.
    pub(crate) span: u64,
    /// Packets that had been received before.
    pub(crate) duplicates: u64,
    /// Packets that came after later ones.
    pub(crate) reordered: u64,
    /// How often another source took over, or the numbering jumped.
    pub(crate) switches: u64,
}

impl StreamSummary {
    /// How many packets should have come: all that its publisher sent since the first that came. Where
    /// that is not known, those up to the highest that came.
    pub(crate) fn expected(&self, sent: &HashMap<SourceId, u64>) -> u64 {
        let known = || {
            let total = *sent.get(&self.source?)?;
            total.checked_sub(self.first_index?)
        };
        match self.switches {
            0 => known().map_or(self.span, |known| known.max(self.span)),
            _ => self.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: SourceId = SourceId {
        publisher: 1,
        kind: Kind::Video,
    };

    #[test]
    fn what_should_have_come_is_what_was_sent_since_the_first() {
        let sent = HashMap::from([(SOURCE, 1_000)]);
        let other = SourceId {
            publisher: 2,
            ..SOURCE
        };
        // (source, first index, span, switches, expected)
        let cases = [
            (Some(SOURCE), Some(100), 900, 0, 900),
            (Some(SOURCE), Some(100), 880, 0, 900),
            (Some(SOURCE), Some(100), 880, 1, 880),
            (Some(other), Some(100), 880, 0, 880),
            (None, None, 880, 0, 880),
            (Some(SOURCE), Some(2_000), 10, 0, 10),
        ];
        for (source, first_index, span, switches, expected) in cases {
            let stream = StreamSummary {
                kind: Kind::Video,
                source,
                first_index,
                received: 5,
                span,
                duplicates: 0,
                reordered: 0,
                switches,
            };
            assert_eq!(stream.expected(&sent), expected, "{stream:?}");
        }
    }
}
