//! What people declared, in words: the members of a declaration's body and the values that are words themselves.
//!
//! Constraints first: nothing is left out and nothing is computed but a unit; a member or value this program does not know is
//! printed as it is. Digests are printed short where a reader compares by eye, and whole in the workbook.

use look::format::THIN;
use serde_json::Value as Json;

use crate::chapters::Context;
use crate::read::Names;
use crate::words::Words;

/// A member's name in Chinese and English. What comes first here is printed first.
const FIELDS: [(&str, &str, &str); 214] = [
    ("machine", "设备", "machine"),
    ("product", "产品", "product"),
    ("gateway", "网关", "gateway"),
    ("site", "站点", "site"),
    ("line", "产线", "line"),
    ("names", "名称", "name"),
    ("definition", "指标", "indicator"),
    ("plan", "方案", "plan"),
    ("machines", "设备", "machines"),
    ("incoming", "进线总表", "incoming meter"),
    ("calendar", "日历", "calendar"),
    ("shift", "班次", "shift"),
    ("date", "生产日期", "date"),
    ("role", "类别", "role"),
    ("critical", "关键设备", "key machine"),
    ("baseline", "基期", "base period"),
    ("reporting", "报告期", "reporting period"),
    ("metrics", "指标", "indicators"),
    ("target", "绩效目标", "target"),
    ("boundary", "测量边界", "boundary"),
    ("option", "测量与验证方案", "option"),
    ("direction", "方向", "direction"),
    ("value", "数值", "value"),
    ("numerator", "分子", "numerator"),
    ("denominator", "分母", "denominator"),
    ("unit", "单位", "unit"),
    ("days", "天数", "days"),
    ("shifts", "班次", "shifts"),
    ("weekdays", "星期", "weekdays"),
    ("start", "起", "start"),
    ("end", "止", "end"),
    ("breaks", "休息", "breaks"),
    ("holidays", "休息日", "holidays"),
    ("workdays", "调班工作日", "extra workdays"),
    ("from", "起", "from"),
    ("to", "止", "to"),
    ("from_ms", "起", "from"),
    ("to_ms", "止", "to"),
    ("at_ms", "时间", "at"),
    ("raised_ms", "报警时间", "raised"),
    ("acknowledged_ms", "知悉时间", "acknowledged"),
    ("handled_ms", "处置时间", "handled"),
    ("item_us", "计划节拍", "planned cycle"),
    ("items_per_cycle", "每循环件数", "items per cycle"),
    ("total", "总数", "total"),
    ("good", "合格数", "good"),
    ("reject", "不良数", "rejects"),
    ("signals", "信号", "signals"),
    ("state", "状态", "state"),
    ("power", "功率", "power"),
    ("energy", "电能", "energy"),
    ("order", "订单", "order"),
    ("batch", "批次", "batch"),
    ("alarm", "报警", "alarm"),
    ("state_rule", "状态规则", "state rule"),
    ("codes", "代码", "codes"),
    ("dwell_ms", "最短持续 ms", "dwell ms"),
    ("hysteresis_w", "回差 W", "hysteresis W"),
    ("run_from_w", "运行功率下限 W", "running from W"),
    ("off_below_w", "停机功率上限 W", "off below W"),
    ("modulus", "计数器模数", "modulus"),
    ("max_per_hour", "每小时最大增量", "most per hour"),
    ("zone", "时区", "time zone"),
    ("city", "城市", "city"),
    ("district", "区县", "district"),
    ("province", "省", "province"),
    ("sub_sector", "细分行业", "sub-sector"),
    ("simulated", "模拟数据", "simulated"),
    ("serial", "出厂编号", "serial number"),
    ("class", "准确度等级", "accuracy class"),
    ("classes", "准确度等级", "accuracy classes"),
    ("ct", "电流互感器", "current transformer"),
    ("pt", "电压互感器", "voltage transformer"),
    ("primary", "一次侧", "primary"),
    ("secondary", "二次侧", "secondary"),
    ("register", "读数侧", "register"),
    ("quantity", "量", "quantity"),
    ("per_count", "每计数代表", "per count"),
    ("counts", "计数", "counts"),
    ("certificates", "证书", "certificates"),
    ("kind", "种类", "kind"),
    ("number", "编号", "number"),
    ("issued", "签发", "issued"),
    ("issuer", "签发单位", "issuer"),
    ("valid_until", "有效期至", "valid until"),
    ("of", "对象", "of"),
    ("old_final_raw", "旧表止码", "last reading of the old"),
    ("new_initial_raw", "新表起码", "first reading of the new"),
    ("detector", "核查规则", "detector"),
    ("text", "说明", "text"),
    ("finding", "待核实事项", "matter"),
    ("findings", "待核实事项", "matters"),
    ("document", "文件", "document"),
    ("digest", "摘要", "digest"),
    ("code", "代码", "code"),
    ("reason", "原因", "reason"),
    ("source", "来源", "source"),
    ("carrier", "能源品种", "carrier"),
    ("account", "户号", "account"),
    ("amount", "数量", "amount"),
    ("loss", "损耗", "loss"),
    ("cost", "金额（元）", "cost (yuan)"),
    ("min_days", "最少天数", "least days"),
    ("coverage_percent", "最低覆盖率 %", "least coverage %"),
    ("seed", "随机种子", "seed"),
    ("replicates", "重复次数", "replicates"),
    ("block_days", "块长（天）", "block days"),
    ("sufficient", "数据充分", "sufficient"),
    ("size", "依据日志条数", "leaves"),
    ("leaf", "日志条", "leaf"),
    ("plan_leaf", "方案日志条", "leaf of the plan"),
    ("parameters", "参数", "parameters"),
    ("parameters_digest", "参数摘要", "digest of parameters"),
    ("counts_digest", "填报摘要", "digest of counts"),
    ("report", "报告摘要", "digest of the report"),
    ("bundle", "佐证包", "bundle"),
    ("documents", "文件摘要", "digests of documents"),
    ("definitions", "口径", "definitions"),
    ("key", "密钥", "key"),
    ("withdrawn", "已撤回", "withdrawn"),
    ("filing", "备案编号", "filing"),
    ("filed", "备案日期", "filed"),
    ("rule", "依据办法", "rule"),
    ("term", "实施期限", "term"),
    ("gateways", "网关", "gateways"),
    ("points", "测点", "points"),
    ("chain", "记录链", "chain"),
    ("first", "首号", "first record"),
    ("last", "末号", "last record"),
    ("file", "文件摘要", "digest of the file"),
    ("lines", "投资明细", "investment"),
    ("category", "类别", "category"),
    ("what", "内容", "what"),
    ("amount_fen", "金额（分）", "amount (fen)"),
    ("targets", "绩效目标", "targets"),
    ("promised", "目标值", "promised"),
    ("base", "基期", "base period"),
    ("method", "计算口径", "how it is counted"),
    ("payments", "预计拨付", "expected payments"),
    ("stage", "拨付阶段", "instalment"),
    ("change", "变更申请", "application"),
    ("items", "变更内容", "items"),
    ("without_machine", "取消设备", "without machine"),
    ("without_gateway", "取消网关", "without gateway"),
    ("without_line", "取消投资", "without investment"),
    ("without_target", "取消目标", "without target"),
    ("firm", "项目主体", "firm"),
    ("other", "其他变更", "other"),
    ("by", "意见方", "by"),
    ("body", "单位", "body"),
    ("opinion", "意见", "opinion"),
    ("check", "现场核查", "on-site check"),
    ("wanted", "抽取台数", "machines to draw"),
    ("action", "动作", "done"),
    ("same_register", "网关所读的同一块表", "the meter that is read"),
    ("photo", "照片", "photo"),
    ("taken_ms", "拍摄时间", "taken"),
    ("meter_serial", "电能表编号", "meter's serial number"),
    ("seal", "封印", "seal"),
    ("seal_number", "封印编号", "number of the seal"),
    ("note", "其他情况", "note"),
    ("side", "确认方", "side"),
    ("through", "确认至日志条", "through leaf"),
    ("found", "日志所示", "the log showed"),
    ("draw", "抽取", "draw"),
    ("drawn", "抽中", "drawn"),
    ("root", "日志树根", "root of the tree"),
    ("meter", "读数", "meter"),
    ("plate", "铭牌", "plate"),
    ("outcome", "状态变化", "state"),
    ("pressed_ms", "按下时间", "pressed"),
    ("within_ms", "前后计入 ms", "within ms"),
    ("others", "同时变化的设备", "changed at the same time"),
    ("lag_ms", "滞后 ms", "lag ms"),
    ("agrees", "在允许范围内", "within what is allowed"),
    ("face", "表面", "face"),
    ("deviation", "偏差", "deviation"),
    ("band", "允许范围", "allowed"),
    ("hint", "存疑", "suspicion"),
    ("ratio", "倍率", "ratio"),
    ("clock", "时钟", "clock"),
    ("counted", "日志所计", "as counted"),
    ("fits", "与表面相符", "as the face fits"),
    ("off_ms", "相差 ms", "off by ms"),
    ("increment", "两次之差", "increment"),
    ("since", "起自日志条", "since leaf"),
    ("times", "已乘倍率", "multiplied by"),
    ("readings", "计数读数", "readings of the register"),
    ("scale", "采集倍率", "scale"),
    ("configured", "每计数 kWh（采集配置）", "kWh per count, configured"),
    ("expected", "每计数 kWh（按铭牌）", "kWh per count, by the plate"),
    ("stated_ct", "填报的互感器", "stated transformers"),
    ("stated_serial", "填报的电能表编号", "stated number of the meter"),
    ("ledger_serial", "台账编号", "number in the ledger"),
    ("paper", "材料", "paper"),
    ("name", "名称", "name"),
    ("due", "期限", "due"),
    ("judged", "处理", "became of it"),
    ("list", "名单", "list"),
    ("provider", "服务商", "provider"),
    ("investment_fen", "计划投资（分）", "planned investment (fen)"),
    ("asks", "要求", "asked of the firm"),
    ("measured", "实测", "measured"),
    ("window", "测算期", "measured over"),
    ("before", "基期值", "before"),
    ("now", "现值", "now"),
    ("interval", "95 % 区间", "95 % interval"),
    ("standing", "判断", "standing"),
    ("reasons", "原因", "reasons"),
    ("explanation", "企业说明", "explanation"),
    ("measures", "整改措施", "measures"),
    ("who", "责任人", "who"),
    ("acceptance", "验收", "acceptance"),
    ("held", "验收日期", "held on"),
];

