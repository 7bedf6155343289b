//! Sources: what reads machines.
//!
//! Constraints:
//! 1. One task per connection; a slow or dead device never delays another connection.
//! 2. Sources know the rest of the agent only through [`World`]: a clock, a bounded channel of events, a board for the local page.
//! 3. They only read. No code that changes anything on a machine exists, and none may be added here.
//! 4. Every tag is accounted for at every moment: readings, or gaps with a true cause ([`gaps`]).
//! 5. A stop is obeyed at any point; the last outage pieces are told before the task ends.
//!
//! Pure parts: [`schedule`] (when), [`gaps`] (what was not observed), [`change`] (what is not worth recording), `modbus::plan`, `modbus::decode`, `modbus::rtu`,
//! `opcua::node`, `opcua::subscription`. To add a protocol: a module with a `run` that takes devices, reporters and a stop token, one
//! variant of [`Link`], one arm in [`start`].

pub mod change;
pub mod gaps;
pub mod identity;
pub mod modbus;
pub mod once;
pub mod opcua;
pub mod report;
pub mod schedule;

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::config::device::Link;
use report::Reporter;
pub use report::World;

/// Starts all sources of `config`. They run until `stop` is cancelled and then end by themselves; wait for the set.
pub fn start(config: &Config, world: &World, stop: &CancellationToken) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let mut lines: BTreeMap<String, (_, Vec<_>)> = BTreeMap::new();
    let mut first_tag = 0;
    for (index, device) in config.devices.iter().enumerate() {
        let reporter = Reporter::new(world.clone(), index, first_tag, device);
        first_tag += device.tags.len();
        match &device.link {
            Link::Modbus(link) => {
                // Devices with an equal carrier share one connection. The debug form tells carriers apart in full.
                let key = format!("{:?}", link.carrier);
                let line = lines.entry(key).or_insert_with(|| (link.carrier.clone(), Vec::new()));
                line.1.push((device.clone(), link.clone(), reporter));
            }
            Link::OpcUa(link) => {
                let pki = config.gateway.state_dir.join("pki").join(&device.name);
                tasks.spawn(opcua::client::run(device.clone(), link.clone(), pki, reporter, stop.clone()));
            }
        }
    }
    for (carrier, members) in lines.into_values() {
        tasks.spawn(modbus::line::run(carrier, members, stop.clone()));
    }
    tasks
}
