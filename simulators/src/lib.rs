//! Simulated machines that speak the real protocols and know the truth about themselves.
//!
//! - [`world`]: the factory as pure, seeded, exact arithmetic; [`calendar`] and [`rng`] below it.
//! - [`tags`]: the one table of what is served; [`instrument`]: from the world to registers, with instrument accidents.
//! - [`modbus`], [`opcua`]: real servers; [`dlt645`]: energy meters for tests; [`faults`] and [`control`]: trouble on command.
//! - [`journal`], [`truth`]: every value served, and what really happened.
//! - [`workshop`]: all of it as one running site; [`generate`]: configuration and declarations that fit it.
//! - [`history`]: months of signed records of the same factory, faster than real time, through the ordinary uplink.
//!
//! The crate depends on `protocol` only: a simulator that shared code with agent or server could share their errors.

pub mod calendar;
pub mod clock;
pub mod control;
pub mod declarations;
pub mod dlt645;
pub mod faults;
pub mod floor;
pub mod generate;
pub mod history;
pub mod instrument;
pub mod journal;
pub mod modbus;
pub mod opcua;
pub mod rng;
pub mod tags;
pub mod told;
pub mod truth;
pub mod workshop;
pub mod world;