/// Values that are words, by member.
const VALUES: [(&str, &str, &str, &str); 49] = [
    ("direction", "increase", "提高", "increase"),
    ("direction", "decrease", "降低", "decrease"),
    ("direction", "import", "用入", "import"),
    ("direction", "export", "送出", "export"),
    ("unit", "percentage_points", "个百分点", "percentage points"),
    ("unit", "percent", "%", "%"),
    ("register", "primary", "一次侧", "primary"),
    ("register", "secondary", "二次侧", "secondary"),
    ("kind", "verification", "检定", "verification"),
    ("kind", "calibration", "校准", "calibration"),
    ("of", "meter", "电能表", "meter"),
    ("of", "ct", "电流互感器", "current transformer"),
    ("of", "pt", "电压互感器", "voltage transformer"),
    ("source", "third_party_settlement", "第三方结算", "third-party settlement"),
    ("source", "supply_interval_data", "供电公司负荷数据", "interval data of the supply company"),
    ("source", "paper", "纸质单据", "paper"),
    ("by", "district", "属地主管部门", "district"),
    ("by", "centre", "促进中心", "promotion centre"),
    ("by", "city", "市级主管部门", "city"),
    ("by", "finance", "财政部门", "finance bureau"),
    ("judged", "received", "已接收", "received"),
    ("judged", "return", "退回补正", "returned for correction"),
    ("opinion", "agree", "同意", "agreed"),
    ("opinion", "disagree", "不同意", "not agreed"),
    ("opinion", "return", "退回补正", "returned for correction"),
    ("action", "stop", "停机", "stopped"),
    ("action", "start", "启动", "started"),
    ("side", "checker", "核查方", "who checks"),
    ("side", "firm", "企业", "firm"),
    ("seal", "intact", "完好", "intact"),
    ("seal", "broken", "破损", "broken"),
    ("seal", "none", "无封印", "none"),
    ("outcome", "changed", "随之变化", "followed"),
    ("outcome", "not_changed", "未随之变化", "did not follow"),
    ("outcome", "not_observed", "未观测到", "not observed"),
    ("serial", "agrees", "相符", "agrees"),
    ("serial", "differs", "不符", "differs"),
    ("serial", "open", "无从比对", "nothing to compare"),
    ("meter_serial", "agrees", "相符", "agrees"),
    ("meter_serial", "differs", "不符", "differs"),
    ("meter_serial", "open", "无从比对", "nothing to compare"),
    ("ct", "agrees", "相符", "agrees"),
    ("ct", "differs", "不符", "differs"),
    ("ct", "open", "无从比对", "nothing to compare"),
    ("scale", "agrees", "相符", "agrees"),
    ("scale", "differs", "不符", "differs"),
    ("scale", "open", "无从比对", "nothing to compare"),
    ("acceptance", "city", "市级验收", "by the city"),
    ("acceptance", "national", "国家整体验收", "national"),
];

