//! Heads that more than one sheet has: what is the same is called the same.

/// A head in Chinese and English, and the width of its column.
pub(super) type Head = (&'static str, &'static str, f64);

pub(super) const MACHINE: Head = ("设备", "Machine", 20.0);
pub(super) const MACHINE_ID: Head = ("设备编号", "Machine id", 12.0);
pub(super) const PERIOD: Head = ("期间", "Period", 20.0);
pub(super) const DATE: Head = ("生产日期", "Production date", 13.0);
pub(super) const SHIFT: Head = ("班次", "Shift", 9.0);
pub(super) const INDICATOR: Head = ("指标", "Indicator", 26.0);
pub(super) const DEFINITION: Head = ("口径", "Definition", 26.0);
pub(super) const UNIT: Head = ("单位", "Unit", 9.0);
pub(super) const SCOPE: Head = ("范围", "Scope", 20.0);
pub(super) const PARAMETERS: Head = ("参数口径", "Parameters", 12.0);
pub(super) const TARGET: Head = ("绩效目标", "Target", 22.0);
pub(super) const BEFORE_NUMERATOR: Head = ("基期 分子", "Before numerator", 18.0);
pub(super) const BEFORE_DENOMINATOR: Head = ("基期 分母", "Before denominator", 18.0);
pub(super) const BEFORE_VALUE: Head = ("基期 数值", "Before value", 13.0);
pub(super) const LOWER: Head = ("95 % 区间 下限", "95 % interval lower", 13.0);
pub(super) const UPPER: Head = ("95 % 区间 上限", "95 % interval upper", 13.0);
pub(super) const VERDICT: Head = ("对目标的结论", "Verdict on target", 14.0);
pub(super) const NOTES: Head = ("提示", "Notes", 40.0);
pub(super) const LEAF: Head = ("站点日志条", "Leaf", 11.0);
pub(super) const AUTHOR: Head = ("填报人", "Author", 14.0);
pub(super) const ROLE: Head = ("角色", "Role", 16.0);
pub(super) const REASON: Head = ("情况说明", "Reason", 40.0);
