//! The contract of losses: an event comes back as it was, or a loss names what differs.

use crate::chain::format;
use cloudevents_core::{
    Data, DecodeOptions, Error, ErrorKind, Event, Format, Limits, LossClass, Losses, Message, Mode, Payload,
    SpecVersion, codec,
};
use cloudevents_http::BuilderExt;
use cloudevents_json::{Json, LineReader, LineWriter};
use cloudevents_testkit::{
    any,
    carrier::{Carrier, changes, told},
};
use proptest::prelude::*;

/// Encodes and decodes.
type Way = Box<dyn Fn(&Event, &DecodeOptions) -> Result<(Event, Losses), Error>>;

/// Every format, alone and in a batch, and binary mode of every protocol. Structured messages hold the documents of formats as they are.
fn ways() -> Vec<(String, Way)> {
    let mut ways: Vec<(String, Way)> = Vec::new();
    for carrier in Carrier::FORMATS {
        let format = format(carrier);
        ways.push((
            format!("{carrier:?}"),
            Box::new(move |event, with| {
                let (document, losses) = format.to_vec(event)?;
                Ok((format.decode(document.into(), with)?.value, losses))
            }),
        ));
        if format.batch_media_type().is_some() {
            ways.push((
                format!("{carrier:?}, batch"),
                Box::new(move |event, with| {
                    let (document, losses) = format.batch_to_vec(std::slice::from_ref(event).into())?;
                    let mut events = format.decode_batch(document.into(), with)?.value;
                    Ok((events.remove(0), losses))
                }),
            ));
        }
    }
    let mut way = |name: &str, way: Way| ways.push((name.to_owned(), way));
    way(
        "JSON Lines",
        Box::new(|event, with| {
            let mut writer = LineWriter::new(Vec::new());
            let losses = writer.write(event).unwrap();
            let lines = writer.into_inner();
            let mut reader = LineReader::new(lines.as_slice(), with.clone());
            Ok((reader.next().unwrap().unwrap().event?.value, losses))
        }),
    );
    way(
        "HTTP",
        Box::new(|event, with| {
            let mut headers = http::HeaderMap::new();
            let (body, losses) = cloudevents_http::encode(event, Mode::Binary, &mut headers)?;
            Ok((cloudevents_http::decode(&headers, body, with)?.value, losses))
        }),
    );
    way(
        "Kafka",
        Box::new(|event, with| {
            let (record, losses) = cloudevents_kafka::encode(event, Mode::Binary)?;
            Ok((cloudevents_kafka::decode(&record, with)?.value, losses))
        }),
    );
    way(
        "AMQP",
        Box::new(|event, with| {
            let (message, losses) = cloudevents_amqp::encode(event, Mode::Binary)?;
            Ok((cloudevents_amqp::decode(&message, with)?.value, losses))
        }),
    );
    way(
        "RabbitMQ",
        Box::new(|event, with| {
            let (message, losses) = cloudevents_rabbitmq::encode(event, Mode::Binary)?;
            Ok((cloudevents_rabbitmq::decode(&message, with)?.value, losses))
        }),
    );
    way(
        "MQTT",
        Box::new(|event, with| {
            let (message, losses) = cloudevents_mqtt::encode(event, Mode::Binary)?;
            Ok((cloudevents_mqtt::decode(&message, with)?.value, losses))
        }),
    );
    way(
        "NATS",
        Box::new(|event, with| {
            let (message, losses) = cloudevents_nats::encode(event, Mode::Binary)?;
            Ok((cloudevents_nats::decode(&message, with)?.value, losses))
        }),
    );
    ways
}

/// What is encoded may be beyond the limits of decoding.
fn unlimited() -> DecodeOptions {
    DecodeOptions::strict().with_limits(Limits::unlimited())
}

/// Whether a carrier may refuse to encode the event.
fn may_refuse(name: &str, event: &Event, error: &Error) -> bool {
    match error.kind() {
        // Formats other than JSON have no specversion 0.3.
        ErrorKind::UnsupportedSpecversion => event.specversion() == SpecVersion::V03,
        ErrorKind::Unsupported => error.attribute() == Some("datacontenttype"),
        // A string of MQTT is that long.
        ErrorKind::TooLarge => name == "MQTT" && codec::attributes_size(event) > 65_535,
        _ => false,
    }
}

/// Any event, large and repaired ones included.
fn events() -> impl Strategy<Value = Event> {
    prop_oneof![20 => any::event().boxed(), 1 => any::large_event().boxed(), 3 => any::repaired_event().boxed()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_local_rejects: u32::MAX, ..ProptestConfig::default() })]

    #[test]
    fn what_differs_is_named(event in events()) {
        let with = unlimited();
        for (name, way) in ways() {
            match way(&event, &with) {
                Ok((came, losses)) => {
                    prop_assert_eq!(told(&losses), changes(&event, &came), "{}: {:?} became {:?}", name, event, came);
                }
                Err(error) => prop_assert!(may_refuse(&name, &event, &error), "{name}: {error}"),
            }
        }
    }

    /// Shortcuts have no place for losses: they refuse those that change the meaning, and only these.
    #[test]
    fn shortcuts_keep_the_meaning(event in events()) {
        let with = unlimited();
        let (json, post) = (Json::new(), || http::Request::post("/"));
        let binary = cloudevents_http::encode(&event, Mode::Binary, &mut http::HeaderMap::new());
        let binary = binary.and_then(|(_, losses)| losses.keep_meaning());
        let structured = json.to_vec(&event).and_then(|(_, losses)| losses.keep_meaning());
        for (keeps, request) in [
            (&binary, post().event(&event)),
            (&binary, post().message(&Message::from(&event))),
            (&structured, post().structured_event(&event, &json)),
            (&structured, post().events(std::slice::from_ref(&event), &json)),
        ] {
            prop_assert_eq!(keeps.is_ok(), request.is_ok(), "{:?}", request);
            let Ok(request) = request else { continue };
            let (parts, body) = request.into_parts();
            let came = cloudevents_http::decode_events(&parts.headers, body, &with).unwrap().value;
            let weighty = changes(&event, &came[0]).into_values().max();
            prop_assert!(weighty < Some(LossClass::Meaning), "{event:?} became {:?}", came[0]);
        }
    }

    /// What an event had before it was changed does not come back.
    #[test]
    fn what_was_changed_is_what_it_shows(event in events(), value in proptest::collection::vec(proptest::num::u8::ANY, 0..9)) {
        let mut changed = event;
        changed.clear_payload();
        let built = changed.clone().into_builder().payload_only(Payload::proto("", value.clone())).build().unwrap();
        changed.set_payload_only(Payload::proto("", value.clone())).unwrap();
        for event in [built, changed] {
            prop_assert_eq!(event.data(), Some(Data::Proto { type_url: "", value: &value }));
        }
    }

    #[test]
    fn what_was_repaired_is_valid(event in any::repaired_event()) {
        prop_assert!(event.into_builder().build().is_ok());
    }
}

/// Some thousands, unless the environment says how many.
fn cases() -> u32 {
    if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 1000 }
}
