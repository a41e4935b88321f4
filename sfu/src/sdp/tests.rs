//! Rules of negotiation, each as a table, and whole answers to real offers.

mod codecs;
mod extensions;
mod fixture;
mod golden;
mod grammar;
mod hostile;
mod media_lines;
mod peer_connection;
mod renegotiation;
mod simulcast;
mod slots;
mod transport;
