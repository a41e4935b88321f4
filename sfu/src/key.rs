//! Keys into the arenas of one engine. They never leave it: what crosses a thread is in [`id`](crate::id).

slotmap::new_key_type! {
    /// A peer of this engine.
    pub(crate) struct PeerKey;
    /// A track that is published here, or imported from another worker.
    pub(crate) struct TrackKey;
    /// A slot of one of this engine's peers.
    pub(crate) struct SlotKey;
}
