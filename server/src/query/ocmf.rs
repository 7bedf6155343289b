//! An energy register in the Open Charge Metering Format, for checkers of others: payloads evaluated from the log, signed with the
//! server's key of that format, in the file the S.A.F.E. transparency software opens.
//!
//! OCMF has no Ed25519, so a gateway's own signature cannot stand in it. This one says that the server took the value from the
//! record of the log that `UL` and `UO` name; who doubts it checks that record with a bundle.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use metrics::metrology::ocmf::payloads;

use super::figures::period;
use super::{METER_DAYS_MAX, ONE_AT_A_TIME, QueryError, off_thread, visible};
use crate::keys::Keys;
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// The register of a machine over local dates (both included) as a file of signed OCMF records, XML.
///
/// # Errors
/// Dates that are none, no register, no stated serial number: [`QueryError::Invalid`], in both languages.
pub async fn ocmf(
    (store, logs, keys): (&Store, &SiteLogs, &Keys),
    access: &Access,
    site: &str,
    machine: &str,
    dates: (&str, &str),
    now_ms: i64,
) -> Result<String, QueryError> {
    visible(store, access, Permission::SeeRaw, site).await?;
    let period = period(dates, METER_DAYS_MAX)?;
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let (of, logs) = (machine.to_owned(), logs.clone());
    let _one = ONE_AT_A_TIME.lock().await;
    let found = off_thread(move || {
        let reach = period.clone();
        let (history, until_ms) = reporting::history_chosen(&logs, &id, now_ms, |light| {
            let definitions = light.statements().machine_definitions(&of).iter();
            let registers = definitions.filter_map(|d| d.body.signals.energy.as_ref());
            let tags: BTreeSet<_> = registers.map(|s| (s.gateway.clone(), s.tag.clone())).collect();
            Ok((tags, metrics::figures::meters::reach(light, &reach).into_iter().collect()))
        })?;
        let origin = logs.origin(&id)?;
        Ok(payloads(&history, &of, &period, &origin, until_ms))
    });
    let invalid = |refusal: metrics::metrology::ocmf::Refusal| {
        let (zh, en) = refusal.words();
        QueryError::Invalid(format!("{zh} / {en}"))
    };
    let payloads = found.await?.map_err(invalid)?;
    file(&payloads, keys).map_err(|error| QueryError::Failed(error.to_string()))
}

/// The records in one file. Every one carries the public key, which proves nothing until it is compared with the one the operator
/// gave by another way.
fn file(payloads: &[String], keys: &Keys) -> Result<String, crate::keys::KeyError> {
    let key = HEXLOWER.encode(&keys.ocmf_public());
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<values>\n");
    for payload in payloads {
        let signature = HEXLOWER.encode(&keys.sign_ocmf(payload.as_bytes())?);
        let record = format!("OCMF|{payload}|{{\"SA\":\"ECDSA-secp256r1-SHA256\",\"SD\":\"{signature}\"}}");
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "<value><signedData format=\"OCMF\" encoding=\"plain\">{}</signedData><publicKey encoding=\"plain\">{key}</publicKey></value>",
            escaped(&record),
        );
    }
    out.push_str("</values>\n");
    Ok(out)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