/// Digits of a digest that a reader compares by eye.
const SHORT: usize = 16;

/// How bodies are said.
pub(crate) struct Fields<'f> {
    context: &'f Context<'f>,
    /// Digests are whole.
    is_whole: bool,
}

impl<'f> Fields<'f> {
    /// For a page.
    pub(crate) fn short(context: &'f Context<'f>) -> Self {
        Self { context, is_whole: false }
    }

    /// For the workbook.
    pub(crate) fn whole(context: &'f Context<'f>) -> Self {
        Self { context, is_whole: true }
    }

    fn words(&self) -> Words {
        self.context.words
    }

    /// A body: `设备 press · 产品 101 · 计划节拍 8 s`.
    pub(crate) fn body(&self, body: &Json) -> String {
        match body.as_object() {
            Some(_) => self.members(body, " · "),
            None => self.value("", body),
        }
    }

    fn members(&self, of: &Json, between: &str) -> String {
        let known = |key: &str| FIELDS.iter().position(|(known, ..)| *known == key).unwrap_or(FIELDS.len());
        let mut members: Vec<(&String, &Json)> = of.as_object().into_iter().flatten().collect();
        members.retain(|(_, value)| !value.is_null());
        members.sort_by_key(|(key, _)| known(key));
        let said = members.into_iter().map(|(key, value)| format!("{} {}", self.name(key), self.value(key, value)));
        said.collect::<Vec<String>>().join(between)
    }

