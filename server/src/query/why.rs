//! Why a number is what it is: formula, quantities, parameters, records, gaps.

use serde::{Deserialize, Serialize};

use super::{GapView, Parameter, QueryError, ShiftKey, SiteHead, Source, Term, Why, Words, machine, visible};
use crate::roles::{Access, Permission};
use crate::store::Store;

/// What the projector keeps beside each value, as JSON. What all values of a shift have in common is in its
/// [`Background`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// Unit of the value.
    #[serde(default)]
    pub unit: String,
    /// Formula in symbols.
    #[serde(default)]
    pub formula: String,
    /// Its quantities.
    #[serde(default)]
    pub terms: Vec<Term>,
}

/// What all values of a shift rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background {
    /// Stated parameters and versions.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Records.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Gaps inside the window.
    #[serde(default)]
    pub gaps: Vec<GapView>,
}

/// Explains one metric of one machine in one shift.
pub async fn why(
    store: &Store,
    access: &Access,
    site: &str,
    machine: &str,
    date: &str,
    shift: &str,
    metric: &str,
) -> Result<Why, QueryError> {
    let head = visible(store, access, Permission::SeeFigures, site).await?;
    let row = machine::find(store, site, machine).await?;
    let shift = store.shift(site, machine, date, shift).await?.ok_or(QueryError::NotFound)?;
    let values = store.shift_values(site, machine, date, &shift.name).await?;
    let value = values.iter().find(|value| value.metric == metric).ok_or(QueryError::NotFound)?;
    let lineage: Lineage = serde_json::from_str(&value.lineage).unwrap_or_default();
    let body = machine::body(&shift);
    let (names, background): (Words, Background) = (body.names, body.background);
    Ok(Why {
        site: SiteHead::from(head),
        machine_names: machine::names(&row),
        machine: row.id,
        figure: machine::figure(value),
        formula: lineage.formula,
        terms: lineage.terms,
        parameters: background.parameters,
        sources: background.sources,
        gaps: background.gaps,
        prefix: shift.prefix,
        others: machine::figures(&values).into_iter().filter(|figure| figure.metric != metric).collect(),
        shift: ShiftKey { date: shift.date, name: shift.name, names, from_ms: shift.from_ms, until_ms: shift.until_ms },
    })
}
