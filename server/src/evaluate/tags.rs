//! The tags a file may speak of: what each raw value is, which gateway it is filed under, and which names are left out on purpose.

use std::collections::{BTreeMap, BTreeSet};

use protocol::content::{Ratio, TagConfig};
use protocol::{GatewayId, TagId};

use super::said::{Said, Wrong, quoted};

/// One tag of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Gateway it is filed under.
    pub gateway: GatewayId,
    /// What a gateway's configuration would say of it.
    pub config: TagConfig,
}

/// What is done with a tag that nobody described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Its rows are bad rows.
    Refuse,
    /// Its rows are counted and left out.
    Ignore,
}

/// Where a row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Index of the tag.
    Tag(usize),
    /// Left out on purpose.
    Ignored,
}

/// The tags of a plan, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTable {
    tags: Vec<Tag>,
    by_name: BTreeMap<String, Vec<usize>>,
    ignored: BTreeSet<String>,
    others: Others,
    /// Values are engineering values; otherwise raw.
    is_engineering: bool,
}

impl TagTable {
    /// A table. Names may repeat under different gateways.
    pub fn new(tags: Vec<Tag>, ignored: BTreeSet<String>, others: Others, is_engineering: bool) -> Self {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, tag) in tags.iter().enumerate() {
            by_name.entry(tag.config.id.to_string()).or_default().push(i);
        }
        Self { tags, by_name, ignored, others, is_engineering }
    }

    /// Every tag.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// The scale between the file's values and raw ones.
    pub(super) fn scale(&self, tag: &Tag) -> Ratio {
        if self.is_engineering { tag.config.scale } else { Ratio::ONE }
    }

    /// The tag of this name, under this gateway if the file names one.
    pub(super) fn find(&self, name: &str, gateway: Option<&str>) -> Result<Place, Wrong> {
        if self.ignored.contains(name) {
            return Ok(Place::Ignored);
        }
        let of_gateway = |i: &&usize| {
            let own = self.tags.get(**i).map(|t| t.gateway.as_str());
            gateway.is_none_or(|gateway| own == Some(gateway))
        };
        let found: Vec<usize> = self.by_name.get(name).into_iter().flatten().filter(of_gateway).copied().collect();
        match (found.as_slice(), self.others) {
            ([one], _) => Ok(Place::Tag(*one)),
            ([], Others::Ignore) => Ok(Place::Ignored),
            ([], Others::Refuse) => Err(self.unknown(name, gateway)),
            _ => Err(Wrong::new(
                Said::new(
                    format!("数据点「{}」在方案中属于多个网关", quoted(name)),
                    format!("the plan has tag `{}` under several gateways", quoted(name)),
                ),
                Said::new("增加 gateway 列", "add a column `gateway`"),
            )),
        }
    }

    /// Refuses a name that no [[tag]] describes: what a statement refers to cannot be left out.
    pub(super) fn described(&self, name: &str, gateway: &str) -> Result<(), Wrong> {
        match self.find(name, Some(gateway)) {
            Ok(Place::Tag(_)) => Ok(()),
            Ok(Place::Ignored) => Err(self.unknown(name, Some(gateway))),
            Err(wrong) => Err(wrong),
        }
    }

    fn unknown(&self, name: &str, gateway: Option<&str>) -> Wrong {
        let of = gateway.map_or_else(String::new, |g| format!(" ({})", quoted(g)));
        let what = Said::new(
            format!("方案中没有数据点「{}」{of}", quoted(name)),
            format!("the plan has no tag `{}`{of}", quoted(name)),
        );
        let near = crate::spelling::nearest(name, self.by_name.keys().map(String::as_str), 3);
        let allowed = match near.first() {
            Some(near) => Said::new(format!("是否想写 {near}？"), format!("did you mean `{near}`?")),
            None if name.parse::<TagId>().is_err() => Said::new(
                "数据点写成 设备/名称：小写字母、数字，设备名可用连字符，名称可用下划线",
                "a tag is device/name in lower-case letters and digits, `-` in the device, `_` in the name",
            ),
            None => Said::new(
                "在方案中加一个 [[tag]]，或列入 [readings] ignore",
                "add a [[tag]] to the plan, or list it under [readings] ignore",
            ),
        };
        Wrong::new(what, allowed)
    }
}
