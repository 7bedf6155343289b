//! Proofs for whoever does not want a whole bundle: one leaf, or one size after another.

use protocol::SiteId;
use serde::{Deserialize, Serialize};

use super::{AdminError, Context, Reply, invalid, reply};
use crate::reporting;
use crate::sitelog::{LogError, SiteLogs};

/// What is to be proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProofWanted {
    /// This leaf is in the log: a `.tlog-proof`.
    Leaf(u64),
    /// The log at the second size continues the log at the first.
    Sizes(u64, u64),
}

/// A proof as text, under the newest cosigned checkpoint where that covers it.
pub(super) async fn execute(context: &Context, site: &SiteId, wanted: &ProofWanted) -> Result<Reply, AdminError> {
    let logs = &context.logs;
    if let ProofWanted::Leaf(index) = wanted
        && *index < logs.size(site)?
        && !logs.cosigned(site)?.is_some_and(|known| known.is_witnessed() && *index < known.checkpoint.size)
    {
        // A leaf of a moment ago: without this its proof would say "not witnessed" for no other reason.
        logs.witnessed(site, reporting::WITNESS_WAIT).await?;
    }
    let (logs, site, wanted) = (logs.clone(), site.clone(), wanted.clone());
    // Tiles are read and hashed: not on the threads that answer everybody.
    tokio::task::spawn_blocking(move || prove(&logs, &site, &wanted)).await.map_err(|_| LogError::Unavailable)?
}

fn prove(logs: &SiteLogs, site: &SiteId, wanted: &ProofWanted) -> Result<Reply, AdminError> {
    match *wanted {
        ProofWanted::Leaf(index) => match logs.inclusion_proof(site, index)? {
            Some(proof) => reply(
                proof.encode().trim_end_matches('\n'),
                format!("第 {index} 条的包含证明，保存为 .tlog-proof 文件后用 gongzheng-verify proof 核验"),
                format!(
                    "proof that leaf {index} is in the log: save it as .tlog-proof, check it with `gongzheng-verify proof`"
                ),
            ),
            None => Err(invalid(
                format!("没有检查点覆盖第 {index} 条"),
                format!("no checkpoint covers leaf {index}; `admin status` says how many there are"),
            )),
        },
        ProofWanted::Sizes(old, new) => {
            let size = logs.size(site)?;
            if old == 0 || old > new || new > size {
                return Err(invalid(
                    format!("条数须满足 1 ≤ 起始 ≤ 终止 ≤ {size}"),
                    format!("sizes must be such that 1 ≤ from ≤ to ≤ {size}"),
                ));
            }
            let proof = logs.consistency_between(site, old, new)?;
            reply(
                proof.encode().trim_end_matches('\n'),
                format!("{old} 条到 {new} 条的一致性证明，用 gongzheng-verify proof --checkpoint 核验"),
                format!("proof that {new} leaves continue {old}: check it with `gongzheng-verify proof --checkpoint`"),
            )
        }
    }
}
