//! Tables: cells wrap, the head is repeated on every page, a row that is taller than a page is continued.

use super::{CELL, FINE, Flow, INK, RULE};
use crate::font::shown;
use crate::lines::broken;
use crate::paper::{Align, BOTTOM, Colour, LEFT, Link, MEASURE, Mark, Paint, Style, TOP, Target, line, rect, text};

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its share of the width, against the others.
    pub(crate) share: f32,
    pub(crate) align: Align,
}

/// Words of one look in a cell; each begins on a line of its own.
#[derive(Clone, Debug)]
struct Part {
    words: String,
    style: Style,
    /// A dotted outline: stated by a person.
    stated: bool,
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    parts: Vec<Part>,
}

impl Cell {
    /// Plain words.
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self::styled(words, CELL)
    }

    /// Words of a look.
    pub(crate) fn styled(words: impl Into<String>, style: Style) -> Self {
        Self { parts: vec![Part { words: words.into(), style, stated: false }] }
    }

    /// Words that a person stated.
    pub(crate) fn stated(words: impl Into<String>) -> Self {
        Self { parts: vec![Part { words: words.into(), style: CELL.ink(super::AMBER), stated: true }] }
    }

    /// A line more, small.
    pub(crate) fn and(self, words: impl Into<String>) -> Self {
        self.and_styled(words, FINE)
    }

    /// Words more that a person stated.
    pub(crate) fn and_stated(mut self, words: impl Into<String>) -> Self {
        self.parts.extend(Self::stated(words).parts);
        self
    }

    /// A line more.
    pub(crate) fn and_styled(mut self, words: impl Into<String>, style: Style) -> Self {
        let words = words.into();
        if !words.is_empty() {
            self.parts.push(Part { words, style, stated: false });
        }
        self
    }
}

/// A row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Cell>,
    /// A ground behind it, for totals.
    pub(crate) ground: Option<Colour>,
    /// Where the whole row leads.
    pub(crate) to: Option<Target>,
}

