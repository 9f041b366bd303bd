//! Withholds PUBACK and PUBREC until messages are settled, and knows which of them the broker may not have read.

use super::{
    options::Qos,
    packet::{Arrived, PUBACK, PUBREC, acknowledgement},
    unwritten::Unwritten,
};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

/// Messages of QoS 1 and 2 of one connection that are not acknowledged, in the order of arrival: number, packet identifier, and QoS.
#[derive(Default)]
pub(super) struct Unacknowledged(VecDeque<(u64, u16, Qos)>);

impl Unacknowledged {
    /// The message with this number has arrived. QoS 0 has no acknowledgement.
    pub(super) fn arrived(&mut self, number: u64, arrived: &Arrived) {
        let qos = Qos::from(arrived.publish.qos);
        if qos != Qos::AtMostOnce {
            self.0.push_back((number, arrived.publish.pkid, qos));
        }
    }

    /// Acknowledges the messages with numbers below `settled`, in the order of arrival (MQTT 5.0, section 4.6).
    pub(super) fn acknowledge(&mut self, settled: u64, unwritten: &Unwritten, owed: &mut Owed) {
        let count = self.0.iter().take_while(|(number, ..)| *number < settled).count();
        if count == 0 {
            return;
        }
        unwritten.add(|buffer| {
            for (_, id, qos) in self.0.iter().take(count) {
                acknowledgement(buffer, if *qos == Qos::ExactlyOnce { PUBREC } else { PUBACK }, *id);
            }
        });
        let ping = unwritten.next_ping();
        owed.read(unwritten.pongs());
        owed.ids.extend(self.0.drain(..count).map(|(_, id, _)| (id, ping)));
    }

    /// Whether a message with this packet identifier is not acknowledged.
    pub(super) fn has(&self, id: u16) -> bool {
        self.0.iter().any(|(_, known, _)| *known == id)
    }

    /// The connection is lost. Messages with numbers below `settled` are settled, and messages in `perhaps` may be.
    pub(super) fn lost(&mut self, settled: u64, perhaps: &Range<u64>, owed: &mut Owed) {
        let is_owed = |number: &u64| *number < settled || perhaps.contains(number);
        let lost = self.0.drain(..).filter(|(number, ..)| is_owed(number));
        owed.ids.extend(lost.map(|(_, id, _)| (id, EARLIER)));
    }
}

/// The messages that are settled, and that the broker may send again, because it may not have read so. There are no more of them than
/// packet identifiers.
#[derive(Default)]
pub(super) struct Owed {
    /// The number of the PINGREQ that follows the acknowledgement, [`EARLIER`], or [`AGAIN`], by packet identifier. A message keeps its
    /// packet identifier over the next connection (MQTT 5.0, section 4.4).
    ids: BTreeMap<u16, u64>,
    /// How many PINGREQ of this connection the broker has answered.
    pongs: u64,
}

/// The number for settlements over an earlier connection. The first PINGREQ of this connection has the number 1.
///
/// The broker answers it behind the messages that it sends again.
const EARLIER: u64 = 0;

/// It was settled over an earlier connection, has come again, and is not acknowledged.
const AGAIN: u64 = u64::MAX;

impl Owed {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// A message has arrived again, or another message with an identifier that the broker has free.
    pub(super) fn arrived(&mut self, Arrived { publish, .. }: &Arrived) {
        if !publish.dup {
            self.ids.remove(&publish.pkid);
        } else if let Some(ping) = self.ids.get_mut(&publish.pkid).filter(|ping| **ping == EARLIER) {
            *ping = AGAIN;
        }
    }

    /// The broker has answered so many PINGREQ of this connection, and so has read the packets that were sent before them.
    pub(super) fn read(&mut self, pongs: u64) {
        if pongs > self.pongs {
            self.pongs = pongs;
            self.ids.retain(|_, ping| *ping > pongs);
        }
    }

    /// The connection is lost, over which the broker has answered so many PINGREQ.
    pub(super) fn lost(&mut self, pongs: u64) {
        self.read(pongs);
        self.ids.values_mut().for_each(|ping| *ping = EARLIER);
        self.pongs = 0;
    }
}
