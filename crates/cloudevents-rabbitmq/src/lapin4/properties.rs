//! How large the properties of a message are on the wire. They have to fit into one frame (AMQP 0.9.1, section 4.2.6.1).

use super::{frame::BEFORE_PROPERTIES, message::Parts, returns::NUMBER};
use lapin::types::{AMQPValue, FieldTable, ShortString};

/// The size of the frame with the properties, and with the number that a sender adds.
pub(super) fn frame_size(message: &Parts) -> usize {
    let properties = &message.properties;
    let texts = [
        properties.content_type(),
        properties.content_encoding(),
        properties.correlation_id(),
        properties.reply_to(),
        properties.expiration(),
        properties.message_id(),
        properties.kind(),
        properties.user_id(),
        properties.app_id(),
        properties.cluster_id(),
    ];
    let sizes = [
        BEFORE_PROPERTIES,
        2, // the flags
        table(&message.headers),
        NUMBER.len().saturating_add(1 + 1 + 8),
        usize::from(properties.delivery_mode().is_some()),
        usize::from(properties.priority().is_some()),
        properties.timestamp().map_or(0, |_| 8),
        1, // the end of the frame
    ];
    sum(sizes.into_iter().chain(texts.into_iter().flatten().map(short)))
}

/// The size of a header.
fn header(name: &ShortString, value: &AMQPValue) -> usize {
    short(name).saturating_add(1).saturating_add(of(value))
}

fn of(value: &AMQPValue) -> usize {
    match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::DecimalValue(_) => 5,
        AMQPValue::LongLongInt(_) | AMQPValue::Double(_) | AMQPValue::Timestamp(_) => 8,
        AMQPValue::ShortString(text) => short(text),
        AMQPValue::LongString(text) => text.len().saturating_add(4),
        AMQPValue::ByteArray(bytes) => bytes.len().saturating_add(4),
        AMQPValue::FieldArray(values) => {
            sum(values.as_slice().iter().map(|value| of(value).saturating_add(1))).saturating_add(4)
        }
        AMQPValue::FieldTable(fields) => table(fields),
    }
}

fn table(fields: &FieldTable) -> usize {
    sum(fields.inner().iter().map(|(name, value)| header(name, value))).saturating_add(4)
}

fn short(text: &ShortString) -> usize {
    text.as_str().len().saturating_add(1)
}

fn sum(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::super::{message::every_value, options::fixed};
    use super::*;
    use lapin::{BasicProperties, protocol::basic::gen_properties};

    /// As lapin writes it.
    #[test]
    fn every_value_is_as_large_as_on_the_wire() {
        let text = || fixed("text");
        let all = BasicProperties::default()
            .with_content_type(text())
            .with_content_encoding(text())
            .with_delivery_mode(2)
            .with_priority(1)
            .with_correlation_id(text())
            .with_reply_to(text())
            .with_expiration(text())
            .with_message_id(text())
            .with_timestamp(7)
            .with_type(text())
            .with_user_id(text())
            .with_app_id(text())
            .with_cluster_id(text());
        for properties in [BasicProperties::default(), all] {
            let mut headers = FieldTable::default();
            for (at, value) in every_value().into_iter().enumerate() {
                headers.insert(ShortString::try_new(format!("h{at}")).unwrap(), value);
            }
            let nested = AMQPValue::FieldArray(vec![AMQPValue::FieldTable(headers.clone())].into());
            headers.insert(fixed("nested"), nested);
            let mut message = Parts { headers, properties, ..Parts::default() };
            let size = frame_size(&message);
            message.headers.insert(fixed(NUMBER), AMQPValue::LongLongInt(i64::MAX));
            let properties = message.whole().properties;
            let written = gen_properties(&properties)(Vec::new().into()).unwrap();
            assert_eq!(size, written.write.len() + BEFORE_PROPERTIES + 1);
        }
    }
}
