//! The AV1 dependency descriptor, with and without a structure from before, and what forwarding rewrites of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::dependency_descriptor::{self, DependencyDescriptor, DependencyStructure};

fuzz_target!(|data: (&[u8], &[u8], u32, u16, u8)| {
    let (structure, value, mask, number, shift) = data;
    let structure = DependencyStructure::parse(structure);
    let known = structure.as_ref().ok();
    let _ = DependencyDescriptor::parse(value, None);
    let parsed = DependencyDescriptor::parse(value, known);
    let mut out = vec![0; value.len() + DependencyDescriptor::MAX_GROWTH];
    let count = known.map_or(32, DependencyStructure::decode_target_count);
    let rewritten = dependency_descriptor::write_with_active_targets(value, count, mask, &mut out);
    let (Ok(parsed), Ok(len)) = (parsed, rewritten) else {
        return;
    };
    dependency_descriptor::renumber(&mut out[..len], number, shift);
    dependency_descriptor::renumber(&mut out[..len], number, 0_u8.wrapping_sub(shift));
    let again = DependencyDescriptor::parse(&out[..len], known).expect("it was read before");
    let mut head = parsed.head;
    head.frame_number = number;
    assert_eq!(again.head, head);
    assert_eq!((again.layer, again.frame), (parsed.layer, parsed.frame));
});
