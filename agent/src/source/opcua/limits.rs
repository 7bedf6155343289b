//! How much one request may hold. Pure, but for a number that is lowered.
//!
//! Constraints: a server states its limits under Server/ServerCapabilities/OperationLimits (Part 5, 6.3.11), where zero or nothing
//! means none; some state none and refuse all the same. Then the request is halved until it passes: a refusal of size is never taken
//! for a failure of the machine, and the halving ends at one.

use std::sync::atomic::{AtomicUsize, Ordering};

use opcua_types::{DataValue, StatusCode, VariableId, Variant};

/// Operations in one request when the server states no limit.
pub const UNSTATED: usize = 500;

/// The limits of one server.
#[derive(Debug, Default)]
pub struct Limits {
    /// Nodes in one Read.
    pub read: Limit,
    /// Items in one CreateMonitoredItems.
    pub monitor: Limit,
    /// Nodes in one Browse, continuation points in one BrowseNext.
    pub browse: Limit,
}

impl Limits {
    /// Where a server states them, in the order of [`Limits::stated`].
    pub const STATED: [VariableId; 3] = [
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    ];

    /// From the answers to [`Limits::STATED`].
    pub fn stated(answers: &[DataValue]) -> Self {
        let limit = |index: usize| Limit::stated(answers.get(index).and_then(|a| a.value.as_ref()));
        Self { read: limit(0), monitor: limit(1), browse: limit(2) }
    }
}

/// Operations one request may hold, at least one.
#[derive(Debug)]
pub struct Limit(AtomicUsize);

impl Default for Limit {
    fn default() -> Self {
        Self(AtomicUsize::new(UNSTATED))
    }
}

impl Limit {
    fn stated(value: Option<&Variant>) -> Self {
        let stated = match value {
            Some(Variant::UInt32(limit)) if *limit > 0 => usize::try_from(*limit).unwrap_or(UNSTATED),
            _ => UNSTATED,
        };
        Self(AtomicUsize::new(stated.min(UNSTATED)))
    }

    /// The operations of the next request, when `done` of `all` are done; `None` when all are.
    pub fn next<'a, T>(&self, all: &'a [T], done: usize) -> Option<&'a [T]> {
        all.get(done..)?.chunks(self.0.load(Ordering::Relaxed).max(1)).next()
    }

    /// After a request with `size` operations was refused: asks for less when its size was the reason.
    ///
    /// # Errors
    /// The status, when a smaller request cannot help.
    pub fn shrink(&self, size: usize, status: StatusCode) -> Result<(), StatusCode> {
        let code = StatusCode::from(status.bits() & 0xFFFF_0000);
        let too_much = [
            StatusCode::BadTooManyOperations,
            StatusCode::BadRequestTooLarge,
            StatusCode::BadResponseTooLarge,
            StatusCode::BadEncodingLimitsExceeded,
        ];
        if size < 2 || !too_much.contains(&code) {
            return Err(status);
        }
        self.0.store(size / 2, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_server_states_is_kept_and_zero_or_nothing_or_nonsense_means_none() {
        let answer = |value: Variant| DataValue { value: Some(value), ..DataValue::default() };
        let size = |limit: &Limit| limit.next(&[(); 2_000], 0).map(<[()]>::len);
        let limits = Limits::stated(&[answer(Variant::UInt32(20)), answer(Variant::UInt32(0))]);
        assert_eq!(
            [size(&limits.read), size(&limits.monitor), size(&limits.browse)],
            [Some(20), Some(UNSTATED), Some(UNSTATED)]
        );
        let strange = Limits::stated(&[answer(Variant::Int32(-1)), answer(Variant::UInt32(u32::MAX))]);
        assert_eq!([size(&strange.read), size(&strange.monitor)], [Some(UNSTATED), Some(UNSTATED)]);
    }

    proptest! {
        /// Whatever a server takes per request, everything is asked once, in order, and the halving ends.
        #[test]
        fn everything_is_asked_once_whatever_the_server_takes(count in 0usize..1_500, takes in 1usize..700) {
            let all: Vec<usize> = (0..count).collect();
            let limit = Limit::default();
            let (mut done, mut refused) = (Vec::new(), 0);
            while let Some(chunk) = limit.next(&all, done.len()) {
                if chunk.len() > takes {
                    refused += 1;
                    prop_assert!(limit.shrink(chunk.len(), StatusCode::BadTooManyOperations).is_ok());
                } else {
                    done.extend_from_slice(chunk);
                }
            }
            prop_assert!(refused <= 9);
            prop_assert_eq!(done, all);
        }
    }

    #[test]
    fn one_operation_that_is_refused_and_another_refusal_are_failures() {
        let limit = Limit::default();
        assert_eq!(limit.shrink(1, StatusCode::BadTooManyOperations), Err(StatusCode::BadTooManyOperations));
        assert_eq!(limit.shrink(100, StatusCode::BadSessionIdInvalid), Err(StatusCode::BadSessionIdInvalid));
        assert_eq!(limit.shrink(3, StatusCode::BadResponseTooLarge), Ok(()));
        assert_eq!(limit.next(&[1, 2, 3], 0), Some(&[1][..]));
    }
}
