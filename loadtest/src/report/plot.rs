//! A line plot as inline SVG: axes with round numbers, a legend, values on hovering. Colours come from the
//! page, so that they follow its light and dark themes.

use std::fmt::Write as _;

use super::number::significant;

/// A plot.
pub(super) struct Plot<'a> {
    /// What it shows.
    pub(super) title: &'a str,
    /// The unit of what goes up.
    pub(super) unit: &'a str,
    /// What goes to the right, with its unit.
    pub(super) across: &'a str,
    /// Whether to the right each step is ten times the one before.
    pub(super) logarithmic: bool,
    /// The lines. Without any points there is no plot.
    pub(super) lines: Vec<Line<'a>>,
}

/// A line of a plot.
pub(super) struct Line<'a> {
    /// What it is.
    pub(super) name: &'a str,
    /// (to the right, up); in the order in which they are connected.
    pub(super) points: Vec<(f64, f64)>,
}

impl Plot<'_> {
    /// Writes it as a `<figure>`; empty if there is nothing to show.
    pub(super) fn svg(&self) -> String {
        let points = || {
            self.lines
                .iter()
                .flat_map(|line| line.points.iter().copied())
        };
        let Some(across) = Axis::across(points().map(|(x, _)| x), self.logarithmic) else {
            return String::new();
        };
        let Some(up) = Axis::up(points().map(|(_, y)| y)) else {
            return String::new();
        };
        let mut svg = String::new();
        write(
            &mut svg,
            format_args!("<figure><figcaption>{}", escape(self.title)),
        );
        write(
            &mut svg,
            format_args!(
                "<span class=\"unit\">{}</span></figcaption>",
                escape(self.unit)
            ),
        );
        self.write_legend(&mut svg);
        write(
            &mut svg,
            format_args!(
                "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
                escape(self.title)
            ),
        );
        write_grid(&mut svg, &across, &up);
        for (number, line) in self.lines.iter().enumerate() {
            write_line(&mut svg, number, line, &across, &up);
        }
        write(
            &mut svg,
            format_args!(
                "<text class=\"tick\" x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">{}</text></svg></figure>",
                HEIGHT - 2.0,
                escape(self.across)
            ),
        );
        svg
    }

    fn write_legend(&self, svg: &mut String) {
        if self.lines.len() < 2 {
            return;
        }
        svg.push_str("<div class=\"legend\">");
        for (number, line) in self.lines.iter().enumerate() {
            let name = escape(line.name);
            write(
                svg,
                format_args!("<span><i class=\"line{number}\"></i>{name}</span>"),
            );
        }
        svg.push_str("</div>");
    }
}

/// From values to places.
struct Axis {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    logarithmic: bool,
    ticks: Vec<f64>,
}

impl Axis {
    /// From zero, unless it is logarithmic.
    fn across(values: impl Iterator<Item = f64>, logarithmic: bool) -> Option<Self> {
        let (low, high) = range(values.filter(|value| !logarithmic || *value > 0.0))?;
        let (from, to, ticks) = if logarithmic {
            let (from, to) = (
                low.log10().floor(),
                high.log10().ceil().max(low.log10().floor() + 1.0),
            );
            let ticks = (from as i32..=to as i32)
                .map(|power| 10_f64.powi(power))
                .collect();
            (10_f64.powf(from), 10_f64.powf(to), ticks)
        } else {
            let low = low.min(0.0);
            let high = if high > low { high } else { low + 1.0 };
            (low, high, ticks(low, high, 8.0))
        };
        Some(Self {
            from,
            to,
            start: LEFT,
            end: RIGHT,
            logarithmic,
            ticks,
        })
    }

    /// From zero, so that what looks twice as high is twice as much.
    fn up(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = range(values)?;
        let (low, high) = (low.min(0.0), if high > 0.0 { high } else { 1.0 });
        let mut ticks = ticks(low, high * 1.05, 4.0);
        let step = ticks
            .get(1)
            .zip(ticks.first())
            .map_or(high, |(second, first)| second - first);
        let mut top = ticks.last().copied().unwrap_or(high);
        if top < high {
            top += step;
            ticks.push(top);
        }
        Some(Self {
            from: low,
            to: top,
            start: BOTTOM,
            end: TOP,
            logarithmic: false,
            ticks,
        })
    }

    fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.from).log10() - self.from.log10())
                / (self.to.log10() - self.from.log10())
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((low, high)) => Some((value.min(low), value.max(high))),
        })
}

/// Round numbers between the two, at most so many steps apart.
fn ticks(low: f64, high: f64, steps: f64) -> Vec<f64> {
    let rough = (high - low) / steps;
    let power = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = round
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last)
        .take(MAX_TICKS)
        .map(|number| number as f64 * step)
        .collect()
}

