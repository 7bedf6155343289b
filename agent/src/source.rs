//! Sources: what reads machines.
//!
//! Constraints:
//! 1. One task per connection; a slow or dead device never delays another connection.
//! 2. Sources know the rest of the agent only through [`World`]: a clock, a bounded channel of events, a board for the local page.
//! 3. They only read. No code that changes anything on a machine exists, and none may be added here.
//! 4. Every tag is accounted for at every moment: readings, or gaps with a true cause ([`gaps`]).
//! 5. A stop is obeyed at any point; the last outage pieces are told before the task ends.
//!
//! Pure parts: [`schedule`] (when), [`gaps`] (what was not observed), [`change`] (what is not worth recording), `modbus::plan`,
//! `modbus::decode`, `modbus::rtu`, `opcua::node`, `opcua::subscription`, `dlt645::frame`, `dlt645::late`, `dlt645::value`, [`dtu`]. To add a
//! protocol with questions and answers on a line: a [`line::Wire`]; any other: a module with a `run` that takes devices, reporters and a stop
//! token. Then one variant of [`Link`], one arm in [`start`].

pub mod change;
pub mod dlt645;
pub mod dtu;
pub mod failure;
pub mod gaps;
pub mod identity;
pub mod lending;
pub mod line;
pub mod modbus;
pub mod once;
pub mod opcua;
pub mod report;
pub mod schedule;
pub mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::config::device::{Carrier, Device, Link};
use line::Wire;
use report::Reporter;
pub use report::World;
use stream::Dial;

/// Starts all sources of `config`. They run until `stop` is cancelled and then end by themselves; wait for the set.
pub fn start(config: &Config, world: &World, stop: &CancellationToken) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let mut modbus = Lines::<modbus::client::Connection>::new();
    let mut dlt645 = Lines::<dlt645::client::Connection>::new();
    let mut first_tag = 0;
    for (index, device) in config.devices.iter().enumerate() {
        let reporter = Reporter::new(world.clone(), index, first_tag, device);
        first_tag += device.tags.len();
        match &device.link {
            Link::Modbus(link) => modbus.join(&link.carrier, (device.clone(), link.clone(), reporter)),
            Link::Dlt645(link) => dlt645.join(&link.carrier, (device.clone(), link.clone(), reporter)),
            Link::OpcUa(link) => {
                let pki = config.gateway.state_dir.join("pki").join(&device.name);
                tasks.spawn(opcua::client::run(device.clone(), link.clone(), pki, reporter, stop.clone()));
            }
        }
    }
    let dial: Arc<dyn Dial> = Arc::new(dtu::hub::Hubs::start(config, world, &mut tasks, stop));
    modbus.start(&mut tasks, &dial, world, stop);
    dlt645.start(&mut tasks, &dial, world, stop);
    tasks
}

type Member<W> = (Arc<Device>, <W as Wire>::Link, Reporter);

/// The lines of one protocol: devices with an equal carrier share one connection.
struct Lines<W: Wire>(BTreeMap<String, (Carrier, Vec<Member<W>>)>);

impl<W: Wire + 'static> Lines<W> {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn join(&mut self, carrier: &Carrier, member: Member<W>) {
        // The debug form tells carriers apart in full.
        let line = self.0.entry(format!("{carrier:?}")).or_insert_with(|| (carrier.clone(), Vec::new()));
        line.1.push(member);
    }

    fn start(self, tasks: &mut JoinSet<()>, dial: &Arc<dyn Dial>, world: &World, stop: &CancellationToken) {
        for (carrier, members) in self.0.into_values() {
            let keeper = world.lending.keeper(&carrier);
            tasks.spawn(line::run(W::through(carrier, dial.clone()), members, keeper, stop.clone()));
        }
    }
}
