//! The Switchyard server: HTTP, WebSocket signaling, WHIP, WHEP, tokens, the admin API, metrics and the
//! page. Media is the business of the `sfu` crate, which this one knows through `sfu::control`.
//!
//! A library so that tests can start servers of their own; the `switchyard` binary is [`command::run`].

pub mod command;
pub mod config;
pub mod server;
pub mod tokens;

mod access;
mod admin;
mod client_address;
mod health;
mod http_session;
mod listener;
mod logging;
mod metrics;
mod node;
mod page;
mod problem;
mod rate;
mod refusal;
mod routes;
mod secret;
mod stats;
mod whep;
mod whip;
mod ws;
