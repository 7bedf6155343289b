//! What was found, in words. Agreement and deviation are said with their numbers; nobody is judged.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{
    Act, Action, Agreement, Change, Compared, Followed, Found, Hint, MeterSeen, NotYet, PlateSeen, SealState, StateSeen,
};
use crate::report::Words;

/// A sentence about what was found, and whether it agrees.
pub type Line = (Agreement, Words);

fn words(zh: impl Into<String>, en: impl Into<String>) -> Words {
    Words { zh: zh.into(), en: en.into() }
}

/// Seconds with one decimal.
fn seconds(ms: i64) -> String {
    let ms = ms.unsigned_abs();
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}

/// Local time of day.
fn clock(zone: &str, ms: i64) -> String {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(zone).strftime("%H:%M:%S").to_string()
}

impl Found {
    /// What was found of an act, sentence by sentence; `name` gives a machine's.
    pub fn lines(&self, act: &Act, name: &dyn Fn(&str) -> Words) -> Vec<Line> {
        match (self, act) {
            (Self::State(seen), Act::Press(press)) => seen.lines(press.action, &press.machine, name),
            (Self::Meter(seen), _) => seen.lines(),
            (Self::Plate(seen), Act::Plate(plate)) => {
                let mut out = seen.lines();
                out.push(seal(plate.seal, &plate.seal_number));
                out
            }
            _ => Vec::new(),
        }
    }

    /// Whether something of it differs; what is open does not.
    pub fn differs(&self, act: &Act) -> bool {
        self.lines(act, &|id| words(id, id)).iter().any(|(agreement, _)| *agreement == Agreement::Differs)
    }
}

impl Change {
    fn words(&self, name: &dyn Fn(&str) -> Words) -> Words {
        let name = name(&self.machine);
        let (before, after) = if self.lag_ms < 0 { ("前", "before") } else { ("后", "after") };
        words(
            format!("“{}”在按下{before} {} 秒由{}变为{}", name.zh, seconds(self.lag_ms), self.from.zh(), self.to.zh()),
            format!(
                "{} went from {} to {} {} s {after} the press",
                name.en,
                self.from.name(),
                self.to.name(),
                seconds(self.lag_ms)
            ),
        )
    }
}

impl StateSeen {
    fn lines(&self, action: Action, machine: &str, name: &dyn Fn(&str) -> Words) -> Vec<Line> {
        let own = name(machine);
        let (done, done_en) = match action {
            Action::Stop => ("停机", "stopped"),
            Action::Start => ("启动", "started"),
        };
        let within = self.within_ms / 1000;
        let mut out = vec![match (self.outcome, &self.change) {
            (Followed::Changed, Some(change)) => {
                let change = change.words(name);
                let zh = format!("日志中{}：与现场{done}相符", change.zh);
                (Agreement::Agrees, words(zh, format!("in the log {}, as it was {done_en}", change.en)))
            }
            (Followed::NotObserved, _) => (
                Agreement::Open,
                words(
                    format!("前后 {within} 秒内“{}”的读数有中断，未观测到变化：不作判断，请再试一次", own.zh),
                    format!(
                        "within {within} s {} was not observed all the time and no change was seen: nothing can be said, try again",
                        own.en
                    ),
                ),
            ),
            _ => (
                Agreement::Differs,
                words(
                    format!("前后 {within} 秒内日志中“{}”的状态未随现场{done}而变", own.zh),
                    format!(
                        "within {within} s the state of {} in the log did not change when it was {done_en}",
                        own.en
                    ),
                ),
            ),
        }];
        if !self.others.is_empty() {
            let all: Vec<Words> = self.others.iter().map(|change| change.words(name)).collect();
            let zh: Vec<&str> = all.iter().map(|w| w.zh.as_str()).collect();
            let en: Vec<&str> = all.iter().map(|w| w.en.as_str()).collect();
            let (zh, en) = (zh.join("；"), en.join("; "));
            out.push(if self.outcome == Followed::Changed {
                (Agreement::Open, words(format!("同时变化的还有：{zh}"), format!("at the same time {en}")))
            } else {
                (
                    Agreement::Differs,
                    words(
                        format!("同时变化的是：{zh}。疑似两台设备的互感器、传感器或数据点互换，须查线核实"),
                        format!(
                            "instead {en}: clamps, sensors or tags of the two are possibly swapped; follow the cable"
                        ),
                    ),
                )
            });
        }
        out
    }
}

