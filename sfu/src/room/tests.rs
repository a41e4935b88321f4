//! A room against strict models: of the workers, which accept no command that makes no sense, and of
//! the participants, who keep their view of the room by the notifications alone.

mod behaviour;
mod client;
mod offer;
mod pipes;
mod random;
mod speakers;
mod worker;
mod world;
