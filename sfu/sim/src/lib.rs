//! Whole rooms in virtual time: real engines and rooms, synthetic browsers, a network that loses and
//! delays as it is told, and a viewer oracle that checks what every receiver was promised.
//!
//! A test makes a [`World`](world::World), lets people join, and runs it for as long as it likes; no
//! socket is opened and no clock is read but once. Everything random comes from one seed, which every
//! failure names.

pub mod browser;
pub mod census;
pub mod client;
pub mod media;
pub mod network;
pub mod oracle;
pub mod person;
pub mod prelude;
pub mod world;
