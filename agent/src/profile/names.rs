//! What the tags of the profiles are called in Chinese, to be shown beside their names. Pure.
//!
//! Constraints: a word for the eye only, never an id; words as on the meters' faces and in GB/T 17215; phases are A, B, C as Chinese meters
//! print them. A name that is in no profile has no word and stands alone: nothing is guessed.

/// The Chinese word for a tag's name, such as `电压 A 相` for `voltage_l1`; `None` when there is none.
pub fn chinese(name: &str) -> Option<String> {
    if let Some(word) = whole(name) {
        return Some(word.to_owned());
    }
    const ENDINGS: [(&str, &str); 9] = [
        ("_l1_l2", " AB"),
        ("_l2_l3", " BC"),
        ("_l3_l1", " CA"),
        ("_l1", " A 相"),
        ("_l2", " B 相"),
        ("_l3", " C 相"),
        ("_f32", "（浮点）"),
        ("_old", "（旧寄存器）"),
        ("_max", "最大值"),
    ];
    if let Some((stem, ending)) = ENDINGS.iter().find_map(|(end, word)| Some((name.strip_suffix(end)?, word))) {
        return Some(format!("{}{ending}", whole(stem)?));
    }
    let (stem, number) = name.rsplit_once('_').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()))?;
    Some(format!("{} {number}", whole(stem)?))
}

fn whole(name: &str) -> Option<&'static str> {
    Some(match name {
        "voltage" => "电压",
        "current" => "电流",
        "power" => "有功功率",
        "reactive_power" => "无功功率",
        "apparent_power" => "视在功率",
        "power_factor" => "功率因数",
        "power_demand" => "有功需量",
        "demand" => "负荷需求",
        "frequency" => "频率",
        "thd_voltage" => "电压谐波畸变率",
        "energy_import" => "正向有功电能",
        "energy_export" => "反向有功电能",
        "energy_total" => "有功电能合计",
        "energy_tariff" => "有功电能费率",
        "ct_ratio" => "电流互感器变比",
        "ct_primary" => "电流互感器一次侧",
        "ct_secondary" => "电流互感器二次侧",
        "pt_ratio" => "电压互感器变比",
        "pt_primary" => "电压互感器一次侧",
        "dc_power" => "直流功率",
        "dc_voltage" => "直流电压",
        "output_voltage" => "输出电压",
        "frequency_command" => "给定频率",
        "temperature" => "温度",
        "inlet_temperature" => "进口温度",
        "outlet_temperature" => "出口温度",
        "supply_temperature" => "供水温度",
        "return_temperature" => "回水温度",
        "outdoor_temperature" => "室外温度",
        "stack_temperature" => "排烟温度",
        "gas_temperature" => "气体温度",
        "air_end_temperature" => "机头温度",
        "pressure" => "压力",
        "steam_pressure" => "蒸汽压力",
        "flow" => "瞬时流量",
        "velocity" => "流速",
        "volume" => "累计流量",
        "volume_reverse" => "反向累计流量",
        "volume_fraction" => "累计流量小数部分",
        "total" => "累计量",
        "total_fraction" => "累计量小数部分",
        "heat" => "累计热量",
        "heat_flow" => "热功率",
        "heat_fraction" => "累计热量小数部分",
        "outlet_fraction" => "出口温度小数部分",
        "pulse" => "脉冲输入",
        "run" => "运行",
        "state" => "状态",
        "status" => "状态字",
        "server_state" => "服务器状态",
        "fault_code" => "故障代码",
        "error_code" => "错误代码",
        "lockout_code" => "锁定代码",
        "warnings" => "警告",
        "service_requests" => "保养请求",
        "cycles" => "次数",
        "good" => "合格数",
        "minutes" => "运行分钟",
        "hours_total" => "总运行小时",
        "hours_loaded" => "加载小时",
        "hours_motor" => "电机运行小时",
        "compressor_current" => "压缩机电流",
        "compressor_frequency" => "压缩机频率",
        "fan_speed" => "风机转速",
        "burner_state" => "燃烧器状态",
        "burner_cycles" => "燃烧器启动次数",
        "burner_hours" => "燃烧器运行小时",
        "flame_signal" => "火焰信号",
        "sensor_signal" => "传感器信号",
        "fuel_valve" => "燃料阀",
        "ignition" => "点火",
        "pilot" => "引燃火",
        "actuator" => "执行器",
        "manufacturer" => "厂家",
        "model" | "model_id" => "型号",
        "product" | "product_id" => "产品",
        "serial_number" | "id_number" => "序列号",
        "meter_number" => "表号",
        "firmware" => "固件版本",
        "software_version" => "软件版本",
        "hardware_id" => "硬件编号",
        "sunspec_id" => "SunSpec 标识",
        "system_type" => "机组类型",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together_and_nothing_is_guessed() {
        assert_eq!(chinese("voltage_l1").as_deref(), Some("电压 A 相"));
        assert_eq!(chinese("voltage_l3_l1").as_deref(), Some("电压 CA"));
        assert_eq!(chinese("energy_import_2").as_deref(), Some("正向有功电能 2"));
        assert_eq!(chinese("power_demand_max").as_deref(), Some("有功需量最大值"));
        assert_eq!(chinese("line_3_whatever"), None);
        assert_eq!(chinese("whatever_2"), None);
    }

    #[test]
    fn every_tag_of_every_profile_has_a_word_but_the_operands_of_a_plc() {
        let operand = |name: &str| {
            let (_, rest) = name.split_at(1);
            rest.starts_with(|c: char| c.is_ascii_digit())
        };
        let mut silent = Vec::new();
        for profile in crate::profile::all().expect("they load") {
            let names = profile.tags.iter().map(|tag| tag.tag.name().to_owned());
            silent.extend(names.filter(|name| !operand(name) && chinese(name).is_none()));
        }
        assert!(silent.is_empty(), "no Chinese word: {silent:?}");
    }
}
