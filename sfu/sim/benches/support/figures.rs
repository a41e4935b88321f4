//! How much is measured, and what is made of it.

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How often to measure; few times when it is only tried whether this works.
pub(crate) fn rounds() -> usize {
    if is_trial() { 2 } else { 40 }
}

/// Whether it is only tried whether this works, as `cargo test` does.
pub(crate) fn is_trial() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}
