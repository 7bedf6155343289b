//! Where evidence lies in a package: files, their pages, and the code to compare each by.

use std::collections::BTreeMap;

use practice::package::Place;

use super::paper::{Entry, Set, To};

/// Digits of a SHA-256 that a reader compares by eye.
const SHORT: usize = 16;

/// Files of a package with their codes, and places by kind of evidence.
#[derive(Default)]
pub(super) struct Places {
    kinds: BTreeMap<String, Vec<Place>>,
    /// Check codes of pages, or the first digits of the SHA-256 of a file without pages of ours.
    codes: BTreeMap<String, Codes>,
}

enum Codes {
    Pages(Vec<String>),
    File(String),
}

impl Places {
    /// A file that is compared as a whole.
    pub(super) fn file(&mut self, path: &str, sha256: &str) {
        self.codes.insert(path.to_owned(), Codes::File(sha256.chars().take(SHORT).collect()));
    }

    /// A paper that is compared page by page.
    pub(super) fn paper(&mut self, path: &str, set: &Set) {
        self.codes.insert(path.to_owned(), Codes::Pages(set.codes.clone()));
    }

    /// Evidence of a kind is in a file, on a page.
    pub(super) fn add(&mut self, kind: &str, path: &str, page: Option<usize>) {
        let place = Place { file: path.to_owned(), page: page.map(|p| p.to_string()) };
        self.kinds.entry(kind.to_owned()).or_default().push(place);
    }

    pub(super) fn of(&self, kind: &str) -> &[Place] {
        self.kinds.get(kind).map_or(&[], Vec::as_slice)
    }

    pub(super) fn kinds(&self) -> &BTreeMap<String, Vec<Place>> {
        &self.kinds
    }

    /// The code of a place.
    pub(super) fn code(&self, path: &str, page: Option<usize>) -> String {
        match self.codes.get(path) {
            Some(Codes::Pages(codes)) => {
                let at = page.unwrap_or(1).checked_sub(1).and_then(|i| codes.get(i));
                at.cloned().unwrap_or_default()
            }
            Some(Codes::File(short)) => format!("SHA-256 {short}…"),
            None => String::new(),
        }
    }

    /// A row that leads to a place, for a paper inside a folder.
    pub(super) fn entry(&self, name: String, place: &Place) -> Entry {
        let page = place.page.as_deref().and_then(|p| p.parse::<usize>().ok());
        let shown = place.page.clone().unwrap_or_else(|| look::format::NONE.to_owned());
        let cells = vec![name, place.file.clone(), shown, self.code(&place.file, page)];
        Entry { cells, to: Some(To::File(format!("../{}", place.file), page.unwrap_or(1))) }
    }
}
