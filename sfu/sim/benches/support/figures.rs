//! How much is measured, and what is made of it.

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How often to measure: few times when it is only tried whether this works, else 40 times, or as often as
/// `-- --rounds N` says, for a profiler to have something to see.
pub(crate) fn rounds() -> usize {
    let mut arguments = std::env::args();
    let asked = arguments
        .find(|argument| argument == "--rounds")
        .and_then(|_| arguments.next()?.parse().ok());
    if is_trial() { 2 } else { asked.unwrap_or(40) }
}

/// Whether it is only tried whether this works, as `cargo test` does.
pub(crate) fn is_trial() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}
