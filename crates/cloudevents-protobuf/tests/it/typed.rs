//! Payloads that are messages of prost.

use cloudevents_core::{Data, ErrorKind, Event, EventBuilder, EventData, Payload, TypedEvent};
use cloudevents_protobuf::prost014::{Prost, ProtobufBuilderExt, ProtobufEventExt};

#[derive(Clone, PartialEq, prost::Message)]
struct Order {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(double, tag = "2")]
    total: f64,
}

impl prost::Name for Order {
    const NAME: &'static str = "Order";
    const PACKAGE: &'static str = "com.example.shop";
}

impl EventData for Order {
    const TYPE: &'static str = "com.example.order";
    type Codec = Prost;
}

fn order() -> Order {
    Order { id: "17".into(), total: 1.5 }
}

fn event() -> EventBuilder {
    Event::builder().id("1").source("/s").ty("com.example.order")
}

#[test]
fn a_message_travels_as_an_any() {
    let event = event().proto(&order()).build().unwrap();
    let event = cloudevents_protobuf::decode(cloudevents_protobuf::encode_lossy(&event).unwrap()).unwrap();
    assert_eq!(event.datacontenttype().unwrap().as_str(), "application/protobuf");
    let Some(Data::Proto { type_url, .. }) = event.data() else { panic!("{event:?}") };
    assert_eq!(type_url, "type.googleapis.com/com.example.shop.Order");
    assert_eq!(event.data_as_proto::<Order>().unwrap(), order());
    // Over a carrier that has no `Any`, the bytes are left.
    let event = cloudevents_json::decode(cloudevents_json::encode_lossy(&event)).unwrap();
    assert_eq!(event.data_as_proto::<Order>().unwrap(), order());
}

#[test]
fn events_of_a_type() {
    let typed = TypedEvent::build(Event::builder().id("1").source("/s"), order()).unwrap();
    let typed: TypedEvent<Order> = typed.into_event().try_into().unwrap();
    assert_eq!(typed.into_data(), order());
}

#[test]
fn a_payload_that_is_not_the_message_asked_for() {
    let kind = |builder: EventBuilder| builder.build().unwrap().data_as_proto::<Order>().unwrap_err().kind();
    let any = |url: &str, bytes: &'static [u8]| event().payload_only(Payload::proto(url, bytes));
    assert_eq!(kind(event()), ErrorKind::InvalidData);
    assert_eq!(kind(any("type.googleapis.com/com.example.shop.Refund", b"")), ErrorKind::InvalidData);
    assert_eq!(kind(any("", b"")), ErrorKind::InvalidData);
    assert_eq!(kind(any("/com.example.shop.Order", b"\x0a\x05x")), ErrorKind::InvalidData);
    assert_eq!(kind(event().text("x")), ErrorKind::UnexpectedContentType);
    assert_eq!(kind(event().datacontenttype("application/protobuf").text("x")), ErrorKind::InvalidData);
    assert_eq!(
        kind(any("/com.example.shop.Order", b"").datacontenttype("text/plain")),
        ErrorKind::UnexpectedContentType
    );
    let event = any("https://example.com/types/com.example.shop.Order", b"").build().unwrap();
    assert_eq!(event.data_as_proto::<Order>().unwrap(), Order::default());
}

#[test]
fn a_content_type_that_fits_stays() {
    for (stated, expected) in
        [("application/x-protobuf", "application/x-protobuf"), ("text/plain", "application/protobuf")]
    {
        let event = event().datacontenttype(stated).proto(&order()).build().unwrap();
        assert_eq!(event.datacontenttype().unwrap().as_str(), expected);
        assert_eq!(event.data_as_proto::<Order>().unwrap(), order());
    }
}
