//! The pictures of the chart module, drawn on paper: the marks of its SVG text, one for one.
//!
//! Constraints first:
//! - This reads what `look::chart` writes and nothing else: boxes, circles, paths of straight lines, texts, four patterns,
//!   presentation attributes. A word it does not know is an error that a test would meet, never a mark left out silently.
//! - A translucent area is drawn in the colour it has on white: printing needs no transparency.

use std::collections::BTreeMap;

use crate::DocumentError;
use crate::font::Face;
use crate::paper::{Align, Colour, Mark, Paint, Pattern, Step, Style, circle, rect, text};

/// A picture and its size in points at a scale of 1.
pub(crate) struct Picture {
    pub(crate) width: f32,
    pub(crate) height: f32,
    elements: Vec<Element>,
    patterns: BTreeMap<String, Paint>,
}

struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    words: String,
}

impl Element {
    fn number(&self, name: &str) -> Result<f32, DocumentError> {
        let value = self.attributes.get(name).map_or("0", String::as_str);
        value.parse().map_err(|_| DocumentError::Picture(format!("{}: {name}=\"{value}\"", self.name)))
    }

    fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

impl Picture {
    /// Reads a picture.
    pub(crate) fn read(svg: &str) -> Result<Self, DocumentError> {
        let mut picture = Self { width: 0.0, height: 0.0, elements: Vec::new(), patterns: BTreeMap::new() };
        let mut pattern: Option<(String, Vec<Element>)> = None;
        let mut rest = svg;
        while let Some(at) = rest.find('<') {
            let Some(end) = rest.get(at..).and_then(|r| r.find('>')).map(|e| at + e) else { break };
            let tag = rest.get(at + 1..end).unwrap_or_default();
            rest = rest.get(end + 1..).unwrap_or_default();
            let words = rest.split('<').next().unwrap_or_default();
            if let Some(closed) = tag.strip_prefix('/') {
                if closed == "pattern"
                    && let Some((id, inner)) = pattern.take()
                {
                    picture.patterns.insert(id, pattern_of(&inner)?);
                }
                continue;
            }
            let element = element(tag, words)?;
            match (element.name.as_str(), &mut pattern) {
                ("svg", _) => {
                    picture.width = element.number("width")?;
                    picture.height = element.number("height")?;
                }
                ("title" | "desc" | "defs" | "g" | "a", _) => {}
                ("pattern", _) => pattern = Some((element.get("id").to_owned(), Vec::new())),
                (_, Some((_, inner))) => inner.push(element),
                ("rect" | "path" | "circle" | "text", None) => picture.elements.push(element),
                (other, None) => return Err(DocumentError::Picture(format!("<{other}>"))),
            }
        }
        Ok(picture)
    }

    /// The marks with the picture's corner at `(x, y)`.
    pub(crate) fn marks(&self, x: f32, y: f32, scale: f32) -> Result<Vec<Mark>, DocumentError> {
        let mut out = Vec::new();
        for element in &self.elements {
            let at = |dx: f32, dy: f32| (x + dx * scale, y + dy * scale);
            let number = |name: &str| element.number(name);
            let path = match element.name.as_str() {
                "rect" => {
                    let (left, top) = at(number("x")?, number("y")?);
                    rect(left, top, number("width")? * scale, number("height")? * scale)
                }
                "circle" => {
                    let (cx, cy) = at(number("cx")?, number("cy")?);
                    circle(cx, cy, number("r")? * scale)
                }
                "path" => path(element.get("d"), at)?,
                _ => {
                    let (left, base) = at(number("x")?, number("y")?);
                    let face =
                        if matches!(element.get("font-weight"), "600" | "700") { Face::Bold } else { Face::Regular };
                    let style =
                        Style { size: number("font-size")? * scale, face, colour: colour(element.get("fill"))? };
                    let align = match element.get("text-anchor") {
                        "middle" => Align::Centre,
                        "end" => Align::Right,
                        _ => Align::Left,
                    };
                    out.push(text(left, base, align, style, &unescaped(&element.words)));
                    continue;
                }
            };
            if let Some(paint) = self.paint(element)? {
                out.push(Mark::Fill(path.clone(), paint));
            }
            if !matches!(element.get("stroke"), "" | "none") {
                let stroke = seen(colour(element.get("stroke"))?, element.get("stroke-opacity"));
                let width = if element.get("stroke-width").is_empty() { 1.0 } else { number("stroke-width")? };
                let dash = element.get("stroke-dasharray").split_once(' ');
                let dash =
                    dash.and_then(|(a, b)| Some((a.parse::<f32>().ok()? * scale, b.parse::<f32>().ok()? * scale)));
                out.push(Mark::Stroke(path, stroke, width * scale, dash));
            }
        }
        Ok(out)
    }

