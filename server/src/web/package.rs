//! 电子佐证包 by a city's folders: item by item what the text asks, the page that explains it, the evidence there is, what the firm adds and
//! what lacks.
//!
//! Constraints first:
//! - Every item and every question leads to its page in one click; whoever may not have the files reads file, page and check code.
//! - The page judges nothing: whether papers suffice is for those who ask for them.

use askama::Template;

use crate::query::{PackageFolder, PackageItem, PackageLack, PackageProof, PackageView};

use super::format::Clockface;
use super::text::{Lang, Texts};
use super::view::{Frame, Nav, url_part};
use super::words::{self, said};

/// A page or file: address (empty: not to be had), what it is called.
struct Led {
    href: String,
    label: String,
    code: String,
}

struct Item {
    anchor: String,
    number: String,
    name: String,
    is_required: bool,
    article: String,
    quote: String,
    filled: String,
    css: &'static str,
    proof: Option<Led>,
    places: Vec<Led>,
    lacks: Vec<(String, String)>,
}

struct Folder {
    path: String,
    items: Vec<Item>,
}

struct File {
    led: Led,
    sha256: String,
}

/// A choice of a form: value, name, chosen.
type Choice = (String, String, bool);

/// The page.
#[derive(Template)]
#[template(path = "package.html")]
pub struct PackagePage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    reports: Vec<Choice>,
    overlays: Vec<Choice>,
    filings: Vec<Choice>,
    refused: Vec<(String, String)>,
    is_made: bool,
    may_download: bool,
    archive: String,
    summary: String,
    missing: Vec<(String, String, String)>,
    folders: Vec<Folder>,
    questions: Vec<(String, Led)>,
    files: Vec<File>,
}

/// Addresses of the files of a package.
struct Addresses<'d> {
    t: &'static Texts,
    data: &'d PackageView,
    asked: String,
    action: String,
}

impl PackagePage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &PackageView, face: &Clockface) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let action = format!("{back}/package");
        let leaf = data.report.map(|leaf| leaf.to_string()).unwrap_or_default();
        let filing = data.filing.clone().unwrap_or_default();
        let asked = format!("report={leaf}&overlay={}&filing={}", url_part(&data.overlay), url_part(&filing));
        let to = Addresses { t, data, asked, action: action.clone() };
        let report = |r: &crate::query::ReportView| {
            let name = format!("{} · {}", t.f1("report-title", "plan", r.plan.clone()), face.full(r.issued_ms));
            (r.leaf.to_string(), name, data.report == Some(r.leaf))
        };
        let items = || data.folders.iter().flat_map(|f| &f.items);
        let complete = items().filter(|i| i.lacks.is_empty()).count();
        let required = items().filter(|i| i.required && !i.lacks.is_empty());
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            reports: data.reports.iter().map(report).collect(),
            overlays: data
                .overlays
                .iter()
                .map(|o| (o.id.clone(), words::name(&o.names, t.lang(), &o.id), o.id == data.overlay))
                .collect(),
            filings: if data.filings.len() > 1 {
                data.filings.iter().map(|f| (f.clone(), f.clone(), *f == filing)).collect()
            } else {
                Vec::new()
            },
            refused: data.refused.iter().map(|r| (r.file.clone(), said(t, &r.why))).collect(),
            is_made: data.report.is_some(),
            may_download: data.may_download,
            archive: format!("{action}.zip?{}", to.asked),
            summary: t.f("package-summary", &[("complete", &complete), ("all", &items().count())]),
            missing: required
                .map(|i| {
                    (
                        format!("#i-{}", i.id),
                        said(t, &i.names),
                        lacks(t, i).into_iter().map(|l| l.0).collect::<Vec<_>>().join(&t.s("list-comma")),
                    )
                })
                .collect(),
            folders: data.folders.iter().map(|f| to.folder(f)).collect(),
            questions: data.questions.iter().map(|q| (said(t, &q.names), to.proof(q))).collect(),
            files: data
                .files
                .iter()
                .map(|f| File { led: to.led(&f.path, None, f.path.clone(), String::new()), sha256: f.sha256.clone() })
                .collect(),
            back,
            action,
            frame,
            t,
        }
    }
}

