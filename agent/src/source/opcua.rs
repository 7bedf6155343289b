//! OPC UA client.
//!
//! Constraints: only services that read are used; certificates are pinned, never trusted on sight; recovery is ours, because the
//! library's was measured to go silent. Pure: `node`, `subscription`. I/O: `session` (one session), `client` (the source).

pub mod client;
pub mod node;
pub mod session;
pub mod subscription;
#[cfg(test)]
mod tests;
