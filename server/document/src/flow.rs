//! Setting paragraphs, headings, tables and pictures onto pages, top to bottom.
//!
//! Constraints first:
//! - Nothing runs out of the text area: what does not fit goes to the next page, a row taller than a page is continued, and
//!   a table repeats its head. Tests measure every mark of every page.
//! - A heading is never the last thing on a page.
//! - Same input, same pages: no measure depends on anything but the faces.

mod table;

pub(crate) use table::{Cell, Column, Row};

use crate::DocumentError;
use crate::font::{Face, shown};
use crate::lines::broken;
use crate::paper::{
    Align, BOTTOM, Colour, LEFT, MEASURE, Mark, Page, Paint, RIGHT, Style, TOP, WIDTH, line, rect, text,
};
use crate::svg::Picture;

/// Deep ink: measured values, headings.
pub(crate) const INK: Colour = 0x16324F;
/// Computed values.
pub(crate) const TEAL: Colour = 0x1F7A74;
/// Stated by a person.
pub(crate) const AMBER: Colour = 0x8A5A12;
/// Refused; a simulated site.
pub(crate) const RED: Colour = 0xB3261E;
/// Labels.
pub(crate) const LABEL: Colour = 0x5A6472;
/// Hairlines.
pub(crate) const RULE: Colour = 0xC9C3B4;
/// Running text.
pub(crate) const TEXT: Colour = 0x22272E;

/// Running text.
pub(crate) const BODY: Style = Style { size: 9.5, face: Face::Regular, colour: TEXT };
/// Notes.
pub(crate) const NOTE: Style = Style { size: 8.0, face: Face::Regular, colour: LABEL };
/// Cells of tables.
pub(crate) const CELL: Style = Style { size: 8.0, face: Face::Regular, colour: TEXT };
/// Second line of a cell.
pub(crate) const FINE: Style = Style { size: 6.8, face: Face::Regular, colour: LABEL };

impl Style {
    pub(crate) const fn bold(self) -> Self {
        Self { face: Face::Bold, ..self }
    }

    pub(crate) const fn ink(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }
}

/// A heading that stands in the contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// 1 for chapters, 2 for the machines, which have entries of their own.
    pub(crate) level: u8,
    pub(crate) title: String,
    /// Page, from 0.
    pub(crate) page: usize,
}

/// Pages under construction.
#[derive(Default)]
pub(crate) struct Flow {
    pub(crate) pages: Vec<Page>,
    pub(crate) headings: Vec<Heading>,
    y: f32,
}

impl Flow {
    /// Begins a page.
    pub(crate) fn page(&mut self) {
        self.pages.push(Page::default());
        self.y = TOP;
    }

    /// Where the next thing stands.
    pub(crate) fn y(&self) -> f32 {
        self.y
    }

    /// Moves down, at most to the end of the page.
    pub(crate) fn gap(&mut self, height: f32) {
        self.y = (self.y + height).min(BOTTOM);
    }

    /// Begins a page unless so much of this one is left.
    pub(crate) fn need(&mut self, height: f32) {
        if self.pages.is_empty() || (self.y + height > BOTTOM && self.y > TOP) {
            self.page();
        }
    }

    /// Puts marks where they say.
    pub(crate) fn put(&mut self, marks: impl IntoIterator<Item = Mark>) {
        if self.pages.is_empty() {
            self.page();
        }
        if let Some(page) = self.pages.last_mut() {
            page.body.extend(marks);
        }
    }

    /// A chapter's heading on a page of its own or in the flow.
    pub(crate) fn chapter(&mut self, title: &str, own_page: bool) {
        if own_page && self.y > TOP {
            self.page();
        }
        self.need(150.0);
        if self.y > TOP {
            self.gap(16.0);
        }
        self.mark(1, title);
        let style = Style { size: 15.0, face: Face::Bold, colour: INK };
        for words in broken(&shown(title), style.face, style.size, MEASURE) {
            self.y += 17.0;
            self.put([text(LEFT, self.y, Align::Left, style, &words)]);
        }
        let y = self.y + 7.0;
        self.put([
            line((LEFT, y), (LEFT + MEASURE, y), INK, 1.1),
            line((LEFT, y + 2.2), (LEFT + MEASURE, y + 2.2), INK, 0.35),
        ]);
        self.y = y + 12.0;
    }

