//! An empty table with its header and one example, which an import leaves out.

use super::kinds::Kind;
use super::parse::heading;

/// The template of a table as CSV: UTF-8 with a byte order mark, so that Excel reads Chinese; lines end as Excel's do.
#[must_use]
pub fn csv(kind: &Kind) -> String {
    let header: Vec<String> = kind.columns.iter().map(heading).collect();
    let mut example: Vec<String> = kind.columns.iter().map(|c| c.example.to_owned()).collect();
    if let Some(first) = example.first_mut() {
        first.insert_str(0, "# ");
    }
    let line = |cells: &[String]| cells.iter().map(|c| field(c)).collect::<Vec<_>>().join(",");
    format!("\u{feff}{}\r\n{}\r\n", line(&header), line(&example))
}

fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
