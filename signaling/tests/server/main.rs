//! A real server on loopback, spoken to by real clients.

mod access;
mod admin;
mod command;
mod frames;
mod http_rules;
mod http_sessions;
mod media;
mod page;
mod resume;
mod rooms;
mod support;
mod websocket;
