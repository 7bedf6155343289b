//! What every questionnaire and checklist file must fulfil: bounded, both languages, ids once and with a version.

use serde::de::DeserializeOwned;

use crate::catalogue::explain;
use crate::model::Names;

/// Longest file read, bytes.
const SIZE_MAX: usize = 256 * 1024;
/// Longest text, characters.
const TEXT_MAX: usize = 2_000;

/// A file is not what its format says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct FileError {
    /// Which file: its id once that is read, before that what it should be.
    pub file: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

impl FileError {
    pub(crate) fn new(file: &str, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), reason: reason.into() }
    }
}

/// Reads JSON of bounded length.
pub(crate) fn read<T: DeserializeOwned>(json: &str, what: &str) -> Result<T, FileError> {
    if json.len() > SIZE_MAX {
        return Err(FileError::new(what, format!("at most {SIZE_MAX} bytes")));
    }
    serde_json::from_str(json).map_err(|e| FileError::new(what, e.to_string()))
}

/// Both languages are there and not too long.
pub(crate) fn named(names: &Names, what: &str) -> Result<(), String> {
    let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= TEXT_MAX;
    if fits(&names.zh) && fits(&names.en) {
        Ok(())
    } else {
        Err(format!("{what}: both languages, 1 to {TEXT_MAX} characters"))
    }
}

/// `name@version`.
pub(crate) fn versioned(id: &str) -> Result<(), String> {
    let parts = id.split_once('@').filter(|(name, _)| !name.is_empty() && id.len() <= 64);
    match parts.and_then(|(_, version)| version.parse::<u32>().ok()) {
        Some(version) if version > 0 => Ok(()),
        _ => Err(format!("`{id}` is not `name@version` of at most 64 bytes")),
    }
}

/// Each once.
pub(crate) fn unique<'a>(ids: impl Iterator<Item = &'a str>, what: &str) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        if id.is_empty() || !seen.insert(id) {
            return Err(format!("{what} `{id}` is empty or there twice"));
        }
    }
    Ok(())
}

/// The catalogue knows every id.
pub(crate) fn known(ids: &[String]) -> Result<(), String> {
    match ids.iter().find(|id| explain(id).is_none()) {
        Some(unknown) => Err(format!("the catalogue has no `{unknown}`")),
        None => Ok(()),
    }
}
