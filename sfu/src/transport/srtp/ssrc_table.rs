//! State per SSRC, for the few that a peer uses: a list that is searched from where the last packet was found.

use sfu_rtp::Ssrc;

/// At most `CAP` values by SSRC.
#[derive(Debug)]
pub(super) struct SsrcTable<T, const CAP: usize> {
    ssrcs: Vec<Ssrc>,
    values: Vec<T>,
    last_hit: usize,
}

impl<T, const CAP: usize> SsrcTable<T, CAP> {
    pub(super) const fn new() -> Self {
        Self {
            ssrcs: Vec::new(),
            values: Vec::new(),
            last_hit: 0,
        }
    }

    /// The value of this SSRC. Packets come in bursts of one stream, so the last one found is looked at first.
    #[inline]
    pub(super) fn get_mut(&mut self, ssrc: Ssrc) -> Option<&mut T> {
        if self.ssrcs.get(self.last_hit) != Some(&ssrc) {
            self.last_hit = self.ssrcs.iter().position(|&known| known == ssrc)?;
        }
        self.values.get_mut(self.last_hit)
    }

    /// Adds a value for an SSRC that has none; `None` if the table is full.
    pub(super) fn insert(&mut self, ssrc: Ssrc, value: T) -> Option<()> {
        if self.ssrcs.len() >= CAP {
            return None;
        }
        self.last_hit = self.ssrcs.len();
        self.ssrcs.push(ssrc);
        self.values.push(value);
        Some(())
    }

    /// Forgets an SSRC, if it is known.
    pub(super) fn remove(&mut self, ssrc: Ssrc) {
        if let Some(position) = self.ssrcs.iter().position(|&known| known == ssrc) {
            self.ssrcs.swap_remove(position);
            self.values.swap_remove(position);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ssrcs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_ssrc_whatever_came_before() {
        let mut table = SsrcTable::<u32, 4>::new();
        for number in [10, 20, 30] {
            assert!(table.insert(Ssrc::new(number), number).is_some());
        }
        for number in [10, 10, 30, 20, 30, 10] {
            assert_eq!(table.get_mut(Ssrc::new(number)), Some(&mut number.clone()));
        }
        assert_eq!(table.get_mut(Ssrc::new(40)), None);
        assert_eq!(table.get_mut(Ssrc::new(10)), Some(&mut 10));
    }

    #[test]
    fn a_full_table_takes_nothing_until_something_is_removed() {
        let mut table = SsrcTable::<u32, 2>::new();
        assert!(table.insert(Ssrc::new(1), 1).is_some());
        assert!(table.insert(Ssrc::new(2), 2).is_some());
        assert!(table.insert(Ssrc::new(3), 3).is_none());
        assert_eq!(table.get_mut(Ssrc::new(3)), None);

        table.remove(Ssrc::new(1));
        assert_eq!(table.get_mut(Ssrc::new(1)), None);
        assert_eq!(table.get_mut(Ssrc::new(2)), Some(&mut 2));
        assert!(table.insert(Ssrc::new(3), 3).is_some());
        table.remove(Ssrc::new(9));
        assert_eq!(table.len(), 2);
    }
}
