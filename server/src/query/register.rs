//! A list of firms (汇总表) read against the sites somebody speaks for: which row belongs to which site, and what it would state there.
//!
//! Constraints
//! 1. A row finds its site by the id it names, else by the code an earlier entry gave the site, else by the name. What could be two sites,
//!    or contradicts the code a site has, is refused; nothing is guessed.
//! 2. A firm without a site here is no mistake of the list: it is shown, and nothing is stated of it.
//! 3. Reading logs nothing. What is there already is not stated again, so that a file read twice changes nothing.

use std::collections::BTreeMap;

use metrics::statements::Statements;
use protocol::{Digest, sha256};
use serde_json::Value as Json;

use super::{QueryError, SiteHead, read_given};
use crate::evaluate::said::{Said, quoted};
use crate::import::kinds::REGISTER;
use crate::import::parse::Draft;
use crate::import::{Wrong, weigh};
use crate::query::Given;
use crate::roles::{Access, Permission};
use crate::store::{DeclarationRow, SiteEntry, Store};

/// A row of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterRow {
    /// Its line in the file.
    pub line: u32,
    /// Code and name as listed.
    pub firm: [String; 2],
    /// What it says, by column name in Chinese and English.
    pub said: Vec<([&'static str; 2], String)>,
    /// The body it would state.
    pub body: Json,
    /// Its site; none where no site is of this firm.
    pub site: Option<SiteHead>,
    /// Leaf of an entry that says the same already.
    pub same: Option<i64>,
    /// Leaf of an entry that it replaces.
    pub replaces: Option<i64>,
}

impl RegisterRow {
    /// Whether confirming states something.
    #[must_use]
    pub fn is_to_state(&self) -> bool {
        self.site.is_some() && self.same.is_none()
    }
}

/// A list and what it would state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegisterView {
    /// What is wrong; nothing may be stated while this is not empty.
    pub wrong: Vec<Wrong>,
    /// Rows in order of their lines.
    pub rows: Vec<RegisterRow>,
    /// What a reader must know of how the file was read.
    pub notes: Vec<Said>,
}

impl RegisterView {
    /// SHA-256 over what confirming would do.
    #[must_use]
    pub fn decisions(&self) -> Digest {
        let each = self.rows.iter().filter(|row| row.is_to_state()).map(|row| {
            let site = row.site.as_ref().map_or("", |site| site.id.as_str());
            format!("{site} {} {:?}\n", row.body, row.replaces)
        });
        sha256(each.collect::<String>().as_bytes())
    }
}

/// Reads a list against every site for which the reader may speak; logs nothing.
pub async fn register(store: &Store, access: &Access, given: &Given, now_ms: i64) -> Result<RegisterView, QueryError> {
    let filter = access.sites(Permission::GiveOpinion);
    let entries = store.site_entries(&filter).await?;
    if entries.is_empty() {
        return Err(QueryError::NotFound);
    }
    let import = read_given(&REGISTER, given, &Statements::default(), "Asia/Shanghai", now_ms);
    let drafts: Vec<Draft> = import.items.into_iter().map(|item| item.draft).collect();
    let mut view = RegisterView { wrong: import.wrong, rows: Vec::new(), notes: import.notes };
    let (rows, wrong) = matched(&entries, &drafts);
    view.wrong.extend(wrong);
    if !view.wrong.is_empty() {
        return Ok(view);
    }
    let sites: Vec<String> = rows.iter().filter_map(|row| Some(row.site.as_ref()?.id.clone())).collect();
    let mut last: BTreeMap<String, DeclarationRow> = BTreeMap::new();
    last.extend(store.declarations_of(&sites, &[REGISTER.id]).await?);
    view.rows = rows
        .into_iter()
        .map(|row| match row.site.as_ref().and_then(|site| last.get(&site.id)) {
            Some(stated) if weigh::says_the_same(REGISTER.id, &stated.body, &row.body) => {
                RegisterRow { same: Some(stated.leaf), ..row }
            }
            Some(stated) => RegisterRow { replaces: Some(stated.leaf), ..row },
            None => row,
        })
        .collect();
    Ok(view)
}

