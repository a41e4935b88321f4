//! The transport of one peer, in pieces: ICE-lite, DTLS, SRTP and data channels.
//!
//! Each piece takes in datagrams and the time and gives out datagrams, events and its next deadline. None knows
//! sockets, rooms or what a packet means; the engine puts the pieces together.

pub mod data;
pub mod dtls;
pub mod ice;
pub mod srtp;
