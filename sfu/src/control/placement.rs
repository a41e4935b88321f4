//! Which worker serves a new peer.
//!
//! A conference stays on one worker while it is small, so that none of its packets cross a thread; a
//! large one is spread, and so are the viewers of a broadcast, who only take.

use std::collections::BTreeMap;

use crate::id::WorkerId;

/// What the choice depends on.
#[derive(Debug)]
pub(super) struct PlacementRequest<'a> {
    /// How many peers each worker serves, of all rooms; the index is the worker's. Not empty.
    pub(super) load: &'a [usize],
    /// How many peers of the room each worker serves; workers without one are left out.
    pub(super) room: &'a BTreeMap<WorkerId, usize>,
    /// Whether the participant may publish.
    pub(super) publishes: bool,
}

/// Chooses. A room of up to `gathered` peers gathers where most of it is; beyond that, and for whoever
/// only watches, it is the least loaded worker.
pub(super) fn choose_worker(gathered: usize, request: &PlacementRequest<'_>) -> WorkerId {
    let peers: usize = request.room.values().sum();
    let gather = request.publishes && peers < gathered;
    let fullest = if gather { fullest(request.room) } else { None };
    fullest.unwrap_or_else(|| least_loaded(request.load))
}

/// The worker with most of the room's peers; of equals the first.
fn fullest(room: &BTreeMap<WorkerId, usize>) -> Option<WorkerId> {
    let most = room.values().max()?;
    room.iter()
        .find(|(_, peers)| *peers == most)
        .map(|(worker, _)| *worker)
}

fn least_loaded(load: &[usize]) -> WorkerId {
    let index = (0..load.len().min(WorkerId::MAX))
        .min_by_key(|index| load[*index])
        .unwrap_or(0);
    WorkerId::new(index).expect("a node has no more workers than there are ids")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rooms_gather_large_ones_spread_and_viewers_go_where_it_is_quiet() {
        type Case<'a> = (&'a [usize], &'a [(usize, usize)], bool, usize);
        let cases: &[Case<'_>] = &[
            // An empty room opens where it is quiet.
            (&[3, 1, 2], &[], true, 1),
            (&[0, 0, 0], &[], true, 0),
            // A small one stays together even where it is loud.
            (&[9, 1, 2], &[(0, 3)], true, 0),
            (&[9, 9, 2], &[(0, 1), (1, 2)], true, 1),
            (&[9, 9, 2], &[(0, 1), (1, 1)], true, 0),
            // The fifth peer is one too many for one worker.
            (&[4, 1, 2], &[(0, 3)], true, 0),
            (&[4, 1, 2], &[(0, 4)], true, 1),
            (&[4, 1, 0], &[(0, 4), (1, 1)], true, 2),
            // Whoever watches goes where it is quiet, however small the room.
            (&[2, 1, 1], &[(0, 1)], false, 1),
        ];
        for (load, room, publishes, expected) in cases {
            let worker = |index| WorkerId::new(index).expect("a small index");
            let room: BTreeMap<_, _> = room.iter().map(|(w, peers)| (worker(*w), *peers)).collect();
            let request = PlacementRequest {
                load,
                room: &room,
                publishes: *publishes,
            };
            assert_eq!(choose_worker(4, &request), worker(*expected), "{request:?}");
        }
    }
}
