//! Control chart: means (or single values) above, ranges (or moving ranges) below, with centre lines and control limits.
//!
//! A point that broke a rule is a red diamond, every other a small dot: the shape says it without the colour. Points that follow each
//! other are joined; where something may have been missed the line breaks and a dashed rule stands. Control limits are computed
//! (teal, dashed), specification limits stated (amber, dotted) and drawn only where they are near. Without limits there are only points.

use super::{AMBER, INK, LABEL, RED, RULE, Svg, TEAL, Width, xy};

/// A point of both panels.
#[derive(Clone, Debug)]
pub struct Point {
    /// When, in words.
    pub time: String,
    /// Mean or value.
    pub centre: f64,
    /// Range; none where there is no neighbour.
    pub range: Option<f64>,
    /// Nothing was missed since the point before.
    pub follows: bool,
    /// Its mean or value broke a rule.
    pub is_marked: bool,
    /// Its range is beyond the limits.
    pub is_range_marked: bool,
}

/// Everything drawn.
#[derive(Clone, Debug)]
pub struct Control {
    /// Title.
    pub title: String,
    /// What it says, in words.
    pub words: String,
    /// Names of the panels.
    pub panels: [String; 2],
    /// The points in order.
    pub points: Vec<Point>,
    /// Lower limit, centre, upper limit of the upper panel.
    pub location: Option<[f64; 3]>,
    /// The same of the lower panel.
    pub range: Option<[f64; 3]>,
    /// Specification limits.
    pub specification: [Option<f64>; 2],
}

/// More points than these are drawn without dots: only what broke a rule is a mark of its own.
const DOTS_MAX: usize = 120;

/// A rule across a panel.
struct Level {
    name: &'static str,
    at: f64,
    stroke: &'static str,
    dash: &'static str,
}

/// One panel: where it lies, what it shows.
struct Panel<'a> {
    title: &'a str,
    top: f64,
    height: f64,
    /// Value and mark of each point; none where the panel has no value.
    values: Vec<Option<(f64, bool)>>,
    levels: Vec<Level>,
}

/// Draws both panels.
#[must_use]
pub fn svg(id: &str, control: &Control, width: Width) -> String {
    let wide = width == Width::Wide;
    let (upper, lower) = if wide { (190.0, 100.0) } else { (170.0, 90.0) };
    let (head, between, foot) = (22.0, 34.0, 24.0);
    let height = head + upper + between + lower + foot;
    let id = format!("{id}-{}", if wide { "w" } else { "n" });
    let mut svg = Svg::new(&id, width.units(), height as i64, "control", &control.title, &control.words);
    let limits = |l: Option<[f64; 3]>, names: [&'static str; 3]| -> Vec<Level> {
        let each = l.into_iter().flat_map(|l| names.into_iter().zip(l));
        let centre = names[1];
        each.map(|(name, at)| Level { name, at, stroke: TEAL, dash: if name == centre { "" } else { "5 4" } }).collect()
    };
    let mut levels = limits(control.location, ["LCL", "CL", "UCL"]);
    let values: Vec<Option<(f64, bool)>> = control.points.iter().map(|p| Some((p.centre, p.is_marked))).collect();
    levels.extend(specification(control, &levels));
    let ranges: Vec<Option<(f64, bool)>> = control.points.iter().map(|p| Some((p.range?, p.is_range_marked))).collect();
    let range = limits(control.range, ["LCL", "CL", "UCL"]);
    let [first, second] = &control.panels;
    // A lower limit of zero is the axis itself.
    let range = range.into_iter().filter(|l| l.at > 0.0).collect();
    panel(&mut svg, control, &Panel { title: first, top: head, height: upper, values, levels }, width);
    let top = head + upper + between;
    panel(&mut svg, control, &Panel { title: second, top, height: lower, values: ranges, levels: range }, width);
    let (left, right) = sides(width);
    let ends = [control.points.first(), control.points.last().filter(|_| control.points.len() > 1)];
    for (point, (x, anchor)) in ends.into_iter().zip([(left, "start"), (width.units() as f64 - right, "end")]) {
        if let Some(point) = point {
            svg.text(x, height - 6.0, 12, anchor, LABEL, &point.time);
        }
    }
    svg.finish()
}

/// Room beside the panels.
const fn sides(width: Width) -> (f64, f64) {
    match width {
        Width::Wide => (8.0, 118.0),
        Width::Narrow => (2.0, 68.0),
    }
}

/// Specification limits that lie near enough to be drawn without flattening everything else.
fn specification(control: &Control, levels: &[Level]) -> Vec<Level> {
    let shown = control.points.iter().map(|p| p.centre).chain(levels.iter().map(|l| l.at));
    let (low, high) = shown.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let reach = (high - low) * 0.6;
    let [lsl, usl] = control.specification;
    let named = [("LSL", lsl), ("USL", usl)].into_iter().filter_map(|(name, at)| Some((name, at?)));
    let near = named.filter(|(_, at)| low - reach <= *at && *at <= high + reach);
    near.map(|(name, at)| Level { name, at, stroke: AMBER, dash: "1.5 3" }).collect()
}

