//! The server: takes signed records from gateways, keeps each site's log, computes and shows what follows from it.
//!
//! Where to look, in the order a record travels: how it arrives ([`enrol`], [`ingest`]), its site's log ([`sitelog`]) and
//! the files below both ([`storage`]), who else signs its checkpoints ([`witness`]), what is computed from it
//! ([`projection`]), the database ([`store`]), what people may see ([`roles`], [`query`]) and how ([`api`], [`web`]).
//! What needs no log at all is [`evaluate`]: somebody's own file, by the same code. Tables that become statements are read by [`import`].
//! Truth is the log; everything in [`store`] below the line is derived and can be rebuilt.

pub mod accounts;
pub mod admin;
pub mod api;
pub mod config;
pub mod enrol;
pub mod evaluate;
pub mod import;
pub mod ingest;
pub mod keys;
mod packaging;
pub mod photo;
pub mod planning;
pub mod projection;
pub mod query;
pub mod reporting;
pub mod roles;
pub mod run;
pub mod serve;
pub mod sitelog;
pub mod spelling;
pub mod state;
pub mod storage;
pub mod store;
pub mod web;
pub mod witness;

#[cfg(test)]
mod testing;
