//! Dead-lettered messages: the header `x-death`, and the cycles that it shows.

use super::queue::{Message, Properties};
use amq_protocol::types::{AMQPValue, FieldArray, FieldTable};

/// Why a message left its queue for the dead-letter exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Expired,
    Rejected,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Rejected => "rejected",
        }
    }
}

/// Records in `x-death` that the message left this queue, newest first. What a client wrote there counts, as in RabbitMQ 3.
pub(super) fn record(message: &mut Message, queue: &str, reason: Reason) {
    let Properties::Read(properties) = &mut message.properties else { return };
    let mut headers = properties.headers().clone().unwrap_or_default();
    let (mut earlier, mut count) = (deaths(&headers), 0);
    earlier.retain(|death| {
        let same = is(death, "queue", queue) && is(death, "reason", reason.as_str());
        if let (true, Some(AMQPValue::LongLongInt(number))) = (same, death.inner().get("count")) {
            count = *number;
        }
        !same
    });
    let mut death = FieldTable::default();
    death.insert("count".into(), AMQPValue::LongLongInt(count.saturating_add(1)));
    for (name, value) in
        [("queue", queue), ("reason", reason.as_str()), ("exchange", message.exchange.as_str())]
    {
        death.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    let all: Vec<_> = std::iter::once(death).chain(earlier).map(AMQPValue::FieldTable).collect();
    headers.insert("x-death".into(), AMQPValue::FieldArray(FieldArray::from(all)));
    **properties = properties.as_ref().clone().with_headers(headers);
}

/// Whether the message was in this queue before, and was not rejected since. RabbitMQ drops such a message in silence
/// (`rabbit_dead_letter:detect_cycles/3`).
pub(super) fn is_cycle(message: &Message, queue: &str) -> bool {
    let headers = message.properties().and_then(|properties| properties.headers().as_ref());
    let deaths = headers.map(deaths).unwrap_or_default();
    let Some(last) = deaths.iter().position(|death| is(death, "queue", queue)) else { return false };
    !deaths.iter().take(last.saturating_add(1)).any(|death| is(death, "reason", "rejected"))
}

fn deaths(headers: &FieldTable) -> Vec<FieldTable> {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { return Vec::new() };
    let table = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => Some(death.clone()),
        _ => None,
    };
    deaths.as_slice().iter().filter_map(table).collect()
}

fn is(death: &FieldTable, name: &str, value: &str) -> bool {
    matches!(death.inner().get(name), Some(AMQPValue::LongString(text)) if text.as_bytes() == value.as_bytes())
}