    fn paint(&self, element: &Element) -> Result<Option<Paint>, DocumentError> {
        let fill = element.get("fill");
        if matches!(fill, "" | "none") {
            return Ok(None);
        }
        if let Some(id) = fill.strip_prefix("url(#").and_then(|f| f.strip_suffix(')')) {
            let paint = self.patterns.get(id).copied();
            return paint.map(Some).ok_or_else(|| DocumentError::Picture(format!("the pattern {id} is missing")));
        }
        Ok(Some(Paint::Plain(seen(colour(fill)?, element.get("fill-opacity")))))
    }
}

/// What a pattern of the chart module is, by the marks in it.
fn pattern_of(inner: &[Element]) -> Result<Paint, DocumentError> {
    let ground = inner.iter().find(|e| e.name == "rect").map_or("", |e| e.get("fill"));
    if inner.iter().any(|e| e.name == "circle") {
        return Ok(Paint::Pattern(Pattern::Dots, colour(ground)?));
    }
    let lines = inner.iter().find(|e| e.name == "path");
    let (d, stroke) = lines.map_or(("", ""), |e| (e.get("d"), e.get("stroke")));
    Ok(match (d, stroke) {
        (_, "#FFFFFF") => Paint::Pattern(Pattern::Stripes, colour(ground)?),
        (d, _) if d.contains('L') => Paint::Pattern(Pattern::Cross, colour(ground)?),
        (_, stroke) => Paint::Pattern(Pattern::Hatch, colour(stroke)?),
    })
}

/// The colour of something translucent on white.
fn seen(colour: Colour, opacity: &str) -> Colour {
    let Ok(opacity) = opacity.parse::<f32>() else { return colour };
    [16, 8, 0].iter().fold(0, |all, shift| {
        let part = (colour >> shift & 0xff) as f32;
        let mixed = (part * opacity + 255.0 * (1.0 - opacity)).round().clamp(0.0, 255.0) as u32;
        all | mixed << shift
    })
}

fn colour(text: &str) -> Result<Colour, DocumentError> {
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6);
    digits
        .and_then(|d| u32::from_str_radix(d, 16).ok())
        .ok_or_else(|| DocumentError::Picture(format!("the colour `{text}`")))
}

fn element(tag: &str, words: &str) -> Result<Element, DocumentError> {
    let tag = tag.trim_end_matches('/');
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes = BTreeMap::new();
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, after) =
            after.split_once('"').ok_or_else(|| DocumentError::Picture(format!("an attribute of <{name}>")))?;
        attributes.insert(key.trim().to_owned(), value.to_owned());
        rest = after;
    }
    Ok(Element { name: name.to_owned(), attributes, words: words.to_owned() })
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

/// A path of `M L H V Z` in absolute numbers.
fn path(d: &str, at: impl Fn(f32, f32) -> (f32, f32)) -> Result<Vec<Step>, DocumentError> {
    let bad = || DocumentError::Picture(format!("the path `{d}`"));
    let mut out = Vec::new();
    let (mut x, mut y) = (0.0_f32, 0.0_f32);
    let mut rest = d.trim();
    while let Some(command) = rest.chars().next() {
        let after = rest.get(command.len_utf8()..).unwrap_or_default();
        let end = after.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (numbers, next) = after.split_at(end);
        let numbers: Vec<f32> = numbers
            .split([' ', ','])
            .filter(|n| !n.is_empty())
            .map(|n| n.parse().map_err(|_| bad()))
            .collect::<Result<_, _>>()?;
        match (command, numbers.as_slice()) {
            ('M' | 'L', pairs) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => {
                for (i, pair) in pairs.chunks(2).enumerate() {
                    (x, y) = (pair[0], pair[1]);
                    let (px, py) = at(x, y);
                    out.push(if command == 'M' && i == 0 { Step::To(px, py) } else { Step::Line(px, py) });
                }
            }
            ('H', [to]) => {
                x = *to;
                let (px, py) = at(x, y);
                out.push(Step::Line(px, py));
            }
            ('V', [to]) => {
                y = *to;
                let (px, py) = at(x, y);
                out.push(Step::Line(px, py));
            }
            ('Z' | 'z', []) => out.push(Step::Close),
            _ => return Err(bad()),
        }
        rest = next.trim_start();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_an_error() {
        let wrap = |inner: &str| format!("<svg width=\"10\" height=\"10\">{inner}</svg>");
        for bad in
            ["<ellipse rx=\"2\"/>", "<path d=\"M0 0A1 1\" fill=\"#000000\"/>", "<rect width=\"x\" fill=\"#000000\"/>"]
        {
            let outcome = Picture::read(&wrap(bad)).and_then(|p| p.marks(0.0, 0.0, 1.0).map(|m| m.len()));
            assert!(outcome.is_err(), "{bad}");
        }
    }

    #[test]
    fn marks_keep_their_places_and_colours() {
        let svg = "<svg width=\"100\" height=\"50\"><defs><pattern id=\"p-u\" width=\"6\"><rect width=\"6\" fill=\"#F3F1EB\"/>\
                   <path d=\"M1.5 0V6\" stroke=\"#8A8F98\"/></pattern></defs><rect x=\"10\" y=\"5\" width=\"20\" height=\"8\" \
                   fill=\"url(#p-u)\"><title>a</title></rect><text x=\"4\" y=\"9\" font-size=\"12\" text-anchor=\"start\" \
                   fill=\"#16324F\">a &amp; b</text></svg>";
        let marks = Picture::read(svg).and_then(|p| p.marks(100.0, 200.0, 0.5)).expect("a picture");
        assert_eq!(marks[0], Mark::Fill(rect(105.0, 202.5, 10.0, 4.0), Paint::Pattern(Pattern::Hatch, 0x8A8F98)));
        assert!(
            matches!(&marks[1], Mark::Text { text, size, .. } if text == "a & b" && *size == 6.0),
            "{:?}",
            marks[1]
        );
    }
}