    fn name<'k>(&self, key: &'k str) -> &'k str {
        let found = FIELDS.iter().find(|(known, ..)| *known == key);
        found.map_or(key, |(_, zh, en)| self.words().s(zh, en))
    }

    fn value(&self, key: &str, value: &Json) -> String {
        let words = self.words();
        match value {
            Json::Bool(true) => words.s("是", "yes").to_owned(),
            Json::Bool(false) => words.s("否", "no").to_owned(),
            Json::String(text) => self.text(key, text),
            Json::Number(n) => match n.as_i64() {
                // A planned cycle is stated in microseconds.
                Some(us) if key == "item_us" && us >= 0 => seconds(us),
                Some(ms)
                    if matches!(
                        key,
                        "at_ms"
                            | "from_ms"
                            | "to_ms"
                            | "raised_ms"
                            | "acknowledged_ms"
                            | "handled_ms"
                            | "taken_ms"
                            | "pressed_ms"
                    ) =>
                {
                    self.context.face().full(ms)
                }
                _ => n.to_string(),
            },
            Json::Array(items) => {
                let all: Vec<String> = items.iter().map(|item| self.value(key, item)).collect();
                all.join(words.s("、", ", "))
            }
            Json::Object(members) => {
                let text = |key: &str| members.get(key).and_then(Json::as_str);
                let others = members.keys().filter(|k| !matches!(k.as_str(), "zh" | "en" | "gateway" | "tag")).count();
                match (text("zh"), text("en"), text("gateway"), text("tag")) {
                    (Some(zh), Some(en), ..) if others == 0 => {
                        words.name(&Names { zh: zh.to_owned(), en: en.to_owned() }, "")
                    }
                    (_, _, Some(gateway), Some(tag)) if others == 0 => format!("{gateway}/{tag}"),
                    _ if key == "codes" => self.codes(value),
                    _ => words.s("（内容）", "(内容)").replace("内容", &self.members(value, words.s("，", ", "))),
                }
            }
            Json::Null => String::new(),
        }
    }

    /// `0 关机，1 待机`: what a machine's state register says.
    fn codes(&self, codes: &Json) -> String {
        let words = self.words();
        let said = |(code, state): (&String, &Json)| {
            let state = state.as_str().map_or_else(|| state.to_string(), |s| words.word("state", s));
            format!("{code} {state}")
        };
        let all: Vec<String> = codes.as_object().into_iter().flatten().map(said).collect();
        words.s("（内容）", "(内容)").replace("内容", &all.join(words.s("，", ", ")))
    }

    fn text(&self, key: &str, text: &str) -> String {
        let words = self.words();
        let known = VALUES.iter().find(|(of, value, ..)| (*of, *value) == (key, text));
        match (known, key) {
            (Some((_, _, zh, en)), _) => words.s(zh, en).to_owned(),
            (None, "role") => words.word("kind", text),
            (None, "definition" | "definitions") => words.definition(self.context.report, text),
            (None, "machine" | "machines") if text == metrics::report::ALL_MACHINES => {
                words.machine(self.context.report, text)
            }
            _ if !self.is_whole && is_digest(text) => format!("{}…", text.get(..SHORT).unwrap_or(text)),
            _ => text.to_owned(),
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Microseconds as seconds, exactly.
fn seconds(us: i64) -> String {
    let digits = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    format!("{}{THIN}s", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_said_in_seconds_exactly() {
        assert_eq!(seconds(8_000_000), "8\u{202f}s");
        assert_eq!(seconds(1_500), "0.0015\u{202f}s");
    }

    #[test]
    fn no_member_is_named_twice() {
        let mut keys: Vec<&str> = FIELDS.iter().map(|(key, ..)| *key).collect();
        keys.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{keys:?}");
    }
}
