//! Pages of marks to the bytes of a PDF 1.7.
//!
//! Constraints first:
//! - Same pages, same bytes: no date, no random id (the file's id is the digest of the report), streams deflated by code
//!   that is the same on every machine.
//! - Text can be searched and copied: fonts are embedded as subsets with a map back to Unicode.
//! - Header and footer are artifacts: a reader that copies the text of a page can leave them out.

use std::collections::{BTreeMap, BTreeSet};

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::types::{
    ActionType, AnnotationType, CidFontType, FontFlags, PaintType, SystemInfo, TilingType, UnicodeCmap,
};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};
use subsetter::GlyphRemapper;

use crate::DocumentError;
use crate::font::{Face, NARROW, table};
use crate::paper::{Colour, HEIGHT, Link, Mark, Page, Paint, Pattern, Step, Target, WIDTH};

/// A heading for the bookmarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    pub(crate) title: String,
    /// Page, from 0.
    pub(crate) page: usize,
}

/// What the document says of itself.
pub(crate) struct About<'a> {
    pub(crate) title: &'a str,
    pub(crate) language: &'a str,
    /// SHA-256 of the report: the file's id.
    pub(crate) id: &'a [u8],
}

const IDENTITY: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// Deflate: the usual compromise.
const LEVEL: u8 = 6;

/// Writes the document.
pub(crate) fn written(pages: &[Page], bookmarks: &[Bookmark], about: &About<'_>) -> Result<Vec<u8>, DocumentError> {
    let mut ids = (1..).map(Ref::new);
    let mut id = || ids.next().unwrap_or(Ref::new(i32::MAX));
    let mut pdf = Pdf::new();
    pdf.set_version(1, 7);
    pdf.set_file_id((about.id.to_vec(), about.id.to_vec()));
    let (catalog, tree, info) = (id(), id(), id());
    let faces: BTreeMap<Face, Used> = Face::ALL.into_iter().map(|face| (face, Used::of(pages, face, id()))).collect();
    let patterns: BTreeMap<(Pattern, Colour), Ref> = patterns_of(pages).into_iter().map(|p| (p, id())).collect();
    let page_ids: Vec<(Ref, Ref)> = pages.iter().map(|_| (id(), id())).collect();
    let (outline, items): (Ref, Vec<Ref>) = (id(), bookmarks.iter().map(|_| id()).collect());

    let mut root = pdf.catalog(catalog);
    root.pages(tree).outlines(outline).lang(TextStr(about.language));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    pdf.document_info(info).title(TextStr(about.title)).producer(TextStr("Gongzheng"));
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(page_ids.iter().map(|p| p.0)).count(count);
    for (face, used) in &faces {
        write_face(&mut pdf, &mut id, *face, used)?;
    }
    for ((pattern, colour), at) in &patterns {
        write_pattern(&mut pdf, *at, *pattern, *colour);
    }
    for (page, (page_id, content_id)) in pages.iter().zip(&page_ids) {
        let mut out = pdf.page(*page_id);
        out.parent(tree).media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).contents(*content_id);
        let mut resources = out.resources();
        let mut fonts = resources.fonts();
        for (face, used) in &faces {
            fonts.pair(Name(face_name(*face)), used.font);
        }
        fonts.finish();
        let mut dict = resources.patterns();
        for (key, at) in &patterns {
            dict.pair(Name(pattern_name(*key).as_bytes()), *at);
        }
        dict.finish();
        resources.finish();
        let links: Vec<Ref> = page.links.iter().map(|_| id()).collect();
        if !links.is_empty() {
            out.annotations(links.iter().copied());
        }
        out.finish();
        for (at, link) in links.iter().zip(&page.links) {
            write_link(&mut pdf, *at, link, &page_ids);
        }
        let mut content = Content::new();
        draw(&mut content, &page.body, &faces);
        content.begin_marked_content(Name(b"Artifact"));
        draw(&mut content, &page.frame, &faces);
        content.end_marked_content();
        let packed = compress_to_vec_zlib(&content.finish(), LEVEL);
        pdf.stream(*content_id, &packed).filter(Filter::FlateDecode);
    }
    write_outline(&mut pdf, outline, &items, bookmarks, &page_ids);
    Ok(pdf.finish())
}

fn face_name(face: Face) -> &'static [u8] {
    match face {
        Face::Regular => b"R",
        Face::Bold => b"B",
    }
}

fn pattern_name((pattern, colour): (Pattern, Colour)) -> String {
    format!("{pattern:?}{colour:06X}")
}

/// What pages use of a face.
struct Used {
    font: Ref,
    /// The one character of each glyph.
    characters: BTreeMap<u16, char>,
    /// Glyphs numbered anew.
    mapper: GlyphRemapper,
}

