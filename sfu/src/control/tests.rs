//! The control plane over workers that only write down what they are told.

mod fake;
mod offers;
mod overload;
mod resuming;
mod sessions;
mod starting;
mod stress;