    /// A heading inside a chapter that stands in the contents too.
    pub(crate) fn entry(&mut self, title: &str) {
        self.need(90.0);
        self.mark(2, title);
        self.part(title);
    }

    /// A heading inside a chapter.
    pub(crate) fn part(&mut self, title: &str) {
        self.need(90.0);
        if self.y > TOP {
            self.gap(9.0);
        }
        self.put([Mark::Fill(rect(LEFT, self.y + 2.0, 2.6, 10.5), Paint::Plain(TEAL))]);
        let style = Style { size: 11.0, face: Face::Bold, colour: INK };
        for words in broken(&shown(title), style.face, style.size, MEASURE - 10.0) {
            self.y += 11.5;
            self.put([text(LEFT + 9.0, self.y, Align::Left, style, &words)]);
            self.y += 3.0;
        }
        self.y += 5.0;
    }

    fn mark(&mut self, level: u8, title: &str) {
        let page = self.pages.len().saturating_sub(1);
        self.headings.push(Heading { level, title: title.to_owned(), page });
    }

    /// A paragraph.
    pub(crate) fn words(&mut self, style: Style, words: &str) {
        self.indented(0.0, style, words);
    }

    /// A paragraph set in from the left.
    pub(crate) fn indented(&mut self, indent: f32, style: Style, words: &str) {
        let leading = style.size * 1.6;
        for words in broken(&shown(words), style.face, style.size, MEASURE - indent) {
            self.need(leading);
            self.y += leading;
            self.put([text(LEFT + indent, self.y - leading * 0.3, Align::Left, style, &words)]);
        }
        self.y += style.size * 0.35;
    }

    /// A numbered paragraph: the number hangs.
    pub(crate) fn item(&mut self, number: &str, style: Style, words: &str) {
        self.need(style.size * 1.6);
        let y = self.y + style.size * 1.6 * 0.7;
        self.put([text(LEFT, y, Align::Left, style.bold().ink(INK), number)]);
        self.indented(16.0, style, words);
    }

    /// Pictures side by side, each with its caption; one below the other where they would be too small to read.
    pub(crate) fn pictures(&mut self, pictures: &[(String, String)], scale: f32) -> Result<(), DocumentError> {
        const GUTTER: f32 = 16.0;
        let room = (MEASURE - GUTTER * pictures.len().saturating_sub(1) as f32) / pictures.len().max(1) as f32;
        let read: Vec<Picture> = pictures.iter().map(|(svg, _)| Picture::read(svg)).collect::<Result<_, _>>()?;
        let widest = read.iter().map(|p| p.width).fold(1.0, f32::max);
        let fitting = scale.min(room / widest);
        if fitting < scale * 0.7 || pictures.len() < 2 {
            for (svg, caption) in pictures {
                self.picture(svg, caption, scale)?;
            }
            return Ok(());
        }
        let style = FINE.ink(INK).bold();
        let captions: Vec<Vec<String>> =
            pictures.iter().map(|(_, caption)| broken(&shown(caption), style.face, style.size, room)).collect();
        let head = captions.iter().map(Vec::len).max().unwrap_or(0) as f32 * style.size * 1.5 + 4.0;
        let tallest = read.iter().map(|p| p.height).fold(0.0, f32::max) * fitting;
        self.need(head + tallest + 8.0);
        let top = self.y;
        for (i, (picture, caption)) in read.iter().zip(&captions).enumerate() {
            let x = LEFT + i as f32 * (room + GUTTER);
            for (row, words) in caption.iter().enumerate() {
                let y = top + (row as f32 + 1.0) * style.size * 1.5;
                self.put([text(x, y, Align::Left, style, words)]);
            }
            let marks = picture.marks(x, top + head, fitting)?;
            self.put(marks);
        }
        self.gap(head + tallest + 8.0);
        Ok(())
    }

