//! Dead-lettered messages: the header `x-death`, and the cycles that it shows.

use super::message::{Message, Properties};
use amq_protocol::{
    protocol::BasicProperties,
    types::{AMQPValue, FieldArray, FieldTable},
};
use std::{sync::Arc, time::SystemTime};

/// Why a message left its queue for the dead-letter exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Records in `x-death` that the message left this queue, newest first, and in `x-first-death-*` if it is the first time. Entries that a
/// client wrote there count, as in RabbitMQ 3. The message loses its own time of expiry.
pub(super) fn record(message: &mut Message, queue: &str, reason: Reason) {
    let Properties::Read(properties) = &message.properties else { return };
    let mut headers = properties.headers().clone().unwrap_or_default();
    let (mut earlier, mut count) = (deaths(&headers), 0);
    earlier.retain(|death| {
        let same = is(death, "queue", queue) && is(death, "reason", reason.as_str());
        if let (true, Some(AMQPValue::LongLongInt(number))) = (same, death.inner().get("count")) {
            count = *number;
        }
        !same
    });
    let facts = [("queue", queue), ("reason", reason.as_str()), ("exchange", message.exchange.as_str())];
    let mut death = FieldTable::default();
    death.insert("count".into(), AMQPValue::LongLongInt(count.saturating_add(1)));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    death.insert("time".into(), AMQPValue::Timestamp(now));
    let keys = vec![text(&message.routing_key)];
    death.insert("routing-keys".into(), AMQPValue::FieldArray(FieldArray::from(keys)));
    if let Some(expiration) = properties.expiration() {
        death.insert("original-expiration".into(), text(expiration.as_str()));
    }
    for (name, value) in facts {
        death.insert(name.into(), text(value));
    }
    if !headers.inner().contains_key("x-first-death-reason") {
        for (name, value) in facts {
            headers.insert(format!("x-first-death-{name}").into(), text(value));
        }
    }
    let all: Vec<_> = std::iter::once(death).chain(earlier).map(AMQPValue::FieldTable).collect();
    headers.insert("x-death".into(), AMQPValue::FieldArray(FieldArray::from(all)));
    message.properties = Properties::Read(Arc::new(without_expiration(properties).with_headers(headers)));
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

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn without_expiration(from: &BasicProperties) -> BasicProperties {
    let mut to = BasicProperties::default();
    if let Some(value) = from.content_type() {
        to = to.with_content_type(value.clone());
    }
    if let Some(value) = from.content_encoding() {
        to = to.with_content_encoding(value.clone());
    }
    if let Some(value) = from.headers() {
        to = to.with_headers(value.clone());
    }
    if let Some(value) = from.delivery_mode() {
        to = to.with_delivery_mode(*value);
    }
    if let Some(value) = from.priority() {
        to = to.with_priority(*value);
    }
    if let Some(value) = from.correlation_id() {
        to = to.with_correlation_id(value.clone());
    }
    if let Some(value) = from.reply_to() {
        to = to.with_reply_to(value.clone());
    }
    if let Some(value) = from.message_id() {
        to = to.with_message_id(value.clone());
    }
    if let Some(value) = from.timestamp() {
        to = to.with_timestamp(*value);
    }
    if let Some(value) = from.kind() {
        to = to.with_type(value.clone());
    }
    if let Some(value) = from.user_id() {
        to = to.with_user_id(value.clone());
    }
    if let Some(value) = from.app_id() {
        to = to.with_app_id(value.clone());
    }
    if let Some(value) = from.cluster_id() {
        to = to.with_cluster_id(value.clone());
    }
    to
}