fn write_grid(svg: &mut String, across: &Axis, up: &Axis) {
    for tick in &up.ticks {
        let y = up.place(*tick);
        let label = label(*tick);
        write(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                y + 3.5
            ),
        );
    }
    for tick in &across.ticks {
        let x = across.place(*tick);
        let label = label(*tick);
        write(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                BOTTOM + 15.0
            ),
        );
    }
}

fn write_line(svg: &mut String, number: usize, line: &Line<'_>, across: &Axis, up: &Axis) {
    let places: Vec<_> = line
        .points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|&(x, y)| (x, y, across.place(x), up.place(y)))
        .collect();
    let path: String = places
        .iter()
        .map(|(_, _, x, y)| format!("{x:.1},{y:.1} "))
        .collect();
    write(
        svg,
        format_args!(
            "<polyline class=\"line{number}\" points=\"{}\"/>",
            path.trim_end()
        ),
    );
    // A plot of an hour needs no value for each second.
    let every = places.len().div_ceil(MAX_VALUES).max(1);
    for (value_x, value_y, x, y) in places.iter().step_by(every) {
        let (at, value) = (significant(*value_x), significant(*value_y));
        let name = escape(line.name);
        write(
            svg,
            format_args!(
                "<circle class=\"line{number}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\">\
                 <title>{name}: {value} at {at}</title></circle>"
            ),
        );
    }
}

/// A tick's number, short.
fn label(tick: f64) -> String {
    let (scaled, suffix) = match tick.abs() {
        magnitude if magnitude >= 1e6 => (tick / 1e6, "M"),
        magnitude if magnitude >= 1e3 => (tick / 1e3, "k"),
        _ => (tick, ""),
    };
    let rounded = (scaled * 1e6).round() / 1e6;
    format!("{rounded}{suffix}")
}

/// Text in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes everything");
}

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 510.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 172.0;

const MAX_TICKS: usize = 20;

/// Values to hover over.
const MAX_VALUES: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let cases: &[(f64, f64, f64, &[f64])] = &[
            (0.0, 10.0, 5.0, &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            (0.0, 0.42, 4.0, &[0.0, 0.2, 0.4]),
            (3.0, 17.0, 4.0, &[5.0, 10.0, 15.0]),
            (0.0, 21_000.0, 4.0, &[0.0, 10_000.0, 20_000.0]),
        ];
        for &(low, high, steps, expected) in cases {
            let ticks = ticks(low, high, steps);
            assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
            let near = ticks
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(near, "{ticks:?} instead of {expected:?}");
        }
    }

    fn plot(points: Vec<(f64, f64)>, logarithmic: bool) -> String {
        let plot = Plot {
            title: "a < b",
            unit: "ms",
            across: "s",
            logarithmic,
            lines: vec![Line {
                name: "line",
                points,
            }],
        };
        plot.svg()
    }

    #[test]
    fn a_line_goes_from_corner_to_corner() {
        let svg = plot(vec![(0.0, 0.0), (10.0, 10.0)], false);
        assert!(svg.contains("points=\"46.0,172.0 510.0,10.0\""), "{svg}");
        assert!(svg.contains("a &lt; b"), "{svg}");
        assert!(svg.contains("<title>line: 10.0 at 10.0</title>"), "{svg}");
        let decades = plot(vec![(0.1, 0.0), (1.0, 5.0), (10.0, 10.0)], true);
        assert!(
            decades.contains("points=\"46.0,172.0 278.0,91.0 510.0,10.0\""),
            "{decades}"
        );
    }

    #[test]
    fn nothing_and_nonsense_do_not_break_a_plot() {
        assert_eq!(plot(vec![], false), "");
        assert_eq!(plot(vec![(f64::NAN, f64::NAN)], false), "");
        assert_eq!(plot(vec![(0.0, 1.0)], true), "", "no logarithm of zero");
        for points in [
            vec![(5.0, 0.0)],
            vec![(5.0, 7.0), (5.0, 7.0)],
            vec![(1.0, f64::INFINITY), (2.0, 3.0)],
        ] {
            let svg = plot(points.clone(), false);
            assert!(svg.contains("<polyline"), "{points:?}");
            assert!(
                !svg.contains("NaN") && !svg.contains("inf"),
                "{points:?}: {svg}"
            );
        }
    }

    #[test]
    fn an_hour_of_seconds_has_few_values_to_hover_over() {
        let hour = (0..3_600).map(|second| (f64::from(second), 1.0)).collect();
        let svg = plot(hour, false);
        let values = svg.matches("<title>").count();
        assert!((60..=MAX_VALUES).contains(&values), "{values}");
    }
}
