//! Reading a data file: bounded, unknown keys refused, and every refusal with its line in both languages.

use std::collections::BTreeSet;

use metrics::filed::NO_DATE;
use metrics::model::Names;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::words::words;

/// Longest file, bytes.
const SIZE_MAX: usize = 128 * 1024;
/// Longest text inside a file, characters.
const TEXT_MAX: usize = 600;
/// Most entries of one list.
pub(crate) const LIST_MAX: usize = 100;
/// Longest message of the TOML reader that is passed on, characters.
const MESSAGE_MAX: usize = 200;

/// Why a data file was refused: one thing, its line, in Chinese and English.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("第 {line} 行：{} / line {line}: {}", said.zh, said.en)]
pub struct FileError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what is allowed.
    pub said: Names,
}

/// The line of a text, from 1, in which a byte lies.
pub fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at.min(text.len())).unwrap_or_default();
    before.iter().filter(|b| **b == b'\n').count() + 1
}

/// The text of a file, for lines.
#[derive(Clone, Copy)]
pub(crate) struct Source<'t>(pub(crate) &'t str);

impl Source<'_> {
    pub(crate) fn refuse(&self, at: usize, said: Names) -> FileError {
        FileError { line: line_of(self.0, at), said }
    }

    /// Reads the whole file into its shape.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        if self.0.len() > SIZE_MAX {
            let said = words(format!("文件超过 {SIZE_MAX} 字节"), format!("the file has more than {SIZE_MAX} bytes"));
            return Err(FileError { line: 1, said });
        }
        toml::from_str(self.0).map_err(|e| {
            let message: String = e.message().chars().take(MESSAGE_MAX).collect();
            self.refuse(e.span().map_or(0, |s| s.start), said_of(&message))
        })
    }

    /// Each id is one, and is there once.
    pub(crate) fn unique<'a>(&self, ids: impl IntoIterator<Item = &'a Spanned<String>>) -> Result<(), FileError> {
        let mut seen = BTreeSet::new();
        for id in ids {
            let (at, name) = (id.span().start, id.get_ref());
            let is_char = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
            if name.is_empty() || name.len() > 40 || !name.bytes().all(is_char) {
                let zh = "标识须为 1 至 40 个小写字母、数字、“_”或“-”";
                return Err(self.refuse(at, words(zh, "an id has 1 to 40 of a-z, 0-9, `_` and `-`")));
            }
            if !seen.insert(name) {
                return Err(self.refuse(at, words(format!("标识 {name} 重复"), format!("`{name}` is there twice"))));
            }
        }
        if seen.len() > LIST_MAX {
            let (zh, en) = (format!("每个列表最多 {LIST_MAX} 项"), format!("a list has at most {LIST_MAX} entries"));
            return Err(self.refuse(0, words(zh, en)));
        }
        Ok(())
    }

    /// Texts that must be there and short enough.
    pub(crate) fn texts<'a>(&self, at: usize, texts: impl IntoIterator<Item = &'a str>) -> Result<(), FileError> {
        for text in texts {
            if text.trim().is_empty() || text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
                let zh = format!("文字（中、英文，条款原文）须为 1 至 {TEXT_MAX} 个字符的单行文本");
                let en = format!("words (both languages, quotations) have 1 to {TEXT_MAX} characters on one line");
                return Err(self.refuse(at, words(zh, en)));
            }
        }
        Ok(())
    }
}

/// What the TOML reader says, with the common cases in Chinese; its English stays, because it names keys and types.
fn said_of(message: &str) -> Names {
    if message == NO_DATE
        && let Some((zh, en)) = NO_DATE.split_once(" / ")
    {
        return words(zh, en);
    }
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let listed = || message.split('`').skip(3).step_by(2).collect::<Vec<_>>().join("、");
    let zh = if message.starts_with("unknown field") {
        format!("未知项 {quoted}；可用的有 {}", listed())
    } else if message.starts_with("unknown variant") {
        format!("不可用的值 {quoted}；可用的有 {}", listed())
    } else if message.starts_with("missing field") {
        format!("缺少 {quoted}")
    } else if message.starts_with("duplicate") {
        "同一项写了两次".to_owned()
    } else if message.starts_with("invalid type") || message.starts_with("invalid value") {
        format!("值的类型或大小不对（{message}）")
    } else {
        format!("不是有效的 TOML（{message}）")
    };
    words(zh, message)
}
