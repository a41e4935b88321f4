//! The AV1 dependency descriptor, with and without a structure from before.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::dependency_descriptor::{DependencyDescriptor, DependencyStructure};

fuzz_target!(|data: (&[u8], &[u8])| {
    let structure = DependencyStructure::parse(data.0);
    let _ = DependencyDescriptor::parse(data.1, structure.as_ref().ok());
    let _ = DependencyDescriptor::parse(data.1, None);
});
