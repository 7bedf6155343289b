//! The list of an authority (汇总表): one row for each firm. It is no table of one site: rows find their sites by code or name
//! (`query/register.rs`).

use metrics::dossier::is_credit_code;
use serde_json::{Map, Value as Json};

use super::{Field, Kind, may, need};
use crate::import::Against;
use crate::import::cell::bad;
use crate::import::parse::{Draft, Fault, Row};

/// Longest name, bytes of UTF-8.
const NAME: Field = Field::Text(600);
/// Most yuan: ten billion.
const YUAN_MAX: i64 = 10_000_000_000;

/// Firms of a list: a `firm_listed` statement in the log of each one's site.
pub static REGISTER: Kind = Kind {
    id: "firm_listed",
    names: ["企业汇总表", "List of firms"],
    words: [
        "每家企业一行，按统一社会信用代码或企业名称对应到站点；不需要的列，在列名前加 #。",
        "One row for each firm, matched to its site by code or name; put # before the name of a column that is not needed.",
    ],
    columns: &[
        need("code", "统一社会信用代码", "Unified social credit code", Field::Text(64), "91350100M000100Y43"),
        need("name", "企业名称", "Firm", NAME, "某机械有限公司"),
        may("site", "站点编号", "Site id", Field::Text(64), ""),
        may("list", "名单名称", "List", NAME, "第四批转型项目征集汇总表"),
        may("number", "项目编号", "Number", NAME, "4-017"),
        may("district", "县（市）区", "District", NAME, "五华区"),
        may("sub_sector", "细分行业", "Sub-sector", NAME, "通用设备制造"),
        may("provider", "服务商", "Provider", NAME, "某服务商"),
        may(
            "investment",
            "计划投资（元）",
            "Planned investment (yuan)",
            Field::Decimal { places: 2, min: 0, max: YUAN_MAX },
            "",
        ),
        may(
            "investment_wan",
            "计划投资（万元）",
            "Planned investment (10,000 yuan)",
            Field::Decimal { places: 6, min: 0, max: YUAN_MAX / 10_000 },
            "120",
        ),
        may("filed", "备案日期", "Date of the filing", Field::Date { ahead: false }, "2026-02-01"),
    ],
    key: &["code"],
    together: false,
    draft,
};

/// A decimal that was read already, in units of so many places.
fn scaled(text: &str, places: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<places$}").parse().ok()
}

fn draft(rows: &[Row], _: &Against<'_>) -> Result<Vec<Draft>, Fault> {
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let mut body: Map<String, Json> = Map::new();
    for column in ["code", "name", "list", "number", "district", "sub_sector", "provider"] {
        if let Some(text) = row.text(column) {
            body.insert(column.to_owned(), text.into());
        }
    }
    if !row.text("code").is_some_and(is_credit_code) {
        let wrong = bad(
            "不是统一社会信用代码：末位校验码不符，或不是 18 位数字与大写字母",
            "is no unified social credit code: its last character does not check the others, or it is not 18 digits and capital letters",
            "对照营业执照核对；Excel 会改写长数字，请把该列设为文本",
            "compare with the business licence; Excel rewrites long numbers: make the column text",
        );
        return Err(Fault::at(row, "code", wrong));
    }
    let yuan = row.text("investment").and_then(|text| scaled(text, 2));
    let wan = row.text("investment_wan").and_then(|text| scaled(text, 6));
    if yuan.is_some() && wan.is_some() && yuan != wan {
        let wrong = bad(
            "元与万元两列不一致",
            "the columns in yuan and in 10,000 yuan differ",
            "只保留一列，或核对单位",
            "keep one of them, or check the units",
        );
        return Err(Fault::at(row, "investment_wan", wrong));
    }
    // Nothing planned is nothing said.
    if let Some(fen) = yuan.or(wan).filter(|fen| *fen != 0) {
        body.insert("investment_fen".to_owned(), fen.into());
    }
    if let Some(date) = row.date("filed") {
        body.insert("filed".to_owned(), date.to_string().into());
    }
    Ok(vec![Draft::new("firm_listed", Json::Object(body), rows)])
}
