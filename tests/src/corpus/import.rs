//! Tables that people import, read as the two kinds with the most different cells.

use metrics::statements::Statements;
use server::import::{Against, kinds, prepare, template};

/// Whatever the bytes, the answer is a list of statements or of what is wrong, never both and never neither.
pub(super) fn run_import(bytes: &[u8]) {
    let statements = Statements::default();
    let zone = server::evaluate::csv::zone("Asia/Shanghai").expect("bundled");
    let against = Against { statements: &statements, zone, now_ms: 1_776_650_400_000 };
    for kind in ["ledger", "revenue", "calendar"].into_iter().filter_map(kinds::find) {
        let import = prepare(kind, bytes, &against);
        assert_ne!(import.wrong.is_empty(), import.items.is_empty());
    }
}

pub(super) fn tables() -> Vec<Vec<u8>> {
    let filled = |kind: &kinds::Kind| template::csv(kind).replace("\r\n# ", "\r\n").into_bytes();
    let mut all: Vec<Vec<u8>> = kinds::ALL.into_iter().map(filled).collect();
    all.push("sep=;\n班次;开始;结束;星期;休息\nday;8:00;20:00;周一至六;\"12:00-12:30；17:00-17:30\"\n".into());
    all
}
