//! `[operator]` and `[[witness]]`: who runs this server, and who else signs its checkpoints.

use std::path::PathBuf;

use protocol::cosignature::WitnessKey;
use serde::Deserialize;
use verify::Operator;

use crate::witness::{Address, WitnessConfig, counts};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WitnessFile {
    url: String,
    key: String,
    operator: Operator,
    ca: Option<PathBuf>,
}

/// What is wrong, as [`super::ConfigError`] wants it.
pub(super) struct Refused {
    pub(super) key: &'static str,
    pub(super) en: String,
    pub(super) zh: String,
    pub(super) hint: &'static str,
    pub(super) hint_zh: &'static str,
}

/// The witnesses, and how many have to cosign: one by default, where there is one that counts.
pub(super) fn read(
    files: Vec<WitnessFile>,
    own: Option<&Operator>,
    required: Option<usize>,
    resolve: &dyn Fn(PathBuf) -> PathBuf,
) -> Result<(Vec<WitnessConfig>, usize), Refused> {
    if !files.is_empty() && own.is_none() {
        return Err(Refused {
            key: "[[witness]]",
            en: "a witness counts only when it is another body than this server's operator, who is not named".into(),
            zh: "见证方须是本服务器运营单位以外的单位，而配置中没有写明运营单位".into(),
            hint: "add `[operator]` with `zh` (and `en`, `id`)",
            hint_zh: "增加 [operator]，填写 zh（以及 en、统一社会信用代码 id）",
        });
    }
    let mut witnesses: Vec<WitnessConfig> = Vec::new();
    for file in files {
        let Some(address) = Address::parse(&file.url) else {
            return Err(Refused {
                key: "witness.url",
                en: format!("the witness's address `{}` is not understood", file.url),
                zh: format!("无法识别见证方地址 {}", file.url),
                hint: "write https://host:port, or http:// for a witness on this very machine",
                hint_zh: "写成 https://主机:端口；只有本机上的见证程序可用 http://",
            });
        };
        let key = WitnessKey::parse(&file.key).map_err(|error| Refused {
            key: "witness.key",
            en: format!("the witness's key cannot be used: {error}"),
            zh: format!("见证方密钥无效：{error}"),
            hint: "copy the line that `gongzheng-verify witness --show-key` prints at the witness",
            hint_zh: "请见证方运行 gongzheng-verify witness --show-key，并完整复制其中的密钥行",
        })?;
        if witnesses.iter().any(|known| known.key.key == key.key) {
            return Err(Refused {
                key: "witness.key",
                en: format!("the witness {} is there twice", key.name),
                zh: format!("见证方 {} 重复", key.name),
                hint: "remove one of them",
                hint_zh: "删除其中一项",
            });
        }
        let ca = file.ca.map(resolve);
        witnesses.push(WitnessConfig { address, url: file.url, key, operator: file.operator, ca });
    }
    let others = witnesses.iter().filter(|witness| counts(own, witness));
    let bodies = Operator::one_each(others, |witness| &witness.operator);
    let (bodies, required) = (bodies.len(), required.unwrap_or(1.min(bodies.len())));
    if required > bodies {
        return Err(Refused {
            key: "log.witnesses_required",
            en: format!("{required} witnesses are required and {bodies} other bodies are configured"),
            zh: format!("要求 {required} 个见证方，但只配置了 {bodies} 个其他单位"),
            hint: "add a `[[witness]]` of another body, or lower the number",
            hint_zh: "增加其他单位的 [[witness]]，或调低该数",
        });
    }
    Ok((witnesses, required))
}
