//! The readings of a gateway by tag, each at a place that stays: a batch of four hundred tags must not look up four hundred names.

use std::collections::BTreeMap;

use protocol::TagId;

use crate::column::Column;

#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    columns: Vec<Column>,
    places: BTreeMap<String, usize>,
}

impl Columns {
    /// The place of a tag, which is made when there is none.
    pub(super) fn place(&mut self, tag: &TagId) -> usize {
        let next = self.columns.len();
        let place = *self.places.entry(tag.to_string()).or_insert(next);
        if place == next {
            self.columns.push(Column::default());
        }
        place
    }

    pub(super) fn at(&mut self, place: usize) -> Option<&mut Column> {
        self.columns.get_mut(place)
    }

    pub(super) fn get(&self, tag: &str) -> Option<&Column> {
        self.columns.get(*self.places.get(tag)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.places.iter().filter_map(|(tag, place)| Some((tag.as_str(), self.columns.get(*place)?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Column)> {
        let mut tags: Vec<&str> = vec![""; self.columns.len()];
        for (tag, place) in &self.places {
            if let Some(at) = tags.get_mut(*place) {
                *at = tag;
            }
        }
        tags.into_iter().zip(&mut self.columns)
    }
}