fn lacks(t: &Texts, item: &PackageItem) -> Vec<(String, String)> {
    // What the firm adds says so itself.
    let is_said = |l: &PackageLack| item.firm.is_some() && l.names.zh.starts_with("企业填报");
    let lack = |l: &PackageLack| {
        let from = said(t, &l.from);
        (said(t, &l.names), if is_said(l) { String::new() } else { t.f1("package-from", "from", from) })
    };
    item.lacks.iter().map(lack).collect()
}

impl Addresses<'_> {
    fn led(&self, path: &str, page: Option<&str>, label: String, code: String) -> Led {
        let page = page.map(|p| format!("#page={p}")).unwrap_or_default();
        let href = if self.data.may_download {
            format!("{}/file?{}&path={}{page}", self.action, self.asked, url_part(path))
        } else {
            String::new()
        };
        Led { href, label, code }
    }

    fn at(&self, file: &str, page: Option<&str>) -> String {
        let name = file.rsplit('/').next().unwrap_or(file);
        page.map_or_else(|| name.to_owned(), |page| self.t.f("package-page", &[("file", &name), ("page", &page)]))
    }

    fn proof(&self, proof: &PackageProof) -> Led {
        let page = proof.page.to_string();
        self.led(&proof.file, Some(&page), self.at(&proof.file, Some(&page)), proof.code.clone())
    }

    fn folder(&self, folder: &PackageFolder) -> Folder {
        let number = folder.path.zh.get(..2).unwrap_or_default();
        let path = match self.t.lang() {
            Lang::Zh => folder.path.zh.clone(),
            // The folder's name is the city's; its meaning stands beside it.
            Lang::En => format!("{} · {}", folder.path.zh, folder.path.en.get(3..).unwrap_or_default()),
        };
        let items = folder.items.iter().enumerate().map(|(at, i)| self.item(&format!("{number}-{:02}", at + 1), i));
        Folder { path, items: items.collect() }
    }

    fn item(&self, number: &str, item: &PackageItem) -> Item {
        let t = self.t;
        Item {
            anchor: format!("i-{}", item.id),
            number: number.to_owned(),
            name: said(t, &item.names),
            is_required: item.required,
            article: item.clause.as_ref().map(|c| c.article.clone()).unwrap_or_default(),
            quote: item.clause.as_ref().map_or_else(String::new, |c| match t.lang() {
                Lang::Zh => c.quote.clone(),
                Lang::En => format!("{} ({})", c.en, c.quote),
            }),
            filled: said(t, &item.filled_words),
            css: match item.filled.as_str() {
                "ours" | "both" => "key computed",
                "firm" => "key stated",
                _ => "key unknown",
            },
            proof: item.proof.as_ref().map(|p| self.proof(p)),
            places: item
                .places
                .iter()
                .map(|p| self.led(&p.file, p.page.as_deref(), self.at(&p.file, p.page.as_deref()), String::new()))
                .collect(),
            lacks: lacks(t, item),
        }
    }
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let render = |name, data: PackageView| {
        let title = lang.texts().s("package-title");
        let path = "/sites/jh-07/package";
        let frame = samples::frame(lang, title, path, Nav::Site, Some(&data.site), data.site.simulated);
        (name, PackagePage::new(frame, &data, &samples::face(lang)).render().expect("renders"))
    };
    let whole = samples::package::package();
    let barred = PackageView { may_download: false, ..whole.clone() };
    let none =
        PackageView { report: None, reports: Vec::new(), questions: Vec::new(), files: Vec::new(), ..whole.clone() };
    vec![render("package", whole), render("package-barred", barred), render("package-none", none)]
}
