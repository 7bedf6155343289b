//! Random histories, shrunk by proptest when one fails.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Action {
    Append(usize),
    Sync,
    Receipt { share: u8, logged: bool },
    Trim,
    SaveCursor,
    Reopen,
    PowerCut(u64),
    FailSync,
    FailWrite,
    Capacity(u64),
    Read(u8),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1_usize..500).prop_map(Action::Append),
        4 => Just(Action::Sync),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(share, logged)| Action::Receipt { share, logged }),
        1 => Just(Action::Trim),
        1 => Just(Action::SaveCursor),
        1 => Just(Action::Reopen),
        1 => any::<u64>().prop_map(Action::PowerCut),
        1 => Just(Action::FailSync),
        1 => Just(Action::FailWrite),
        1 => (4_u64..40).prop_map(|segments| Action::Capacity(segments * 1_024)),
        2 => any::<u8>().prop_map(Action::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn buffer_keeps_every_promise_of_the_model(actions in proptest::collection::vec(action(), 1..80)) {
        let mut harness = Harness::new(FakeDisk::new(32 * 1_024), small());
        for action in actions {
            match action {
                Action::Append(size) => {
                    let undelivered_fit = harness.synced_end;
                    if let Some(error) = harness.append(size) {
                        // Refusing is allowed, forgetting is not.
                        let oversized = matches!(error, AppendError::Oversized { .. });
                        prop_assert!(!oversized);
                        prop_assert!(harness.synced_end >= undelivered_fit);
                    }
                }
                Action::Sync => drop(harness.sync()),
                Action::Receipt { share, logged } => {
                    harness.receipt(harness.synced_end * u64::from(share) / 255, logged);
                }
                Action::Trim => drop(harness.buffer.as_mut().map(|buffer| buffer.trim())),
                Action::SaveCursor => drop(harness.buffer.as_mut().map(|buffer| buffer.save_cursor())),
                Action::Reopen => harness.restart(),
                Action::PowerCut(seed) => harness.power_cycle(seed),
                Action::FailSync => harness.disk.fail_next_sync(),
                Action::FailWrite => harness.disk.fail_next_write(),
                Action::Capacity(bytes) => harness.disk.set_capacity(bytes),
                Action::Read(share) => {
                    let position = harness.synced_end * u64::from(share) / 255;
                    if let Some(buffer) = harness.buffer.as_mut() {
                        let entry = buffer.read(position).expect("reads");
                        if let Entry::Present(bytes) = entry && position >= harness.forgotten_end {
                            prop_assert_eq!(Some(&bytes), harness.accepted.get(&position));
                        }
                    }
                }
            }
        }
        harness.check();
        harness.power_cycle(1);
    }
}
