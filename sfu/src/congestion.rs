//! Google congestion control (draft-ietf-rmcat-gcc-02, with the refinements that libwebrtc has made since): from
//! when packets left, when they arrived and which were lost, the bitrate that the path carries without a growing
//! queue.
//!
//! Both directions use it: toward subscribers with what their feedback tells, for publishers that want to be
//! told a bitrate with what we see ourselves. All rates are bits per second, all times microseconds of
//! clocks that need not agree. Everything is of fixed size.

mod groups;
mod loss;
mod rate_control;
mod throughput;
mod trendline;

pub(crate) use groups::{Groups, Spacing};
pub(crate) use loss::LossControl;
pub(crate) use rate_control::{MIN_RATE, Observation, RateControl};
pub(crate) use throughput::Throughput;
pub(crate) use trendline::{Trendline, Usage};
