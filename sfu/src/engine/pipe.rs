//! A pipe carries a track's plaintext packets to another worker of this node, one batch per loop turn,
//! and keyframe requests the other way.
