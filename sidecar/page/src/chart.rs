//! Charts as inline SVG: a curve over two axes, and a histogram. Drawn here because a page without a script needs no
//! more, and each point's numbers stand in the report's JSON.

use crate::Html;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 42.0;

/// One axis of a chart: what is written on it, and from where to where it goes.
pub struct Axis<'a> {
    /// What is written along it.
    pub title: &'a str,
    /// The value at its beginning.
    pub from: f64,
    /// The value at its end.
    pub to: f64,
    /// The marks, in rising order.
    pub ticks: &'a [f64],
    /// Whether equal distances are equal factors.
    pub logarithmic: bool,
}

/// 0 to 1 in five steps.
pub const UNIT: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

impl Axis<'_> {
    /// An axis from 0 to 1.
    pub const fn unit(title: &str) -> Axis<'_> {
        Axis { title, from: 0.0, to: 1.0, ticks: &UNIT, logarithmic: false }
    }

    /// Where a value lies, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let (from, to) = (scale(self.from), scale(self.to));
        if to > from { ((scale(value) - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 }
    }
}

fn x(axis: &Axis<'_>, value: f64) -> f64 {
    LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)
}

fn y(axis: &Axis<'_>, value: f64) -> f64 {
    HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM)
}

/// A chart's frame: figure, accessible title and description, axes. `content` draws inside it.
fn figure(
    html: &mut Html,
    title: &str,
    description: &str,
    (across, up): (&Axis<'_>, &Axis<'_>),
    content: &mut dyn FnMut(&mut Html),
) {
    let id = html.0.len();
    html.raw(format_args!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"t{id} d{id}\"><title id=\"t{id}\">"
    ));
    html.text(title).raw(format_args!("</title><desc id=\"d{id}\">")).text(description).raw("</desc>\n");
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for &tick in up.ticks {
        let at = y(up, tick);
        html.raw(format_args!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>"));
        html.raw(format_args!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">", LEFT - 6.0, at + 4.0));
        html.text(&number(tick)).raw("</text>\n");
    }
    for &tick in across.ticks {
        let at = x(across, tick);
        html.raw(format_args!("<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>"));
        html.raw(format_args!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">", bottom + 16.0));
        html.text(&number(tick)).raw("</text>\n");
    }
    html.raw(format_args!("<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\n"));
    content(html);
    let middle = (LEFT + right) / 2.0;
    html.raw(format_args!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">", HEIGHT - 8.0));
    html.text(across.title).raw("</text>\n");
    let centre = (TOP + bottom) / 2.0;
    html.raw(format_args!("<text transform=\"translate(12 {centre}) rotate(-90)\" text-anchor=\"middle\">"));
    html.text(up.title).raw("</text>\n</svg><figcaption>").text(title).raw("</figcaption></figure>\n");
}

