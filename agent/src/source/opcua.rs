//! OPC UA client.
//!
//! Constraints: only services that read are used; certificates are pinned, never trusted on sight; recovery is ours, because the
//! library's was measured to go silent. Pure: `node`, `subscription`, `limits`, `endpoint`, `browse`, `companion`. I/O: `session` (one
//! session), `walk` (its address space), `client` (the source).

pub mod browse;
pub mod client;
pub mod companion;
pub mod endpoint;
pub mod limits;
pub mod node;
pub mod session;
pub mod subscription;
#[cfg(test)]
mod tests;
pub mod walk;