impl Row {
    pub(crate) fn new(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self { cells: cells.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn leading(mut self, to: Option<Target>) -> Self {
        self.to = to;
        self
    }

    pub(crate) fn on(mut self, ground: Colour) -> Self {
        self.ground = Some(ground);
        self
    }
}

/// A line of a cell, ready to be drawn.
struct Line {
    words: String,
    style: Style,
    stated: bool,
}

const PAD: f32 = 3.2;

impl Flow {
    /// Sets a table under a head of words.
    pub(crate) fn table(&mut self, columns: &[Column], head: &[&str], rows: &[Row]) {
        let whole: f32 = columns.iter().map(|c| c.share).sum();
        let widths: Vec<f32> = columns.iter().map(|c| c.share / whole * MEASURE).collect();
        let style = Style { size: 7.6, ..CELL }.bold().ink(INK);
        let head = Row::new(head.iter().map(|words| Cell::styled(*words, style))).on(0xECEFF2);
        let head_lines = lines_of(&head, &widths);
        let all: Vec<Vec<Vec<Line>>> = rows.iter().map(|row| lines_of(row, &widths)).collect();
        let heights: Vec<f32> = all.iter().map(|lines| height_of(lines)).collect();
        let first: f32 = heights.iter().take(2).sum();
        self.need(height_of(&head_lines) + first.min(120.0) + 4.0);
        self.head(columns, &widths, &head, &head_lines);
        for (i, (row, mut lines)) in rows.iter().zip(all).enumerate() {
            // The last row never stands alone under a head of its own.
            let last = if i > 0 && i + 2 == rows.len() { heights.last().copied().unwrap_or(0.0) } else { 0.0 };
            let both = height_of(&lines) + last;
            if both > BOTTOM - self.y && both <= BOTTOM - TOP - height_of(&head_lines) {
                self.page();
                self.head(columns, &widths, &head, &head_lines);
            }
            loop {
                let room = BOTTOM - self.y;
                if height_of(&lines) <= room {
                    self.row(columns, &widths, row, &lines);
                    break;
                }
                let fresh = BOTTOM - TOP - height_of(&head_lines);
                let is_huge = height_of(&lines) > fresh;
                if is_huge && room > 60.0 {
                    let rest = split(&mut lines, room);
                    self.row(columns, &widths, row, &lines);
                    lines = rest;
                }
                self.page();
                self.head(columns, &widths, &head, &head_lines);
            }
        }
        let y = self.y;
        self.put([line((LEFT, y), (LEFT + MEASURE, y), INK, 0.7)]);
        self.gap(8.0);
    }

    fn head(&mut self, columns: &[Column], widths: &[f32], head: &Row, lines: &[Vec<Line>]) {
        let y = self.y;
        self.row(columns, widths, head, lines);
        self.put([line((LEFT, y), (LEFT + MEASURE, y), INK, 0.9)]);
    }

    fn row(&mut self, columns: &[Column], widths: &[f32], row: &Row, lines: &[Vec<Line>]) {
        let height = height_of(lines);
        let top = self.y;
        if let Some(ground) = row.ground {
            self.put([Mark::Fill(rect(LEFT, top, MEASURE, height), Paint::Plain(ground))]);
        }
        if let (Some(to), Some(page)) = (&row.to, self.pages.last_mut()) {
            page.links.push(Link { at: [LEFT, top, MEASURE, height], to: to.clone() });
        }
        let mut x = LEFT;
        for ((column, width), cell) in columns.iter().zip(widths).zip(lines) {
            let mut y = top + PAD;
            for words in cell {
                let leading = leading(words.style);
                y += leading;
                let at = match column.align {
                    Align::Left => x + PAD,
                    Align::Centre => x + width / 2.0,
                    Align::Right => x + width - PAD,
                };
                let base = y - leading * 0.28;
                let mark = text(at, base, column.align, words.style, &words.words);
                if let Mark::Text { x: left, size, face, text, .. } = &mark
                    && words.stated
                {
                    let outline = rect(left - 2.0, base - size * 0.92, face.width(text, *size) + 4.0, size * 1.22);
                    self.put([Mark::Stroke(outline, 0xB7791F, 0.5, Some((1.0, 1.2)))]);
                }
                self.put([mark]);
            }
            x += width;
        }
        self.y = top + height;
        let y = self.y;
        self.put([line((LEFT, y), (LEFT + MEASURE, y), RULE, 0.35)]);
    }
}

fn leading(style: Style) -> f32 {
    style.size * 1.38
}

fn lines_of(row: &Row, widths: &[f32]) -> Vec<Vec<Line>> {
    let cell = |(cell, width): (&Cell, &f32)| {
        let parts = cell.parts.iter().filter(|p| !p.words.is_empty());
        parts
            .flat_map(|part| {
                let room = width - 2.0 * PAD - if part.stated { 4.0 } else { 0.0 };
                broken(&shown(&part.words), part.style.face, part.style.size, room).into_iter().map(|words| Line {
                    words,
                    style: part.style,
                    stated: part.stated,
                })
            })
            .collect()
    };
    row.cells.iter().zip(widths).map(cell).collect()
}

fn cell_height(lines: &[Line]) -> f32 {
    lines.iter().map(|l| leading(l.style)).sum::<f32>() + 2.0 * PAD
}

fn height_of(lines: &[Vec<Line>]) -> f32 {
    lines.iter().map(|cell| cell_height(cell)).fold(0.0, f32::max)
}

/// Leaves in `lines` what fits into `room` and returns the rest.
fn split(lines: &mut [Vec<Line>], room: f32) -> Vec<Vec<Line>> {
    lines
        .iter_mut()
        .map(|cell| {
            let mut used = 2.0 * PAD;
            let fit = cell
                .iter()
                .take_while(|l| {
                    used += leading(l.style);
                    used <= room
                })
                .count();
            cell.split_off(fit)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(flow: &Flow) -> Vec<String> {
        flow.pages.iter().map(crate::paper::Page::words).collect()
    }

    #[test]
    fn a_table_repeats_its_head_and_loses_no_row() {
        let mut flow = Flow::default();
        flow.page();
        let columns = [Column { share: 1.0, align: Align::Left }, Column { share: 2.0, align: Align::Right }];
        let rows: Vec<Row> = (0..200).map(|i| Row::new([Cell::new(format!("row {i}")), Cell::new("值")])).collect();
        flow.table(&columns, &["name", "value"], &rows);
        let pages = words(&flow);
        assert!(pages.len() > 3, "{}", pages.len());
        assert!(pages.iter().all(|p| p.starts_with("name\nvalue\n")));
        assert!((0..200).all(|i| pages.concat().contains(&format!("row {i}\n"))));
    }

    #[test]
    fn a_row_taller_than_a_page_is_continued() {
        let mut flow = Flow::default();
        flow.page();
        let columns = [Column { share: 1.0, align: Align::Left }];
        let long = "情况说明".repeat(3000);
        flow.table(&columns, &["说明"], &[Row::new([Cell::new(long.clone())])]);
        let pages = words(&flow);
        assert!(pages.len() > 2);
        let text: String = pages.iter().flat_map(|p| p.lines().skip(1)).collect();
        assert_eq!(text, long);
        let low = flow.pages.iter().flat_map(|p| &p.body).filter_map(|m| match m {
            Mark::Text { y, .. } => Some(*y),
            _ => None,
        });
        assert!(low.fold(0.0, f32::max) <= BOTTOM);
    }
}