/// A curve through points in the order given. `marks` are points to point out, each with its words.
pub fn curve(
    html: &mut Html,
    title: &str,
    description: &str,
    axes: (&Axis<'_>, &Axis<'_>),
    points: &[(f64, f64)],
    marks: &[(f64, f64, String)],
) {
    figure(html, title, description, axes, &mut |html| {
        html.raw("<path class=\"curve\" d=\"");
        let mut last = (f64::NAN, f64::NAN);
        let mut command = 'M';
        for &(across, up) in points {
            let at = (x(axes.0, across), y(axes.1, up));
            // A thousand points within one pixel are one point.
            let moved = (at.0 - last.0).abs() >= 0.5 || (at.1 - last.1).abs() >= 0.5;
            if moved || last.0.is_nan() {
                html.raw(format_args!("{command}{:.1} {:.1}", at.0, at.1));
                (last, command) = (at, 'L');
            }
        }
        html.raw("\"/>\n");
        for (across, up, words) in marks {
            let (x, y) = (x(axes.0, *across), y(axes.1, *up));
            html.raw(format_args!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>"));
            html.text(words).raw("</title></circle>\n");
        }
    });
}

/// Two histograms over the range of scores, benign downwards from the middle line and attacks upwards, because what
/// matters is what a threshold between them cuts off on either side. Heights are logarithms: one in a million shows.
pub fn histogram(
    html: &mut Html,
    title: &str,
    description: &str,
    bins: &[(u64, u64)],
    threshold: Option<f64>,
) {
    let most = bins.iter().map(|&(benign, attack)| benign.max(attack)).max().unwrap_or(0);
    let height = |count: u64| (count as f64 + 1.0).ln() / (most as f64 + 1.0).ln().max(f64::MIN_POSITIVE);
    let across = Axis::unit("score");
    let up = Axis { title: "events, logarithmic", from: -1.0, to: 1.0, ticks: &[], logarithmic: false };
    figure(html, title, description, (&across, &up), &mut |html| {
        let width = (WIDTH - LEFT - RIGHT) / bins.len() as f64;
        let middle = y(&up, 0.0);
        html.raw(format_args!("<path class=\"axis\" d=\"M{LEFT} {middle}H{}\"/>", WIDTH - RIGHT));
        for (number, &(benign, attack)) in bins.iter().enumerate() {
            let left = LEFT + number as f64 * width;
            for (class, count) in [("attack", attack), ("benign", benign)] {
                if count == 0 {
                    continue;
                }
                let tall = height(count) * (middle - TOP);
                let top = if class == "attack" { middle - tall } else { middle };
                html.raw(format_args!(
                    "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>",
                    width - 1.0
                ));
                let (from, to) = (number as f64 / bins.len() as f64, (number + 1) as f64 / bins.len() as f64);
                html.text(&format!("{from:.2} to {to:.2}: {count} {class} events")).raw("</title></rect>\n");
            }
        }
        if let Some(threshold) = threshold {
            let at = x(&across, threshold);
            html.raw(format_args!("<path class=\"mark\" d=\"M{at:.1} {TOP}V{}\"/>\n", HEIGHT - BOTTOM));
        }
        for (class, at) in [("attacks", TOP + 12.0), ("benign", HEIGHT - BOTTOM - 6.0)] {
            html.raw(format_args!("<text x=\"{}\" y=\"{at}\">", LEFT + 6.0)).text(class).raw("</text>\n");
        }
    });
}

/// One of a row of bars.
pub struct Bar {
    /// Its class in the style sheet.
    pub class: &'static str,
    /// Its number, 0 or more.
    pub value: f64,
    /// Its words.
    pub words: String,
}

/// Rows of bars, one behind the other: what each row is of, and its bars from the longest to the shortest. Lengths are
/// logarithms: what is left of thirty thousand shows beside them.
pub fn bars(html: &mut Html, title: &str, description: &str, rows: &[(String, Vec<Bar>)]) {
    const ROW: f64 = 40.0;
    const BAR: f64 = 16.0;
    let most = rows.iter().flat_map(|(_, bars)| bars.iter().map(|bar| bar.value)).fold(1.0, f64::max);
    let long = |number: f64| (number.max(0.0) + 1.0).ln() / (most + 1.0).ln() * (WIDTH - 2.0);
    let (id, height) = (html.0.len(), rows.len() as f64 * ROW);
    html.raw(format_args!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"t{id} d{id}\"><title id=\"t{id}\">"
    ));
    html.text(title).raw(format_args!("</title><desc id=\"d{id}\">")).text(description).raw("</desc>\n");
    for (number, (label, bars)) in rows.iter().enumerate() {
        let top = number as f64 * ROW;
        html.raw(format_args!("<text x=\"1\" y=\"{:.1}\">", top + 13.0)).text(label).raw("</text>\n");
        for Bar { class, value, words } in bars {
            html.raw(format_args!(
                "<rect class=\"{class}\" x=\"1\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BAR}\"><title>",
                top + 18.0,
                long(*value)
            ));
            html.text(words).raw("</title></rect>\n");
        }
    }
    html.raw("</svg><figcaption>").text(title).raw("</figcaption></figure>\n");
}

/// A tick as short as it can be.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_place_values() {
        let linear = Axis::unit("x");
        assert_eq!([-1.0, 0.0, 0.25, 1.0, 9.0].map(|value| linear.place(value)), [0.0, 0.0, 0.25, 1.0, 1.0]);
        let factors = Axis { from: 0.01, to: 100.0, logarithmic: true, ..Axis::unit("x") };
        assert!((factors.place(1.0) - 0.5).abs() < 1e-9 && factors.place(0.0) == 0.0);
        assert_eq!(Axis { from: 1.0, to: 1.0, ..Axis::unit("x") }.place(1.0), 0.0);
        assert_eq!([0.2, 1.0, 30.0, 0.001].map(number), ["0.2", "1", "30", "0.001"]);
    }

    #[test]
    fn bars_are_as_long_as_their_numbers_logarithms() {
        let mut html = Html::default();
        let row = |name: &str, all, left| {
            let bar = |class, value, words: &str| Bar { class, value, words: words.to_owned() };
            (name.to_owned(), vec![bar("hidden", all, "all"), bar("benign", left, "left")])
        };
        bars(&mut html, "t", "d", &[row("<a>", 1023.0, 31.0), row("b", 0.0, 0.0)]);
        let widths: Vec<_> =
            html.0.split("width=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(widths, ["478.0", "239.0", "0.0", "0.0"]);
        assert!(html.0.contains("&lt;a&gt;") && !html.0.contains("<a>"));
    }

    #[test]
    fn points_of_one_pixel_are_drawn_once() {
        let mut html = Html::default();
        let points: Vec<_> = (0..100_000).map(|n| (f64::from(n) / 1e5, 1.0 - f64::from(n) / 1e5)).collect();
        curve(&mut html, "t", "d", (&Axis::unit("x"), &Axis::unit("y")), &points, &[]);
        let drawn = html.0.matches('L').count();
        assert!((400..2_000).contains(&drawn), "{drawn}");
    }
}
