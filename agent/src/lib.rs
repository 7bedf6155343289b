//! The gateway agent: reads machines, seals what it read into signed, chained records, keeps them on disk until the
//! server has receipted them, and says so when it could not.
//!
//! ```text
//! source/* ──SourceEvent──▶ pipeline ─▶ sealer ─▶ buffer (fdatasync) ─▶ uplink ═MQTT═▶ server
//!                                                    ▲                     │
//!                                                    └──── receipts ◀──────┘
//! ```
//!
//! Read [`pipeline`] first: it wires everything. Then [`buffer`], the heart. Pure partners of I/O code: `sealer`,
//! `chain`, `uplink::delivery`, `clock::ClockWatch`, `buffer::segment`, `buffer::recovery`.
//!
//! What is absent, on purpose: any way to write to a machine; any way to change a record after it was sealed; any
//! path by which undelivered data is deleted to make room.

pub mod buffer;
pub mod carry;
pub mod chain;
pub mod clock;
pub mod commands;
pub mod config;
pub mod enrol;
pub mod event;
pub mod identity;
pub mod live;
pub mod locale;
pub mod page;
pub mod pipeline;
pub mod profile;
pub mod renewal;
pub mod sealer;
pub mod setup;
pub mod source;
pub mod status;
pub mod telemetry;
pub mod uplink;
