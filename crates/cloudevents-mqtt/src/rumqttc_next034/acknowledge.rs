//! Withholds PUBACK and PUBREC until messages are settled.

use super::{
    options::Qos,
    outbox::Outbox,
    packet::{Arrived, PUBACK, PUBREC, acknowledgement},
};
use std::collections::VecDeque;

/// Messages of QoS 1 and 2 of one connection that are not acknowledged, in the order of arrival: number, packet identifier, QoS, and
/// whether it came again.
#[derive(Default)]
pub(super) struct Unacknowledged(VecDeque<(u64, u16, Qos, bool)>);

impl Unacknowledged {
    /// The message with this number has arrived. QoS 0 has no acknowledgement.
    pub(super) fn arrived(&mut self, number: u64, arrived: &Arrived) {
        let qos = Qos::from(arrived.publish.qos);
        if qos != Qos::AtMostOnce {
            self.0.push_back((number, arrived.publish.pkid, qos, arrived.publish.dup));
        }
    }

    /// Acknowledges the messages with numbers below `settled`, in the order of arrival (MQTT 5.0, section 4.6). Returns whether there were
    /// any.
    pub(super) fn acknowledge(&mut self, settled: u64, outbox: &Outbox) -> bool {
        let before = self.0.len();
        outbox.add(|buffer| {
            while let Some((number, id, qos, _)) = self.0.front().copied() {
                if number >= settled {
                    break;
                }
                self.0.pop_front();
                acknowledgement(buffer, if qos == Qos::ExactlyOnce { PUBREC } else { PUBACK }, id);
            }
        });
        let any = self.0.len() < before;
        if any {
            outbox.owe();
        }
        any
    }

    /// Whether a message with this packet identifier is not acknowledged.
    pub(super) fn has(&self, id: u16) -> bool {
        self.0.iter().any(|(_, known, ..)| *known == id)
    }

    /// Whether a message that came again is not acknowledged.
    pub(super) fn comes_again(&self) -> bool {
        self.0.iter().any(|(.., again)| *again)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
