//! How numbers, words and pictures look: what the pages and the printed report share, so that a figure reads alike on both.
//!
//! Pure: no I/O, no clock. [`text`] holds every word of `server/locales/`, [`format`] turns values into text and is the only
//! place that rounds, [`chart`] draws pictures as SVG text. Nothing here knows a page, a request or a report.

pub mod chart;
pub mod format;
pub mod text;
