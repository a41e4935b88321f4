//! Numbers as people read them.

/// With a unit prefix: 1.2 k, 3.4 M.
pub(super) fn scaled(value: f64) -> String {
    let (scaled, prefix) = match value.abs() {
        magnitude if magnitude >= 1e9 => (value / 1e9, " G"),
        magnitude if magnitude >= 1e6 => (value / 1e6, " M"),
        magnitude if magnitude >= 1e4 => (value / 1e3, " k"),
        _ => (value, " "),
    };
    format!("{}{prefix}", significant(scaled))
}

/// Three digits that mean something; all of them left of the point.
pub(super) fn significant(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 99.95 || value == 0.0 => format!("{value:.0}"),
        magnitude if magnitude >= 9.995 => format!("{value:.1}"),
        magnitude if magnitude >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// As short as it can be: counts as counts, measurements with three digits.
pub(super) fn measured(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        significant(value)
    }
}

/// A whole number with its thousands apart.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in powers of 1,024.
pub(super) fn bytes(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 1_048_576.0 * 1_024.0 => {
            format!("{} GiB", significant(value / 1_048_576.0 / 1_024.0))
        }
        magnitude if magnitude >= 1_048_576.0 => {
            format!("{} MiB", significant(value / 1_048_576.0))
        }
        magnitude if magnitude >= 1_024.0 => format!("{} KiB", significant(value / 1_024.0)),
        _ => format!("{} B", significant(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_prefix() {
        let cases = [
            (0.0, "0 "),
            (0.01234, "0.0123 "),
            (0.5, "0.50 "),
            (1.0, "1.00 "),
            (9.999, "10.0 "),
            (123.4, "123 "),
            (9_999.0, "9999 "),
            (20_000.0, "20.0 k"),
            (-1_500_000.0, "-1.50 M"),
            (2e9, "2.00 G"),
        ];
        for (value, expected) in cases {
            assert_eq!(scaled(value), expected, "{value}");
        }
    }

    #[test]
    fn counts_have_no_decimals() {
        for (value, expected) in [(0.0, "0"), (7.0, "7"), (7.25, "7.25"), (1e15, "1000")] {
            assert!(measured(value).starts_with(expected), "{}", measured(value));
        }
        assert_eq!(measured(12.0), "12");
    }

    #[test]
    fn thousands_are_apart() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ];
        for (value, expected) in cases {
            assert_eq!(grouped(value), expected);
        }
    }

    #[test]
    fn bytes_are_in_powers_of_1024() {
        let cases = [
            (12.0, "12.0 B"),
            (65_536.0, "64.0 KiB"),
            (1_572_864.0, "1.50 MiB"),
            (3_221_225_472.0, "3.00 GiB"),
        ];
        for (value, expected) in cases {
            assert_eq!(bytes(value), expected);
        }
    }
}
