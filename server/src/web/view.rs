//! What pages are made of: the frame around every page, and the figure — a number that says how we know it.
//!
//! Constraints first:
//! - Structs here hold finished words and finished pictures. Templates choose nothing but layout, so that a page can be
//!   rendered, looked at and tested without a server behind it.
//! - A figure never travels alone: value, bounds, coverage, grade and the way to its explanation are one struct. A figure
//!   without a value has a reason.

use askama::Template;

use super::assets;
use super::format::{self, Clockface, NONE, THIN};
use super::text::{Lang, Texts};

/// How we know a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Read from a register.
    Measured,
    /// A function of measured values.
    Computed,
    /// Stated by a person.
    Stated,
    /// Nobody knows.
    Unknown,
    /// A check failed.
    Refused,
}

impl Class {
    /// All classes in the order of the legend.
    pub const ALL: [Self; 5] = [Self::Measured, Self::Computed, Self::Stated, Self::Unknown, Self::Refused];

    /// The locale key of its name; without the prefix also its CSS class.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Measured => "class-measured",
            Self::Computed => "class-computed",
            Self::Stated => "class-stated",
            Self::Unknown => "class-unknown",
            Self::Refused => "class-refused",
        }
    }

    /// Its CSS class.
    #[must_use]
    pub fn css(self) -> &'static str {
        self.key().trim_start_matches("class-")
    }
}

/// Data credibility grade (metrics reference §3.8). Never a digital level, which counts one to four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Machine-read, gap-free, chained.
    A,
    /// Machine-read, gaps up to 5 %.
    B,
    /// Gaps 5–20 % or one manual input.
    C,
    /// Manual, bill or paper.
    D,
}

impl Grade {
    /// Its letter.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
        }
    }

    /// Its CSS class.
    #[must_use]
    pub fn css(self) -> String {
        format!("grade-{}", self.letter().to_ascii_lowercase())
    }
}

/// A number with everything that makes it honest.
#[derive(Clone, Debug, Template)]
#[template(path = "part/figure.html")]
pub struct Figure {
    /// How we know it.
    pub class: Class,
    /// The number with its unit, or `—`.
    pub value: String,
    /// Why there is no number, in words; empty when there is one.
    pub reason: String,
    /// `[71.9, 73.0]`, empty when the value is exact.
    pub bounds: String,
    /// `覆盖率 99.1 %`, empty where coverage does not apply.
    pub coverage: String,
    /// The grade's words and class, if graded.
    pub grade: Option<(String, String)>,
    /// Where it is explained; empty only for live values and counts of things.
    pub why: String,
}

/// An exact quotient: numerator and denominator.
pub type Quotient = (i128, i128);

/// A ratio as the metrics give it: exact numerator and denominator, and the same for its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct RatioValue {
    /// Numerator and denominator; `None` when undefined.
    pub value: Option<(i128, i128)>,
    /// Lower and upper bound under unknown time; no upper one where nothing limits it.
    pub bounds: Option<(Quotient, Option<Quotient>)>,
    /// Observed time and planned time in ms.
    pub coverage: Option<(i64, i64)>,
    /// The grade.
    pub grade: Option<Grade>,
}

impl Figure {
    /// A number that is exact and needs no coverage: a count, an amount, a live value.
    #[must_use]
    pub fn plain(class: Class, value: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            class,
            value: value.into(),
            reason: String::new(),
            bounds: String::new(),
            coverage: String::new(),
            grade: None,
            why: why.into(),
        }
    }

    /// No number, and the reason in words.
    #[must_use]
    pub fn undefined(reason: impl Into<String>, why: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::plain(Class::Unknown, NONE, why) }
    }

    /// A ratio in percent with one decimal. `reason` is shown when it is undefined.
    #[must_use]
    pub fn percent(t: &Texts, class: Class, ratio: &RatioValue, reason: &str, why: &str) -> Self {
        let value = ratio.value.and_then(|(n, d)| format::percent(n, d, 1));
        let mut figure = match value {
            Some(value) => Self::plain(class, value, why),
            None => Self::undefined(reason, why),
        };
        if figure.reason.is_empty() {
            figure.bounds = ratio.bounds.and_then(|bounds| bounds_words(ratio.value, bounds)).unwrap_or_default();
        }
        if let Some((observed, planned)) = ratio.coverage {
            figure.coverage = coverage_words(t, observed, planned);
        }
        figure.grade = ratio.grade.map(|g| grade_words(t, g));
        figure
    }

    /// Adds coverage words.
    #[must_use]
    pub fn covered(mut self, t: &Texts, observed_ms: i64, planned_ms: i64) -> Self {
        self.coverage = coverage_words(t, observed_ms, planned_ms);
        self
    }

    /// Adds a grade.
    #[must_use]
    pub fn graded(mut self, t: &Texts, grade: Grade) -> Self {
        self.grade = Some(grade_words(t, grade));
        self
    }

    /// The markup.
    #[must_use]
    pub fn html(&self) -> String {
        self.render().unwrap_or_else(|_| NONE.into())
    }

    /// The value alone, as a link to its explanation: for tables whose other columns carry the rest.
    #[must_use]
    pub fn short(&self) -> String {
        let mut bare = self.clone();
        bare.coverage.clear();
        bare.grade = None;
        bare.html()
    }
}

