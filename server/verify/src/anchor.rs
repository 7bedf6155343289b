//! Step 2: the checkpoint is signed by a log key that the trust file names.

use protocol::note::Checkpoint;

use crate::{Finding, Trust};

pub(crate) fn check(note: &str, trust: Option<&Trust>, findings: &mut Vec<Finding>) {
    let Some(trust) = trust else {
        let zh = "未提供信任文件：只能说明内部一致，不能说明出自谁手（未锚定）";
        let en = "no trust file: the bundle may agree with itself, but nothing says whose it is (NOT anchored)";
        findings.push(Finding::note("anchor", "checkpoint", zh, en));
        return;
    };
    match trust.log_keys.iter().find(|key| Checkpoint::verify(note, key).is_ok()) {
        Some(key) => {
            let (zh, en) =
                (format!("检查点由 {} 签名，有效", key.name), format!("the checkpoint is signed by {}", key.name));
            findings.push(Finding::ok("anchor", zh, en));
        }
        None => {
            let zh = "检查点的签名不属于信任文件中的任何站点日志密钥：由其他服务器签发，或签发后被改动";
            let en = "the checkpoint is not signed by any log key of the trust file: another server made it, or it was altered after signing";
            findings.push(Finding::refused("anchor", "checkpoint", zh, en));
        }
    }
}
