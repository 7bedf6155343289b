//! Recording what a table says: read again, and through the door of every declaration.

use super::Failure;
use super::change::{Statement, state_all};
use crate::import::{Import, ONE_AT_A_TIME, kinds::Kind, provenance, weigh::Item};
use crate::query::{self, Given};
use crate::roles::Access;
use crate::state::AppState;

/// What became of a table.
pub(crate) enum Imported {
    /// Something is wrong with it after all: nothing was recorded.
    Refused(Import),
    /// It would do something else than was shown: nothing was recorded.
    Changed(Import),
    /// Recorded: leaves of what is new, and how many rows were there already.
    Recorded {
        /// Leaves, in order.
        leaves: Vec<u64>,
        /// Statements that the log had already.
        same: usize,
    },
}

/// Records a table under the caller's pseudonym and role, if it still does what was `shown` ([`Import::decisions`], hex). Every row's
/// reason ends with where it comes from.
pub(crate) async fn import_it(
    state: &AppState,
    access: &Access,
    site: &str,
    kind: &'static Kind,
    given: Given,
    shown: &str,
    reason: &str,
) -> Result<Imported, Failure> {
    let _one = ONE_AT_A_TIME.lock().await;
    let (digest, name) = match &given {
        Given::File { name, .. } => (given.digest(), name.clone()),
        Given::Row(_) => (None, String::new()),
    };
    let now_ms = state.clock.now_ms();
    let import = query::import(&state.store, &state.logs, access, site, kind, given, now_ms).await?;
    if !import.wrong.is_empty() {
        return Ok(Imported::Refused(import));
    }
    // What is there already by now, all of it, is recorded by nobody twice and changes nothing.
    if import.items.iter().any(Item::is_to_declare) && import.decisions().hex() != shown {
        return Ok(Imported::Changed(import));
    }
    let same = import.items.iter().filter(|item| !item.is_to_declare()).count();
    let statements = import.items.into_iter().filter(|item| item.is_to_declare()).map(|item| {
        let draft = item.draft;
        let from = digest.map(|digest| provenance(&name, &digest, &draft.lines)).unwrap_or_default();
        Statement {
            kind: draft.kind.to_owned(),
            effective_from_ms: draft.effective,
            reason: format!("{reason}{from}"),
            body: draft.body,
        }
    });
    let statements: Vec<Statement> = statements.collect();
    let leaves = if statements.is_empty() { Vec::new() } else { state_all(state, access, site, statements).await? };
    Ok(Imported::Recorded { leaves, same })
}
