//! What a person stated: canonical JSON (RFC 8785), restricted to integers and text so that every reader agrees.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{Error, Result};

/// Longest declaration, bytes of canonical JSON.
pub const DECLARATION_MAX: usize = 256 * 1024;

/// Largest magnitude of a number in our JSON: 2⁵³ − 1, what every JSON reader keeps exactly.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

const DEPTH_MAX: usize = 32;

/// A human statement that can move a number. The server appends it for an authenticated user; corrections supersede.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What it states: `site`, `calendar`, `machine`, `cycle_time`, `plan` … The body's shape follows from it.
    pub kind: String,
    /// UTC ms from which it holds.
    pub effective_from: i64,
    /// Pseudonym of the author.
    pub author: String,
    /// The role in which the author spoke.
    pub role: String,
    /// Why, in the author's words.
    pub reason: String,
    /// The statement.
    pub body: Json,
}

impl Declaration {
    /// Canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_value(self).map_err(|e| Error::malformed("declaration", e.to_string()))?;
        let bytes = canonical_json(&json)?;
        if bytes.len() > DECLARATION_MAX {
            return Err(Error::too_large("declaration", bytes.len(), DECLARATION_MAX));
        }
        Ok(bytes)
    }

    /// Reads canonical bytes; bytes that are not canonical are refused.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > DECLARATION_MAX {
            return Err(Error::too_large("declaration", bytes.len(), DECLARATION_MAX));
        }
        let declaration: Self =
            serde_json::from_slice(bytes).map_err(|e| Error::malformed("declaration", e.to_string()))?;
        if declaration.encode()? != bytes {
            return Err(Error::malformed("declaration", "not canonical JSON"));
        }
        Ok(declaration)
    }
}

/// RFC 8785 for JSON without fractions: keys sorted by UTF-16 code units, no white space, integers within ±(2⁵³ − 1).
pub fn canonical_json(json: &Json) -> Result<Vec<u8>> {
    let mut out = String::new();
    write_json(json, &mut out, 0)?;
    Ok(out.into_bytes())
}

fn write_json(json: &Json, out: &mut String, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Error::malformed("JSON", format!("nested deeper than {DEPTH_MAX}")));
    }
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Json::Number(n) => match n.as_i64() {
            Some(i) if i.abs() <= INTEGER_MAX => {
                let _ = write!(out, "{i}");
            }
            _ => return Err(Error::malformed("JSON", format!("the number {n} is not an integer within ±(2^53 - 1)"))),
        },
        Json::String(s) => write_text(s, out),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json(item, out, depth + 1)?;
            }
            out.push(']');
        }
        Json::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_json(&members[key], out, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{9}' => out.push_str("\\t"),
            '\u{a}' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\u{d}' => out.push_str("\\r"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