/// Which site each row belongs to.
fn matched(entries: &[SiteEntry], drafts: &[Draft]) -> (Vec<RegisterRow>, Vec<Wrong>) {
    let mut taken: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for draft in drafts {
        let line = draft.lines.first().copied().unwrap_or_default();
        let text = |field: &str| draft.body[field].as_str().unwrap_or_default().to_owned();
        let said = draft.said.first().cloned().unwrap_or_default();
        let firm = [text("code"), text("name")];
        let of = |column: &str| said.iter().find(|(names, _)| names[1] == column).map(|(_, cell)| cell.as_str());
        let found = site(entries, of("Site id"), &firm).and_then(|entry| {
            let Some(entry) = entry else { return Ok(None) };
            match taken.insert(&entry.site.id, line) {
                Some(first) => Err(Said::new(
                    format!("与第 {first} 行是同一站点（{}）", entry.site.id),
                    format!("is the same site as line {first} ({})", entry.site.id),
                )),
                None => Ok(Some(entry)),
            }
        });
        match found {
            Ok(entry) => rows.push(RegisterRow {
                line,
                firm,
                said,
                body: draft.body.clone(),
                site: entry.map(|entry| SiteHead::from(entry.site.clone())),
                same: None,
                replaces: None,
            }),
            Err(what) => wrong.push(Wrong {
                line,
                column: String::new(),
                what,
                todo: Said::new(
                    "核对代码与名称；或在“站点编号”列写明站点",
                    "check code and name; or name the site in the column `Site id`",
                ),
            }),
        }
    }
    (rows, wrong)
}

/// The site of a firm: none where there is none here.
fn site<'e>(
    entries: &'e [SiteEntry],
    id: Option<&str>,
    [code, name]: &[String; 2],
) -> Result<Option<&'e SiteEntry>, Said> {
    let fits = |entry: &'e SiteEntry| match entry.code.is_empty() || entry.code == *code {
        true => Ok(Some(entry)),
        false => Err(Said::new(
            format!("站点 {} 已登记的代码是 {}，与本行 {code} 不同", entry.site.id, entry.code),
            format!("site `{}` has the code {} already, not {code}", entry.site.id, entry.code),
        )),
    };
    if let Some(id) = id {
        let unknown = || {
            Said::new(
                format!("没有站点 {}，或不在您的范围内", quoted(id)),
                format!("there is no site `{}`, or it is not within your scope", quoted(id)),
            )
        };
        return entries.iter().find(|entry| entry.site.id == id).ok_or_else(unknown).and_then(fits);
    }
    let several = |of: &str, one: &SiteEntry, other: &SiteEntry| {
        Err(Said::new(
            format!("“{}”有不止一个站点（{}、{} 等）", quoted(of), one.site.id, other.site.id),
            format!("there is more than one site of `{}` ({}, {}, …)", quoted(of), one.site.id, other.site.id),
        ))
    };
    let mut coded = entries.iter().filter(|entry| entry.code == *code);
    match (coded.next(), coded.next()) {
        (Some(one), Some(other)) => return several(code, one, other),
        (Some(one), None) => return Ok(Some(one)),
        (None, _) => {}
    }
    let wanted = plain(name);
    let mut named = entries.iter().filter(|e| [&e.site.name_zh, &e.listed].iter().any(|n| plain(n) == wanted));
    match (named.next(), named.next()) {
        (Some(one), Some(other)) => several(name, one, other),
        (Some(one), None) => fits(one),
        (None, _) => Ok(None),
    }
}

/// A name without white space, its brackets in one form: what people type differently without meaning it.
fn plain(name: &str) -> String {
    let one = |c: char| match c {
        '(' => '（',
        ')' => '）',
        c => c,
    };
    name.chars().filter(|c| !c.is_whitespace()).map(one).collect()
}

#[cfg(test)]
mod tests;
