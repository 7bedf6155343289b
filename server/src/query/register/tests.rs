use super::*;
use crate::import;
use crate::query::read_given;
use crate::store::SiteRow;

fn entry(id: &str, name: &str, code: &str) -> SiteEntry {
    let site = SiteRow {
        id: id.into(),
        name_zh: name.into(),
        name_en: String::new(),
        city: "昆明".into(),
        district: "西山区".into(),
        sub_sector: String::new(),
        time_zone: "Asia/Shanghai".into(),
        simulated: false,
        created_ms: 0,
    };
    SiteEntry { site, code: code.into(), listed: String::new() }
}

const A: &str = "91350100M000100Y43";
const B: &str = "91440300708461136T";
const C: &str = "91330100799655058B";

/// Drafts of a list as a CSV file, and what is wrong with it before sites are looked for.
fn read(csv: &str) -> (Vec<Draft>, Vec<Wrong>) {
    let given = Given::File { name: "list.csv".into(), bytes: csv.as_bytes().to_vec() };
    let import = read_given(&REGISTER, &given, &Statements::default(), "Asia/Shanghai", 1_780_000_000_000);
    (import.items.into_iter().map(|item| item.draft).collect(), import.wrong)
}

fn sites(rows: &[RegisterRow]) -> Vec<Option<&str>> {
    rows.iter().map(|row| row.site.as_ref().map(|site| site.id.as_str())).collect()
}

#[test]
fn rows_find_their_site_by_id_then_code_then_name_and_firms_without_one_are_no_mistake() {
    let entries = [entry("s-1", "甲机械（昆明）有限公司", ""), entry("s-2", "乙", B), entry("s-3", "丙", "")];
    let csv = format!(
        "统一社会信用代码,企业名称,站点编号,计划投资（万元）\n{A},甲机械(昆明) 有限公司,,120.5\n{B},乙股份,,\n{C},不在此,s-3,1\n91330100716105852F,丁,,2\n"
    );
    let (drafts, wrong) = read(&csv);
    assert_eq!(wrong, []);
    let (rows, wrong) = matched(&entries, &drafts);
    assert_eq!(wrong, []);
    assert_eq!(sites(&rows), [Some("s-1"), Some("s-2"), Some("s-3"), None]);
    assert_eq!(rows[0].body["investment_fen"], 120_500_000);
    assert_eq!(rows[1].body.get("investment_fen"), None);
    assert!(rows[0].is_to_state() && !rows[3].is_to_state());
}

#[test]
fn what_could_be_two_sites_or_contradicts_a_code_is_refused() {
    let entries = [entry("s-1", "甲", ""), entry("s-2", "甲", ""), entry("s-3", "丙", B)];
    let csv = format!("code,name,site\n{A},甲,\n{C},丙,\n91330100716105852F,丙,s-9\n");
    let (rows, wrong) = matched(&entries, &read(&csv).0);
    assert_eq!(rows, []);
    let said: Vec<(u32, &str)> = wrong.iter().map(|w| (w.line, w.what.zh.as_str())).collect();
    assert_eq!(
        said,
        [
            (2, "“甲”有不止一个站点（s-1、s-2 等）"),
            (3, "站点 s-3 已登记的代码是 91440300708461136T，与本行 91330100799655058B 不同"),
            (4, "没有站点 s-9，或不在您的范围内"),
        ]
    );
    assert_eq!(wrong[0].what.en, "there is more than one site of `甲` (s-1, s-2, …)");
    assert_eq!(wrong[1].what.en, "site `s-3` has the code 91440300708461136T already, not 91330100799655058B");
    assert_eq!(wrong[2].what.en, "there is no site `s-9`, or it is not within your scope");
    // One firm with two sites: its code does not say which.
    let twice = [entry("s-1", "甲", A), entry("s-2", "甲二", A)];
    let (rows, wrong) = matched(&twice, &read(&format!("code,name,site\n{A},甲,\n")).0);
    assert_eq!((rows, wrong[0].what.zh.as_str()), (vec![], format!("“{A}”有不止一个站点（s-1、s-2 等）").as_str()));
    assert_eq!(sites(&matched(&twice, &read(&format!("code,name,site\n{A},甲,s-2\n")).0).0), [Some("s-2")]);
    // Two rows of one site.
    let csv = format!("code,name,site\n{A},甲,s-1\n{C},甲甲,s-1\n");
    let (_, wrong) = matched(&entries, &read(&csv).0);
    assert_eq!(wrong[0].what, Said::new("与第 2 行是同一站点（s-1）", "is the same site as line 2 (s-1)"));
}

#[test]
fn a_code_twice_a_wrong_code_and_an_amount_with_its_unit_are_told_by_line_and_column() {
    let csv = format!(
        "统一社会信用代码,企业名称,计划投资（万元）\n{A},甲,120\n{A},乙,130\n91350100M000100Y44,丙,\n{B},丁,120万元\n"
    );
    let (_, wrong) = read(&csv);
    let told: Vec<(u32, &str)> = wrong.iter().map(|w| (w.line, w.column.as_str())).collect();
    assert_eq!(told, [(3, ""), (4, "统一社会信用代码"), (5, "计划投资（万元）")]);
    assert_eq!(wrong[0].what.zh, "与第 2 行重复（统一社会信用代码 相同）");
    assert_eq!(wrong[0].what.en, "says the same as line 2 (Unified social credit code are the same)");
    assert_eq!(wrong[1].what.zh, "不是统一社会信用代码：末位校验码不符，或不是 18 位数字与大写字母");
    let en = "is no unified social credit code: its last character does not check the others, or it is not 18 digits and capital letters";
    assert_eq!(wrong[1].what.en, en);
    // Yuan in one column and ten thousands in the other.
    let (_, wrong) = read(&format!("code,name,investment,investment_wan\n{A},甲,1200000,12\n"));
    assert_eq!(wrong[0].what, Said::new("元与万元两列不一致", "the columns in yuan and in 10,000 yuan differ"));
    assert_eq!(read(&format!("code,name,investment,investment_wan\n{A},甲,1200000,120\n")).1, []);
}

#[test]
fn the_template_reads_once_its_example_is_no_longer_left_out() {
    let csv = import::template::csv(&REGISTER).replace("# ", "");
    let (drafts, wrong) = read(csv.trim_start_matches('\u{feff}'));
    assert_eq!(wrong, []);
    assert_eq!(drafts[0].body["investment_fen"], 120_000_000);
}
