//! Which worker serves a new peer.
//!
//! A room stays on one worker while it is small, so that none of its packets cross a thread; one that
//! outgrows a worker's share, be it by the number of its peers or by what is sent to them, is spread: a
//! broadcast by its viewers, a conference because everybody sees everybody.

use std::collections::BTreeMap;

use crate::id::WorkerId;
use crate::room::Share;

/// What the choice depends on.
#[derive(Debug)]
pub(super) struct PlacementRequest<'a> {
    /// How many peers each worker serves, of all rooms; the index is the worker's. Not empty.
    pub(super) load: &'a [usize],
    /// What each worker serves of the room; workers that serve nothing of it are left out.
    pub(super) room: &'a BTreeMap<WorkerId, Share>,
}

/// Chooses. A room gathers where most of it is until it has `gathered` peers, or its streams are a
/// worker's share; beyond that the least loaded worker takes the peer.
pub(super) fn choose_worker(gathered: usize, request: &PlacementRequest<'_>) -> WorkerId {
    let peers: usize = request.room.values().map(|share| share.peers).sum();
    let streams: usize = request.room.values().map(|share| share.streams).sum();
    let small = peers < gathered && streams < GATHERED_STREAMS;
    let fullest = if small { fullest(request.room) } else { None };
    fullest.unwrap_or_else(|| least_loaded(request.load))
}

/// The worker with most of the room's peers; of equals the first.
fn fullest(room: &BTreeMap<WorkerId, Share>) -> Option<WorkerId> {
    let most = room.values().map(|share| share.peers).max()?;
    room.iter()
        .find(|(_, share)| share.peers == most)
        .map(|(worker, _)| *worker)
}

fn least_loaded(load: &[usize]) -> WorkerId {
    let index = (0..load.len().min(WorkerId::MAX))
        .min_by_key(|index| load[*index])
        .unwrap_or(0);
    WorkerId::new(index).expect("a node has no more workers than there are ids")
}

/// Half sound and half pictures are some 100 packets a second each, so this is about a fifth of a core at
/// 2.5 µs a packet: enough for twenty people who all see each other, and little enough that there is room
/// for a second such room beside it. A guess by that measure.
const GATHERED_STREAMS: usize = 800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rooms_gather_and_large_ones_spread() {
        // Loads, the room as (worker, peers, streams), and the worker chosen.
        type Case<'a> = (&'a [usize], &'a [(usize, usize, usize)], usize);
        let cases: &[Case<'_>] = &[
            // An empty room opens where it is quiet.
            (&[3, 1, 2], &[], 1),
            (&[0, 0, 0], &[], 0),
            // A small one stays together even where it is loud.
            (&[9, 1, 2], &[(0, 3, 12)], 0),
            (&[9, 9, 2], &[(0, 1, 0), (1, 2, 0)], 1),
            (&[9, 9, 2], &[(0, 1, 0), (1, 1, 0)], 0),
            // The fifth peer is one too many for one worker.
            (&[4, 1, 2], &[(0, 3, 0)], 0),
            (&[4, 1, 2], &[(0, 4, 0)], 1),
            (&[4, 1, 0], &[(0, 4, 0), (1, 1, 0)], 2),
            // So are three who are sent as much as a worker should send for one room.
            (&[3, 1, 2], &[(0, 3, 799)], 0),
            (&[3, 1, 2], &[(0, 3, 800)], 1),
            (&[2, 0, 2], &[(0, 2, 400), (2, 1, 400)], 1),
        ];
        for (load, room, expected) in cases {
            let worker = |index| WorkerId::new(index).expect("a small index");
            let share = |peers, streams| Share { peers, streams };
            let room: BTreeMap<_, _> = room
                .iter()
                .map(|(w, peers, streams)| (worker(*w), share(*peers, *streams)))
                .collect();
            let request = PlacementRequest { load, room: &room };
            assert_eq!(choose_worker(4, &request), worker(*expected), "{request:?}");
        }
    }

    #[test]
    fn the_viewers_of_a_broadcast_end_up_evenly_on_all_workers() {
        let workers = 4;
        let mut load = vec![0; workers];
        let mut room = BTreeMap::new();
        for peer in 0..1_001 {
            let request = PlacementRequest {
                load: &load,
                room: &room,
            };
            let chosen = choose_worker(32, &request);
            if peer < 32 {
                assert_eq!(chosen.index(), 0, "peer {peer}");
            }
            load[chosen.index()] += 1;
            let share = room.entry(chosen).or_insert_with(Share::default);
            share.peers += 1;
            share.streams += usize::from(peer > 0) * 2;
        }
        assert!(
            load.iter().all(|peers| (250..=251).contains(peers)),
            "{load:?}"
        );
    }
}
