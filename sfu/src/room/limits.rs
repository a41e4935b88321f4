//! The caps of one room: nothing that a participant sends makes a room grow beyond them.

/// The caps of one room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomLimits {
    /// The most participants, hidden ones included.
    pub participants: usize,
    /// The most tracks that one participant publishes at a time.
    pub tracks_per_participant: usize,
    /// The most slots that one participant may offer.
    pub slots_per_participant: usize,
    /// The most tracks of sound that one participant is sent at a time, whatever number of slots it offers:
    /// those that rank first, so of microphones those that talk or talked last.
    pub audio_per_participant: usize,
    /// Data messages that one participant may send to the others, per second; twice as many at once.
    pub data_messages_per_second: u32,
    /// Bytes of data messages that one participant may send to the others, per second. At least one
    /// message of the largest size passes at once.
    pub data_bytes_per_second: u32,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            // A broadcast to this many viewers is what one node is meant for.
            participants: 5_000,
            // Camera, microphone, screen and its sound, twice.
            tracks_per_participant: 8,
            // 49 tiles, the largest grid that conference pages show, each with its sound.
            slots_per_participant: 128,
            // Nobody follows more than three who talk at once. The rest is for those who did a moment ago, so that
            // microphones seldom wait for their slot and no first word is lost. A guess.
            audio_per_participant: 16,
            // Guesses: a person types less, a whiteboard about this much. Each message is sent to
            // everybody, so the cost is this times the room's size.
            data_messages_per_second: 50,
            data_bytes_per_second: 256 * 1024,
        }
    }
}