/// `[71.9, 73.0]`; `≥ 71.9` where nothing limits it above; nothing where the bounds meet or equal the value.
fn bounds_words(value: Option<(i128, i128)>, (low, high): ((i128, i128), Option<(i128, i128)>)) -> Option<String> {
    let same = |a: (i128, i128), b: (i128, i128)| a.0.checked_mul(b.1) == b.0.checked_mul(a.1);
    let text = |r: (i128, i128)| format::percent_bare(r.0, r.1, 1);
    match high {
        Some(high) if same(low, high) => None,
        Some(high) => Some(format!("[{}, {}]", text(low)?, text(high)?)),
        None if value.is_some_and(|v| same(v, low)) => None,
        None => Some(format!("≥{THIN}{}", text(low)?)),
    }
}

fn coverage_words(t: &Texts, observed_ms: i64, planned_ms: i64) -> String {
    format::percent(observed_ms.into(), planned_ms.into(), 1).map_or_else(String::new, |p| t.f1("coverage", "share", p))
}

fn grade_words(t: &Texts, grade: Grade) -> (String, String) {
    (t.f1("grade", "letter", grade.letter().to_string()), grade.css())
}

/// One step of the way back up, as a link.
#[derive(Clone, Debug)]
pub struct Crumb {
    /// Its words.
    pub label: String,
    /// Where it leads.
    pub href: String,
}

/// Which entry of the rail is the current page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nav {
    /// All sites.
    Fleet,
    /// All firms with what they owe.
    Portfolio,
    /// One site and its machines.
    Site,
    /// Its gateways.
    Gateways,
    /// Its reports.
    Reports,
    /// None: sign-in, errors.
    None,
}

/// Who is signed in, as shown.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Login name.
    pub name: String,
    /// Role in words.
    pub role: String,
    /// May see more than one site.
    pub fleet: bool,
    /// The session's form token.
    pub form_token: String,
}

/// The site a page is about.
#[derive(Clone, Debug, Default)]
pub struct SiteRef {
    /// Site id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Simulated data.
    pub simulated: bool,
    /// May issue enrolment codes and see gateways.
    pub manages_gateways: bool,
}

/// What surrounds every page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The reader's language.
    pub lang: Lang,
    /// The page's own title.
    pub title: String,
    /// Path and query of this page, for switching the language.
    pub path: String,
    /// Current entry of the rail.
    pub nav: Nav,
    /// Who reads.
    pub reader: Option<Reader>,
    /// Which site.
    pub site: Option<SiteRef>,
    /// The way back up.
    pub crumbs: Vec<Crumb>,
    /// Zone of the times on this page, said once; empty for none.
    pub zone: String,
    /// When the page was made, local, with seconds; empty on pages without data.
    pub made_at: String,
    /// Some data on this page is simulated.
    pub simulated: bool,
    /// What keeps this server, or this site, from taking data, and what to do; empty while all is well.
    pub notice: String,
}

impl Frame {
    /// A frame with nothing around the content: sign-in and errors before sign-in.
    #[must_use]
    pub fn bare(lang: Lang, title: String, path: &str) -> Self {
        Self {
            lang,
            title,
            path: path.to_owned(),
            nav: Nav::None,
            reader: None,
            site: None,
            crumbs: Vec::new(),
            zone: String::new(),
            made_at: String::new(),
            simulated: false,
            notice: String::new(),
        }
    }