impl Used {
    fn of(pages: &[Page], face: Face, font: Ref) -> Self {
        let mut characters = BTreeMap::new();
        for mark in pages.iter().flat_map(|p| p.body.iter().chain(&p.frame)) {
            if let Mark::Text { face: f, text, .. } = mark
                && *f == face
            {
                characters.extend(text.chars().map(plain).map(|c| (face.glyph(c), c)));
            }
        }
        let mut mapper = GlyphRemapper::new();
        for glyph in characters.keys() {
            mapper.remap(*glyph);
        }
        Self { font, characters, mapper }
    }
}

fn patterns_of(pages: &[Page]) -> BTreeSet<(Pattern, Colour)> {
    let marks = pages.iter().flat_map(|p| p.body.iter().chain(&p.frame));
    marks
        .filter_map(|mark| match mark {
            Mark::Fill(_, Paint::Pattern(pattern, colour)) => Some((*pattern, *colour)),
            _ => None,
        })
        .collect()
}

/// The character whose glyph is drawn.
fn plain(c: char) -> char {
    if c == NARROW { ' ' } else { c }
}

fn write_face(
    pdf: &mut Pdf,
    id: &mut impl FnMut() -> Ref,
    face: Face,
    Used { font, characters, mapper }: &Used,
) -> Result<(), DocumentError> {
    let (descendant, descriptor, map, file) = (id(), id(), id(), id());
    // Six letters before the name say that this is a subset; they need only differ between subsets of one file.
    let name = format!("GZREPT+{}", face.name());
    let name = Name(name.as_bytes());
    let broken = |e: &dyn std::fmt::Display| DocumentError::Font(e.to_string());
    let subset = subsetter::subset(face.file(), 0, mapper).map_err(|e| broken(&e))?;
    let outlines = table(&subset, b"CFF ").ok_or_else(|| broken(&"no outlines"))?;
    pdf.type0_font(*font)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(descendant)
        .to_unicode(map);
    let mut cid = pdf.cid_font(descendant);
    cid.subtype(CidFontType::Type0)
        .base_font(name)
        .system_info(IDENTITY)
        .font_descriptor(descriptor)
        .default_width(1000.0);
    let widths: Vec<f32> = mapper.remapped_gids().map(|g| f32::from(face.glyph_advance(g))).collect();
    cid.widths().consecutive(0, widths);
    cid.finish();
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(-1000.0, -1050.0, 3000.0, 1810.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(733.0)
        .stem_v(if face == Face::Bold { 140.0 } else { 80.0 })
        .font_file3(file);
    let packed = compress_to_vec_zlib(outlines, LEVEL);
    pdf.stream(file, &packed).filter(Filter::FlateDecode).pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
    let mut unicode = UnicodeCmap::<u16>::new(Name(b"Custom"), IDENTITY);
    for (glyph, c) in characters {
        if let Some(new) = mapper.get(*glyph) {
            unicode.pair(new, *c);
        }
    }
    let packed = compress_to_vec_zlib(&unicode.finish(), LEVEL);
    pdf.cmap(map, &packed).filter(Filter::FlateDecode);
    Ok(())
}

fn draw(content: &mut Content, marks: &[Mark], faces: &BTreeMap<Face, Used>) {
    for mark in marks {
        match mark {
            Mark::Fill(path, paint) => {
                match paint {
                    Paint::Plain(colour) => {
                        let [r, g, b] = rgb(*colour);
                        content.set_fill_rgb(r, g, b);
                    }
                    Paint::Pattern(pattern, colour) => {
                        content.set_fill_color_space(pdf_writer::types::ColorSpaceOperand::Pattern);
                        content.set_fill_pattern([], Name(pattern_name((*pattern, *colour)).as_bytes()));
                    }
                }
                trace(content, path);
                content.fill_nonzero();
            }
            Mark::Stroke(path, colour, width, dash) => {
                let [r, g, b] = rgb(*colour);
                content.set_stroke_rgb(r, g, b).set_line_width(*width);
                let dash = dash.map(|(on, off)| vec![on, off]).unwrap_or_default();
                content.set_dash_pattern(dash, 0.0);
                trace(content, path);
                content.stroke();
            }
            Mark::Text { x, y, size, face, colour, text } => {
                let [r, g, b] = rgb(*colour);
                content.set_fill_rgb(r, g, b).begin_text().set_font(Name(face_name(*face)), *size);
                content.next_line(round(*x), round(HEIGHT - *y));
                show(content, *face, text, faces);
                content.end_text();
            }
        }
    }
}

/// Shows a text; a narrow space is a space drawn together.
fn show(content: &mut Content, face: Face, text: &str, faces: &BTreeMap<Face, Used>) {
    let Some(Used { mapper, .. }) = faces.get(&face) else { return };
    let mut shown = content.show_positioned();
    let mut items = shown.items();
    let bytes = |part: &str| -> Vec<u8> {
        part.chars().flat_map(|c| mapper.get(face.glyph(c)).unwrap_or(0).to_be_bytes()).collect()
    };
    for (i, part) in text.split(NARROW).enumerate() {
        if i > 0 {
            items.show(Str(&bytes(" ")));
            items.adjust(f32::from(face.advance(' ')) - f32::from(face.advance(NARROW)));
        }
        if !part.is_empty() {
            items.show(Str(&bytes(part)));
        }
    }
    items.finish();
    shown.finish();
}

fn trace(content: &mut Content, path: &[Step]) {
    let flip = |y: f32| round(HEIGHT - y);
    for step in path {
        match step {
            Step::To(x, y) => content.move_to(round(*x), flip(*y)),
            Step::Line(x, y) => content.line_to(round(*x), flip(*y)),
            Step::Curve([a, b, c, d, e, f]) => {
                content.cubic_to(round(*a), flip(*b), round(*c), flip(*d), round(*e), flip(*f))
            }
            Step::Close => content.close_path(),
        };
    }
}

/// Hundredths of a point are finer than any printer.
fn round(v: f32) -> f32 {
    (v * 100.0).round() / 100.0
}

fn rgb(colour: Colour) -> [f32; 3] {
    [16, 8, 0].map(|shift| ((colour >> shift & 0xff) as f32 / 255.0 * 1000.0).round() / 1000.0)
}

/// A pattern in the size that the chart module draws it in at our scale.
fn write_pattern(pdf: &mut Pdf, at: Ref, pattern: Pattern, colour: Colour) {
    let mut content = Content::new();
    let step = 3.0;
    let ground = if pattern == Pattern::Hatch { 0xF3F1EB } else { colour };
    let [r, g, b] = rgb(ground);
    content.set_fill_rgb(r, g, b).rect(0.0, 0.0, step, step).fill_nonzero();
    let ink = match pattern {
        Pattern::Hatch => colour,
        Pattern::Stripes => 0xFFFFFF,
        Pattern::Dots => 0x5B4510,
        Pattern::Cross => 0x5A1508,
    };
    let [r, g, b] = rgb(ink);
    content.set_fill_rgb(r, g, b).set_stroke_rgb(r, g, b).set_line_width(0.6);
    match pattern {
        Pattern::Hatch => {
            content.move_to(-0.5, 0.5).line_to(0.5, -0.5).move_to(0.0, step).line_to(step, 0.0);
            content.move_to(step - 0.5, step + 0.5).line_to(step + 0.5, step - 0.5).stroke();
        }
        Pattern::Stripes => {
            content.move_to(1.0, 0.0).line_to(1.0, step).stroke();
        }
        Pattern::Dots => {
            content.rect(1.0, 1.0, 1.0, 1.0).fill_nonzero();
        }
        Pattern::Cross => {
            content.move_to(0.0, 0.0).line_to(step, step).move_to(step, 0.0).line_to(0.0, step).stroke();
        }
    }
    let bytes = content.finish();
    let mut out = pdf.tiling_pattern(at, &bytes);
    out.paint_type(PaintType::Colored).tiling_type(TilingType::ConstantSpacing);
    out.bbox(Rect::new(0.0, 0.0, step, step)).x_step(step).y_step(step);
    out.resources().finish();
}

fn write_link(pdf: &mut Pdf, at: Ref, link: &Link, pages: &[(Ref, Ref)]) {
    let [x, y, width, height] = link.at.map(round);
    let mut out = pdf.annotation(at);
    out.subtype(AnnotationType::Link).rect(Rect::new(x, round(HEIGHT - y - height), x + width, round(HEIGHT - y)));
    out.border(0.0, 0.0, 0.0, None);
    match &link.to {
        Target::Page(page) => {
            if let Some((page, _)) = pages.get(*page) {
                let mut action = out.action();
                action.action_type(ActionType::GoTo).destination().page(*page).xyz(0.0, HEIGHT, None);
            }
        }
        Target::File { path, page } => {
            let mut action = out.action();
            action.action_type(ActionType::RemoteGoTo);
            action.file_spec().path(Str(path.as_bytes())).unic_file(TextStr(path));
            let mut to = action.insert(Name(b"D")).array();
            to.item(i32::try_from(*page).unwrap_or(0)).item(Name(b"Fit"));
        }
    }
}

fn write_outline(pdf: &mut Pdf, at: Ref, items: &[Ref], bookmarks: &[Bookmark], pages: &[(Ref, Ref)]) {
    let mut outline = pdf.outline(at);
    if let (Some(first), Some(last)) = (items.first(), items.last()) {
        outline.first(*first).last(*last).count(i32::try_from(items.len()).unwrap_or(i32::MAX));
    }
    outline.finish();
    for (i, (item, bookmark)) in items.iter().zip(bookmarks).enumerate() {
        let mut out = pdf.outline_item(*item);
        out.title(TextStr(&bookmark.title)).parent(at);
        if let Some(before) = i.checked_sub(1).and_then(|i| items.get(i)) {
            out.prev(*before);
        }
        if let Some(next) = items.get(i + 1) {
            out.next(*next);
        }
        if let Some((page, _)) = pages.get(bookmark.page) {
            out.dest().page(*page).xyz(0.0, HEIGHT, None);
        }
    }
}
