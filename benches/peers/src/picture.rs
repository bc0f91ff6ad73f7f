//! The outcomes as bars.

use std::fmt::Write as _;

use crate::bulk::{Line, Outcome};

const WIDTH: f64 = 720.0;
const NAMES: f64 = 220.0;
const LINE: f64 = 22.0;

/// An SVG: a heading for each task, and a bar for each ratio, with the middle half of the rounds as a stroke on it.
pub fn draw(outcomes: &[Outcome]) -> String {
    let mut body = String::new();
    let mut y = LINE;
    for outcome in outcomes {
        let _ = writeln!(
            body,
            r#"<text x="8" y="{y}" font-weight="bold">{}</text>"#,
            outcome.task
        );
        let longest = outcome.lines.iter().map(|line| line.ratios[2]);
        let unit = (WIDTH - NAMES - 80.0) / longest.fold(1.0, f64::max);
        for line in &outcome.lines {
            y += LINE;
            bar(&mut body, line, y, unit);
        }
        y += 2.0 * LINE;
    }
    let height = y - LINE;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
{body}</svg>
"##
    )
}

fn bar(body: &mut String, line: &Line, y: f64, unit: f64) {
    let [low, ratio, high] = line.ratios.map(|ratio| ratio * unit);
    let color = if line.name.starts_with("upsert") {
        "#d2691e"
    } else {
        "#8fa8bf"
    };
    let (top, middle, names, number) = (y - 13.0, y - 5.0, NAMES - 8.0, NAMES + high + 8.0);
    let (from, to) = (NAMES + low, NAMES + high);
    let _ = writeln!(
        body,
        r##"<text x="{names}" y="{y}" text-anchor="end">{}</text>
<rect x="{NAMES}" y="{top}" width="{ratio:.1}" height="16" fill="{color}"/>
<path d="M{from:.1} {middle}H{to:.1}" stroke="#333333"/>
<text x="{number:.1}" y="{y}">{:.2}</text>"##,
        line.name, line.ratios[1]
    );
}