impl Compared {
    fn line(&self, zh: &str, en: &str) -> Line {
        let [low, high] = &self.band;
        let percent = self.percent.as_ref().map(|p| format!("（{p} %）")).unwrap_or_default();
        let percent_en = self.percent.as_ref().map(|p| format!(" ({p} %)")).unwrap_or_default();
        let Self { face, register, deviation, .. } = self;
        let (is, is_en) = if self.agrees { ("在", "within") } else { ("超出", "outside") };
        let after = if self.agrees { "内" } else { "" };
        let mut said = words(
            format!(
                "{zh}：表面 {face} kWh，日志 {register} kWh，偏差 {deviation} kWh{percent}，{is}位数与时钟允许的 [{low}, {high}] {after}"
            ),
            format!(
                "{en}: face {face} kWh, log {register} kWh, deviation {deviation} kWh{percent_en}, {is_en} the [{low}, {high}] that digits and clocks allow"
            ),
        );
        said.zh = said.zh.trim_end().to_owned();
        match &self.hint {
            Some(Hint::Ratio { counted, fits }) => {
                let zh = |r: &str| if r == "1" { "不经互感器".to_owned() } else { format!("互感器 {r}") };
                let en = |r: &str| if r == "1" { "no transformer".to_owned() } else { format!("a transformer of {r}") };
                said.zh.push_str(&format!(
                    "。倍率存疑：日志似按{}计，表面与{}相符，须查铭牌核实",
                    zh(counted),
                    zh(fits)
                ));
                said.en.push_str(&format!(
                    ". Possibly the ratio: the log seems to count with {}, the face fits {}; check the plate",
                    en(counted),
                    en(fits)
                ));
            }
            Some(Hint::Clock { off_ms }) => {
                let (zh, en) = if *off_ms < 0 { ("早", "earlier") } else { ("晚", "later") };
                let off = seconds(*off_ms);
                said.zh.push_str(&format!("。日志比照片{zh} {off} 秒为此读数：或为手机时钟不准"));
                said.en.push_str(&format!(
                    ". The log showed this value {off} s {en} than the photo says: possibly the phone's clock"
                ));
            }
            None => {}
        }
        (if self.agrees { Agreement::Agrees } else { Agreement::Differs }, said)
    }
}

impl MeterSeen {
    fn lines(&self) -> Vec<Line> {
        let mut out = Vec::new();
        out.extend(self.register.as_ref().map(|c| c.line("读数", "reading")));
        out.extend(self.increment.as_ref().map(|c| c.line("两次读数之差", "increment of two readings")));
        if let Some(times) = &self.times {
            out.push((
                Agreement::Open,
                words(
                    format!("表面为二次侧（已填报），已乘以填报的倍率 {times}"),
                    format!("the face is on the secondary side, as stated; multiplied by the stated ratio {times}"),
                ),
            ));
        }
        out
    }
}

