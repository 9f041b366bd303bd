//! Payloads that are values of serde types.

use cloudevents_cbor::ciborium02::{CborBuilderExt, CborEventExt, Ciborium};
use cloudevents_core::{Data, ErrorKind, Event, EventBuilder, EventData, Payload, TypedEvent};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Order {
    id: u32,
    total: f64,
}

impl EventData for Order {
    const TYPE: &'static str = "com.example.order";
    type Codec = Ciborium;
}

const ORDER: Order = Order { id: 17, total: 1.5 };

fn event() -> EventBuilder {
    Event::builder().id("1").source("/s").ty("com.example.order")
}

#[test]
fn a_value_travels_as_an_item() {
    let event = event().cbor(&ORDER).build().unwrap();
    let item = b"\xa2\x62id\x11\x65total\xf9\x3e\x00";
    let event = cloudevents_cbor::decode(cloudevents_cbor::encode_lossy(&event).unwrap()).unwrap();
    assert_eq!(event.datacontenttype().unwrap().as_str(), "application/cbor");
    assert_eq!(event.data(), Some(Data::Cbor(item)));
    assert_eq!(event.data_as_cbor::<Order>().unwrap(), ORDER);
    // Over a carrier that has no such payloads, the bytes are left.
    let event = cloudevents_json::decode(cloudevents_json::encode_lossy(&event)).unwrap();
    assert_eq!(event.data(), Some(Data::Binary(item)));
    assert_eq!(event.data_as_cbor::<Order>().unwrap(), ORDER);
}

#[test]
fn events_of_a_type() {
    let typed = TypedEvent::build(Event::builder().id("1").source("/s"), ORDER).unwrap();
    let typed: TypedEvent<Order> = typed.into_event().try_into().unwrap();
    assert_eq!(typed.into_data(), ORDER);
}

#[test]
fn a_payload_that_is_not_the_value_asked_for() {
    let kind = |builder: EventBuilder| builder.build().unwrap().data_as_cbor::<Order>().unwrap_err().kind();
    assert_eq!(kind(event()), ErrorKind::InvalidData);
    assert_eq!(kind(event().cbor(&1)), ErrorKind::InvalidData);
    assert_eq!(kind(event().text("x")), ErrorKind::UnexpectedContentType);
    assert_eq!(kind(event().payload_only(Payload::text("x"))), ErrorKind::InvalidData);
    let mut two = Vec::new();
    ciborium::into_writer(&ORDER, &mut two).unwrap();
    two.push(0);
    assert_eq!(kind(event().payload_only(Payload::binary(two))), ErrorKind::InvalidData);
    let deep = Payload::cbor([vec![0x81; 1000], vec![0]].concat());
    assert_eq!(kind(event().payload_only(deep)), ErrorKind::InvalidData);
}

#[test]
fn a_value_that_cbor_does_not_have() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let mistakes = event().cbor(&Refuses).build().unwrap_err();
    assert_eq!(mistakes.errors()[0].attribute(), Some("data"));
}

#[test]
fn a_content_type_that_fits_stays() {
    for (stated, expected) in
        [("application/vnd.order+cbor", "application/vnd.order+cbor"), ("text/plain", "application/cbor")]
    {
        let event = event().datacontenttype(stated).cbor(&ORDER).build().unwrap();
        assert_eq!(event.datacontenttype().unwrap().as_str(), expected);
        assert_eq!(event.data_as_cbor::<Order>().unwrap(), ORDER);
    }
}
