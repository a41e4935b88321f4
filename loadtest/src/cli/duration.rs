//! Durations as people write them.

use std::time::Duration;

/// Reads `30`, `30s`, `500ms`, `2m` or `1.5h`; a number alone is seconds.
///
/// # Errors
/// If it is none of these, or longer than a week.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|letter: char| letter.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("{unit} is no unit of time: ms, s, m or h")),
    };
    let number: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("{text} is no time"))?;
    let seconds = number * factor;
    if !(seconds > 0.0 && seconds <= WEEK_SECONDS) {
        return Err(format!("{text} is not between nothing and a week"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

const WEEK_SECONDS: f64 = 7.0 * 24.0 * 3_600.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let cases = [
            ("30", Some(30_000)),
            ("30s", Some(30_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("1.5h", Some(5_400_000)),
            ("0.25 s", Some(250)),
            ("0", None),
            ("-1s", None),
            ("", None),
            ("s", None),
            ("5d", None),
            ("1000h", None),
            ("NaN", None),
        ];
        for (text, expected) in cases {
            let parsed = parse(text).ok().map(|duration| duration.as_millis());
            assert_eq!(parsed, expected, "{text}");
        }
    }
}