    /// Stamps the page with its zone and time.
    #[must_use]
    pub fn at(mut self, face: &Clockface, now_ms: i64) -> Self {
        self.zone = face.zone_words(now_ms);
        self.made_at = face.full(now_ms);
        self
    }

    /// The words.
    #[must_use]
    pub fn t(&self) -> &'static Texts {
        self.lang.texts()
    }

    /// Address of the style sheet, with its content hash.
    #[must_use]
    pub fn css(&self) -> &'static str {
        assets::path("app.css")
    }

    /// Address of the script, with its content hash.
    #[must_use]
    pub fn js(&self) -> &'static str {
        assets::path("app.js")
    }

    /// Address of the icon, with its content hash.
    #[must_use]
    pub fn icon(&self) -> &'static str {
        assets::path("icon.svg")
    }

    /// The switch to the other language: its tag, its own name, its address.
    #[must_use]
    pub fn other_lang(&self) -> (&'static str, &'static str, String) {
        let (tag, name) = match self.lang {
            Lang::Zh => ("en", "English"),
            Lang::En => ("zh-CN", "中文"),
        };
        (tag, name, format!("/lang?to={tag}&next={}", url_part(&self.path)))
    }

    /// Whether this entry of the rail is current, as the attribute's value.
    #[must_use]
    pub fn current(&self, nav: Nav) -> &'static str {
        if self.nav == nav { "page" } else { "false" }
    }

    /// The legend of classes: CSS class, name.
    #[must_use]
    pub fn legend(&self) -> Vec<(&'static str, String)> {
        Class::ALL.iter().map(|c| (c.css(), self.t().s(c.key()))).collect()
    }
}

/// Percent-encodes one part of an address: everything but unreserved characters.
#[must_use]
pub fn url_part(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for b in text.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(b)),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// A state and how long it took, for legends under a ribbon.
#[derive(Clone, Debug)]
pub struct LegendEntry {
    /// Swatch markup.
    pub swatch: String,
    /// Name.
    pub name: String,
    /// Amount in words; may be empty.
    pub amount: String,
}

/// Paging: what is shown and where the neighbours are.
#[derive(Clone, Debug, Default)]
pub struct Pager {
    /// `1–50 / 4 812`.
    pub words: String,
    /// Previous page; empty for none.
    pub previous: String,
    /// Next page; empty for none.
    pub next: String,
}

impl Pager {
    /// Pages of `per_page` over `total` rows; `page` counts from 1; `base` already ends in `?` or `&`.
    #[must_use]
    pub fn new(page: usize, per_page: usize, total: usize, base: &str) -> Self {
        let from = (page.saturating_sub(1)).saturating_mul(per_page);
        let to = (from + per_page).min(total);
        if total <= per_page && page <= 1 {
            return Self::default();
        }
        Self {
            words: format!(
                "{}–{}{THIN}/{THIN}{}",
                format::integer((from + 1).min(total)),
                format::integer(to),
                format::integer(total)
            ),
            previous: if page > 1 { format!("{base}page={}", page - 1) } else { String::new() },
            next: if to < total { format!("{base}page={}", page + 1) } else { String::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undefined_ratio_shows_its_reason_and_never_a_zero() {
        let t = Lang::Zh.texts();
        let ratio = RatioValue { value: Some((0, 0)), ..RatioValue::default() };
        let html = Figure::percent(t, Class::Computed, &ratio, "本班未安排生产", "/why").html();
        assert!(html.contains('—') && html.contains("本班未安排生产") && !html.contains('0'), "{html}");
    }

    #[test]
    fn bounds_disappear_only_when_they_meet() {
        let t = Lang::En.texts();
        let ratio = |hi| RatioValue { value: Some((3, 5)), bounds: Some(((1, 2), hi)), ..RatioValue::default() };
        assert_eq!(Figure::percent(t, Class::Computed, &ratio(Some((50, 100))), "", "").bounds, "");
        assert_eq!(Figure::percent(t, Class::Computed, &ratio(Some((3, 4))), "", "").bounds, "[50.0, 75.0]");
        assert_eq!(Figure::percent(t, Class::Computed, &ratio(None), "", "").bounds, "≥\u{202f}50.0");
    }

    #[test]
    fn an_address_part_cannot_end_its_parameter() {
        assert_eq!(url_part("/sites/a?x=1&y=二"), "%2Fsites%2Fa%3Fx%3D1%26y%3D%E4%BA%8C");
    }
}
