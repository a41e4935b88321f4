//! stub
#![allow(missing_docs)]
use crate::parameters::DataParameters;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;
pub struct DataTransport;
#[derive(Debug)]
pub enum DataError {
    Full,
}
pub enum DataEvent {
    Opened { id: u16, label: Arc<str> },
    Message { id: u16, binary: bool, data: Bytes },
    Closed { id: u16 },
}
impl DataTransport {
    pub fn new(_: DataParameters, _: Instant) -> Self {
        Self
    }
    pub fn handle(&mut self, _: Instant, _: &[u8]) {}
    pub fn handle_deadline(&mut self, _: Instant) {}
    pub fn poll_transmit(&mut self, _: Instant) -> Option<Bytes> {
        None
    }
    pub fn poll_event(&mut self) -> Option<DataEvent> {
        None
    }
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
    pub fn send(&mut self, _: Instant, _: u16, _: bool, _: &[u8]) -> Result<(), DataError> {
        Ok(())
    }
}
