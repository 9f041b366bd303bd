//! prost as the oracle: what is a document, and what it says.

use crate::{
    roundtrip::form,
    schema::{Attribute, CloudEvent, CloudEventBatch, message},
};
use cloudevents_testkit::any::event_of_1_0;
use proptest::prelude::*;
use prost::Message;

proptest! {
    #[test]
    fn documents_are_those_of_prost(event in event_of_1_0()) {
        let message = message(&form(&event));
        let document = cloudevents_protobuf::encode_lossy(&event)?;
        prop_assert_eq!(CloudEvent::decode(&document[..])?, message.clone());
        prop_assert_eq!(&document, &message.encode_to_vec());
        prop_assert_eq!(document.len(), document.capacity());
    }

    #[test]
    fn batches_are_those_of_prost(events in proptest::collection::vec(event_of_1_0(), 0..4)) {
        let batch = CloudEventBatch { events: events.iter().map(|event| message(&form(event))).collect() };
        let document = cloudevents_protobuf::encode_batch(&events)?.0;
        prop_assert_eq!(&document, &batch.encode_to_vec());
        prop_assert_eq!(document.len(), document.capacity());
    }

    #[test]
    fn what_is_read_is_what_prost_reads(
        event in event_of_1_0(),
        at in any::<prop::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 0..12),
        remove in 0..12_usize,
    ) {
        let mut document = cloudevents_protobuf::encode_lossy(&event)?;
        let at = at.index(document.len() + 1);
        let end = (at + remove).min(document.len());
        document.splice(at..end, with);
        judged_alike(&document)?;
    }

    #[test]
    fn unknown_fields_are_skipped(event in event_of_1_0(), fields in proptest::collection::vec(unknown(), 1..4), first in any::<bool>()) {
        let document = cloudevents_protobuf::encode_lossy(&event)?;
        let fields = fields.concat();
        let with = if first { [fields, document].concat() } else { [document, fields].concat() };
        prop_assert_eq!(&cloudevents_protobuf::decode(with.clone())?, &form(&event));
        judged_alike(&with)?;
    }
}

/// What this crate accepts prost accepts, and means the same by it. (prost takes the last of what comes twice, cuts integers to 32
/// bits, and knows nothing of CloudEvents: there is no inverse.)
fn judged_alike(document: &[u8]) -> Result<(), TestCaseError> {
    let Ok(event) = cloudevents_protobuf::decode(document.to_vec()) else { return Ok(()) };
    let read = CloudEvent::decode(document).map_err(|error| TestCaseError::fail(error.to_string()))?;
    // `ce_string` is accepted for `time` and `dataschema`; prost keeps what stood there.
    let mut expected = message(&event);
    for (name, value) in &read.attributes {
        if let (Some(Attribute::String(_) | Attribute::UriReference(_)), "time" | "dataschema") =
            (&value.attribute, name.as_str())
        {
            expected.attributes.insert(name.clone(), value.clone());
        }
    }
    prop_assert_eq!(read, expected);
    Ok(())
}

/// A field that the schema does not have, of any wire type.
fn unknown() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![9..16_u32, 16..40_000_u32, Just(536_870_911)];
    let leaf = (number.clone(), 0..4_u8, any::<u64>()).prop_map(|(number, wire_type, value)| {
        let mut out = Vec::new();
        let tag = |wire_type: u32| u64::from(number << 3 | wire_type);
        match wire_type {
            0 => {
                varint(tag(0), &mut out);
                varint(value, &mut out);
            }
            1 => {
                varint(tag(1), &mut out);
                out.extend(value.to_le_bytes());
            }
            2 => {
                varint(tag(2), &mut out);
                out.push(8);
                out.extend(value.to_le_bytes());
            }
            _ => {
                varint(tag(5), &mut out);
                out.extend(&value.to_le_bytes()[..4]);
            }
        }
        out
    });
    leaf.prop_recursive(4, 12, 3, move |inner| {
        (number.clone(), proptest::collection::vec(inner, 0..3)).prop_map(|(number, fields)| {
            let mut out = Vec::new();
            varint(u64::from(number << 3 | 3), &mut out);
            out.extend(fields.concat());
            varint(u64::from(number << 3 | 4), &mut out);
            out
        })
    })
}

fn varint(value: u64, out: &mut Vec<u8>) {
    prost::encoding::encode_varint(value, out);
}