impl PlateSeen {
    fn lines(&self) -> Vec<Line> {
        let serial = |of: Agreement, zh: &str, en: &str, stated: &str| {
            let (says, says_en) = match of {
                Agreement::Agrees => (format!("与填报的 {stated} 相符"), format!("as stated ({stated})")),
                Agreement::Differs => {
                    (format!("与填报的 {stated} 不符"), format!("differs from what is stated ({stated})"))
                }
                Agreement::Open => {
                    ("未抄录或未填报，无从比对".to_owned(), "not read or not stated: nothing to compare".to_owned())
                }
            };
            (of, words(format!("{zh}{says}"), format!("{en} {says_en}")))
        };
        let mut out = vec![
            serial(self.serial, "设备铭牌编号", "the machine's serial number is", &self.ledger_serial),
            serial(self.meter_serial, "电能表编号", "the meter's serial number is", &self.stated_serial),
        ];
        let stated = self.stated_ct.map_or_else(
            || ("未填报互感器".to_owned(), "no transformer is stated".to_owned()),
            |ct| {
                let ratio = format!("{}/{}", ct.primary, ct.secondary);
                (format!("填报为 {ratio}"), format!("{ratio} is stated"))
            },
        );
        out.push((
            self.ct,
            match self.ct {
                Agreement::Agrees => words(
                    format!("互感器变比与填报相符（{}）", stated.0),
                    format!("the transformer ratio is as stated ({})", stated.1),
                ),
                Agreement::Differs => words(
                    format!("互感器变比与填报不符（{}）", stated.0),
                    format!("the transformer ratio differs from what is stated ({})", stated.1),
                ),
                Agreement::Open => words(
                    "互感器变比未抄录或电能表未填报，无从比对",
                    "the transformer ratio was not read or the meter is not stated: nothing to compare",
                ),
            },
        ));
        let configured = self.configured.as_deref().unwrap_or("—");
        let expected = self.expected.as_deref().unwrap_or("—");
        out.push((
            self.scale,
            match self.scale {
                Agreement::Agrees => words(
                    format!("网关采集倍率（每计数 {configured} kWh）与铭牌变比相符"),
                    format!("the scale the gateway applies ({configured} kWh per count) fits the ratio on the plate"),
                ),
                Agreement::Differs => words(
                    format!("网关采集倍率与铭牌变比不符：现为每计数 {configured} kWh，按铭牌应为 {expected} kWh"),
                    format!("the scale the gateway applies does not fit the ratio on the plate: {configured} kWh per count, by the plate {expected} kWh"),
                ),
                Agreement::Open => words("网关采集倍率与铭牌变比无从比对", "whether the scale the gateway applies fits the plate cannot be told"),
            },
        ));
        out
    }
}

fn seal(state: SealState, number: &str) -> Line {
    let (zh, en) = if number.is_empty() {
        (String::new(), String::new())
    } else {
        (format!("（{number}）"), format!(" ({number})"))
    };
    match state {
        SealState::Intact => (Agreement::Agrees, words(format!("封印完好{zh}"), format!("the seal is intact{en}"))),
        SealState::Broken => (Agreement::Differs, words(format!("封印破损{zh}"), format!("the seal is broken{en}"))),
        SealState::None => (Agreement::Open, words(format!("无封印{zh}"), format!("there is no seal{en}"))),
    }
}

impl NotYet {
    /// Why there is no result yet, and what to do, with times of the site's zone.
    pub fn words(&self, zone: &str) -> Words {
        match self {
            Self::Readings { newest_ms: None, .. } => {
                words("尚未收到该网关的任何读数", "nothing was received from this gateway yet")
            }
            Self::Readings { newest_ms: Some(newest), until_ms } => {
                let (newest, until) = (clock(zone, *newest), clock(zone, *until_ms));
                words(
                    format!(
                        "尚未收到该时刻的读数：需收到 {until} 之后的读数，目前收到 {newest} 为止。读数每 10 秒封存一次，请稍候；断网时补传后再记"
                    ),
                    format!(
                        "readings of that moment were not received yet: those up to {until} are needed, received are those up to {newest}. Records are sealed every 10 s, so wait a little; after an outage record it when they have come"
                    ),
                )
            }
            Self::SecondFace { from_ms } => {
                let from = clock(zone, *from_ms);
                words(
                    format!("所抄的不是网关所读的计数器，零点不同：请在 {from} 之后再抄一次，比较两次之差"),
                    format!(
                        "this is another counter than the one that is read, with another zero: read it again after {from}, and the increments are compared"
                    ),
                )
            }
            Self::Unseen => words(
                "该时刻前后没有计数读数（缺数），无从比对：请再抄一次",
                "the register was not read around that moment (a gap): there is nothing to compare, read it again",
            ),
            Self::Unit(unit) => words(
                format!("网关所读计数器的单位是“{unit}”，不是电能：请检查该设备的电能数据点"),
                format!("the register that is read is in “{unit}”, no unit of energy: check the machine's energy tag"),
            ),
            Self::Nothing => words("没有可以比对的内容", "there is nothing to compare"),
        }
    }
}
