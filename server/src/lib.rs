//! The server: takes signed records from gateways, keeps each site's log, computes and shows what follows from it.
//!
//! Where to look, in the order a record travels: its journal and log (`sitelog`), what is computed from it
//! ([`projection`]), the database ([`store`]), what people may see ([`roles`], [`query`]) and how ([`api`], `web`).
//! Truth is the log; everything in [`store`] below the line is derived and can be rebuilt.

pub mod accounts;
pub mod api;
pub mod projection;
pub mod query;
pub mod reporting;
pub mod roles;
pub mod state;
pub mod store;