    /// A picture of the chart module, as wide as the text or as `width`, with its caption.
    pub(crate) fn picture(&mut self, svg: &str, caption: &str, scale: f32) -> Result<(), DocumentError> {
        let picture = Picture::read(svg)?;
        if picture.width <= 0.0 || picture.height <= 0.0 {
            return Ok(());
        }
        let room = BOTTOM - TOP - 30.0;
        let scale = scale.min(MEASURE / picture.width).min(room / picture.height);
        self.need(picture.height * scale + 24.0);
        self.words(FINE.ink(INK).bold(), caption);
        let marks = picture.marks(LEFT, self.y, scale)?;
        self.put(marks);
        self.gap(picture.height * scale + 6.0);
        Ok(())
    }

    /// How many lines of a picture's height fit on an empty page at a scale.
    pub(crate) fn capacity(height: f32, scale: f32) -> usize {
        ((BOTTOM - TOP - 60.0) / (height * scale)).floor().max(1.0) as usize
    }
}

/// Header and footer of every page but the cover, whose header is its title.
pub(crate) struct Frame<'a> {
    pub(crate) title: &'a str,
    /// What stands at the right of the header.
    pub(crate) number: &'a str,
    /// `模拟数据 SIMULATED`, or nothing.
    pub(crate) simulated: Option<&'a str>,
    pub(crate) notice: &'a str,
    /// `check code {}`.
    pub(crate) code_label: &'a str,
    /// `page {x} of {y}`.
    pub(crate) of: &'a dyn Fn(usize, usize) -> String,
}

impl Frame<'_> {
    /// Draws header and footer.
    pub(crate) fn draw(&self, pages: &mut [Page], codes: &[String]) {
        let total = pages.len();
        for (i, page) in pages.iter_mut().enumerate() {
            let right = WIDTH - RIGHT;
            let mut marks = Vec::new();
            if i > 0 {
                marks.push(text(LEFT, 49.0, Align::Left, NOTE, &fitted(self.title, NOTE, MEASURE * 0.64)));
                marks.push(text(right, 49.0, Align::Right, FINE, self.number));
                marks.push(line((LEFT, 55.0), (right, 55.0), RULE, 0.5));
            }
            if let Some(words) = self.simulated {
                let style = Style { size: 9.0, face: Face::Bold, colour: RED };
                let width = style.face.width(&shown(words), style.size) + 12.0;
                let (x, y) = (LEFT + MEASURE / 2.0 - width / 2.0, 22.0);
                marks.push(Mark::Stroke(rect(x, y, width, 15.0), RED, 0.8, None));
                marks.push(text(x + 6.0, y + 11.0, Align::Left, style, words));
            }
            marks.push(line((LEFT, 784.0), (right, 784.0), RULE, 0.5));
            let code = codes.get(i).map_or("", String::as_str);
            let strong = NOTE.bold().ink(INK);
            let label = format!("{} ", self.code_label);
            let from = LEFT + NOTE.face.width(&shown(&label), NOTE.size);
            marks.push(text(LEFT, 795.0, Align::Left, NOTE, &label));
            marks.push(text(from, 795.0, Align::Left, strong, code));
            marks.push(text(right, 795.0, Align::Right, NOTE, &(self.of)(i + 1, total)));
            marks.push(text(LEFT, 807.0, Align::Left, FINE, self.notice));
            page.frame = marks;
        }
    }
}

/// The text, or as much of it as fits with an ellipsis.
fn fitted(words: &str, style: Style, width: f32) -> String {
    let words = shown(words);
    if style.face.width(&words, style.size) <= width {
        return words;
    }
    let first = broken(&words, style.face, style.size, width - style.size).into_iter().next().unwrap_or_default();
    format!("{first}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_pages() {
        for (ours, theirs) in [(INK, look::chart::INK), (TEAL, look::chart::TEAL), (RED, look::chart::RED)] {
            assert_eq!(format!("#{ours:06X}"), theirs);
        }
    }

    #[test]
    fn a_heading_is_never_the_last_thing_on_a_page() {
        let mut flow = Flow::default();
        flow.page();
        flow.gap(BOTTOM - TOP - 60.0);
        flow.part("heading");
        assert_eq!(flow.pages.len(), 2);
    }
}
