//! DL/T 645-2007: the energy meters of Chinese factories, on RS-485 or behind a serial device server.
//!
//! Constraints: the only command that exists here is "read data" (control code 11H), to one meter by its own number; never to a
//! wildcard or broadcast address, so nothing on a meter can change and no two meters answer at once. An answer names the meter and the
//! data identifier it belongs to; which *poll* it belongs to is kept apart by [`late`]. Everything that thinks is pure (`frame`, `late`,
//! `value`, `plan`), `client` only talks.
//!
//! ```text
//! tags ─ plan ─▶ questions ─ super::line (who, when) ─ client (bytes) ─ frame ─▶ data ─ value ─▶ readings
//! ```

pub mod client;
pub mod frame;
pub mod late;
pub mod plan;
#[cfg(test)]
mod tests;
pub mod trouble;
pub mod value;
mod wire;
