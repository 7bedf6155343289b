//! A server message that came on a stick: checked like any other, but it may be days old, and nobody can be asked about it.
//!
//! Constraints: it frees what its receipt proves and never takes anything back — that the server has *less* now only the server itself can
//! say. A refusal is told and changes nothing: whoever carries files can have any record refused, and can wait before telling us.

use super::*;

impl Delivery {
    pub(super) fn carried(&mut self, bytes: Vec<u8>, now_ms: i64, actions: &mut Vec<Action>) {
        let message = match ServerMessage::verify(&bytes, &self.peer.log_key.key) {
            Ok(message) => message,
            Err(error) => return actions.push(Action::Tell(Notice::Forged(error.to_string()))),
        };
        let (site, gateway) = match &message {
            ServerMessage::Receipt(receipt) => (&receipt.site, &receipt.gateway),
            ServerMessage::Refusal(refusal) => (&refusal.site, &refusal.gateway),
        };
        if *site != self.peer.site || *gateway != self.peer.gateway {
            return actions.push(Action::Tell(Notice::Forged("it names another gateway".to_owned())));
        }
        match message {
            ServerMessage::Receipt(receipt) => self.carried_receipt(receipt, bytes, now_ms, actions),
            ServerMessage::Refusal(refusal) => actions.push(Action::Tell(Notice::Refused {
                sequence: refusal.sequence,
                reason: refusal.reason,
                retry: true,
                number: refusal.number,
                detail: refusal.detail,
            })),
        }
    }

    fn carried_receipt(&mut self, receipt: Receipt, message: Vec<u8>, now_ms: i64, actions: &mut Vec<Action>) {
        let Some((chain, sequence, _)) = receipt.through else { return };
        let end = match self.place(chain, sequence) {
            Place::At(position) => position + 1,
            Place::Whole(end) => end,
            Place::Foreign => return actions.push(Action::Tell(Notice::Foreign)),
        };
        // Its time says nothing about now: no anchor may come of it, should the same record be under way by network.
        self.in_flight.iter_mut().for_each(|sent| sent.first_sent_ms = None);
        // While old image and server are compared, or a receipt is, the network is there and says the same soon.
        if end >= self.receipted_end && self.contest.is_none() && self.check.is_none() {
            self.receipt(receipt, message, now_ms, actions);
        }
    }
}