fn panel(svg: &mut Svg, control: &Control, p: &Panel<'_>, width: Width) {
    let wide = width == Width::Wide;
    let (left, right) = sides(width);
    let units = width.units() as f64;
    let shown = p.values.iter().flatten().map(|v| v.0).chain(p.levels.iter().map(|l| l.at));
    let (low, high) = shown.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
    let span = if high > low { high - low } else { high.abs().max(1.0) * 0.1 };
    let pad = span * 0.08;
    let (low, high) = (low - pad, high + pad);
    let y = |v: f64| p.top + p.height * (high - v) / (high - low).max(f64::MIN_POSITIVE);
    let step = (units - left - right) / p.values.len().max(1) as f64;
    let x = |i: usize| left + (i as f64 + 0.5) * step;
    let places = places(span);
    svg.text_weight(left, p.top - 8.0, 13, "start", INK, "600", p.title);
    for edge in [p.top, p.top + p.height] {
        svg.line((left, edge), (units - right, edge), RULE, 1.0, "");
    }
    let mut taken: Vec<f64> = Vec::new();
    for level in &p.levels {
        let at = y(level.at);
        let dash = if level.dash.is_empty() { String::new() } else { format!("stroke-dasharray=\"{}\"", level.dash) };
        svg.line((left, at), (units - right, at), level.stroke, if level.dash.is_empty() { 1.0 } else { 1.3 }, &dash);
        let label = format!("{} {:.places$}", level.name, level.at);
        // Labels that would touch step aside.
        let mut place = at + 4.0;
        while taken.iter().any(|t| (t - place).abs() < 12.0) {
            place += 12.0;
        }
        taken.push(place);
        svg.text(units - right + 6.0, place, if wide { 12 } else { 10 }, "start", level.stroke, &label);
    }
    let mut path = String::new();
    let mut pen_down = false;
    for (i, (value, point)) in p.values.iter().zip(&control.points).enumerate() {
        if i > 0 && !point.follows {
            let at = x(i) - step / 2.0;
            svg.line((at, p.top + 2.0), (at, p.top + p.height - 2.0), LABEL, 0.8, "stroke-dasharray=\"2 3\"");
        }
        let Some((v, _)) = value else {
            pen_down = false;
            continue;
        };
        let is_joined = pen_down && point.follows;
        path.push_str(&format!("{}{} {}", if is_joined { "L" } else { "M" }, xy(x(i)), xy(y(*v))));
        pen_down = true;
    }
    svg.raw(&format!(
        "<path d=\"{path}\" fill=\"none\" stroke=\"{INK}\" stroke-width=\"1.1\" stroke-linejoin=\"round\"/>"
    ));
    let with_dots = p.values.len() <= DOTS_MAX;
    for (i, (value, point)) in p.values.iter().zip(&control.points).enumerate() {
        let Some((v, is_marked)) = value else { continue };
        let (cx, cy) = (x(i), y(*v));
        let words = super::esc(&format!("{} · {v:.places$}", point.time));
        if *is_marked {
            let r = 5.0;
            svg.raw(&format!(
                "<path d=\"M{} {}L{} {}L{} {}L{} {}Z\" fill=\"{RED}\" stroke=\"#FFFFFF\" stroke-width=\"0.8\"><title>{words}</title></path>",
                xy(cx),
                xy(cy - r),
                xy(cx + r),
                xy(cy),
                xy(cx),
                xy(cy + r),
                xy(cx - r),
                xy(cy)
            ));
        } else if with_dots {
            let r = if step < 5.0 { 1.5 } else { 2.4 };
            svg.raw(&format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"{r}\" fill=\"{INK}\"><title>{words}</title></circle>",
                xy(cx),
                xy(cy)
            ));
        }
    }
}

/// Decimals that tell about a hundredth of a span apart.
fn places(span: f64) -> usize {
    let mut places = 0;
    let mut unit = span / 50.0;
    while unit < 1.0 && places < 6 {
        unit *= 10.0;
        places += 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(points: Vec<Point>) -> Control {
        Control {
            title: "t".into(),
            words: "w".into(),
            panels: ["X̄".into(), "R".into()],
            points,
            location: Some([19.95, 20.0, 20.05]),
            range: Some([0.0, 0.02, 0.04]),
            specification: [Some(19.9), Some(30.0)],
        }
    }

    fn point(centre: f64, follows: bool, is_marked: bool) -> Point {
        Point { time: "1".into(), centre, range: follows.then_some(0.01), follows, is_marked, is_range_marked: false }
    }

    #[test]
    fn what_broke_a_rule_has_another_shape_and_a_miss_breaks_the_line() {
        let points = vec![point(20.0, false, false), point(20.06, true, true), point(20.0, false, false)];
        for width in [Width::Wide, Width::Narrow] {
            let svg = svg("c", &control(points.clone()), width);
            assert_eq!(svg.matches("<circle").count(), 3, "two values and one range: {svg}");
            assert_eq!(svg.matches("Z\" fill=\"#B3261E\"").count(), 1, "{svg}");
            assert_eq!(svg.matches("stroke-dasharray=\"2 3\"").count(), 2, "the miss, in both panels: {svg}");
            assert!(svg.contains(">LSL 19.900") && !svg.contains(">USL"), "a limit far away is not drawn: {svg}");
            assert!(svg.contains("UCL 20.050") && svg.matches("LCL").count() == 1, "{svg}");
        }
    }

    #[test]
    fn nothing_and_one_value_are_drawn_without_limits() {
        for points in [vec![], vec![point(5.0, false, false)]] {
            let bare = Control { location: None, range: None, specification: [None, None], ..control(points) };
            let svg = svg("c", &bare, Width::Narrow);
            assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("CL"), "{svg}");
        }
    }
}
