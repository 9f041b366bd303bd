//! What binary mode cannot carry.

use cloudevents_core::{Event, Mode, Payload};

/// A protobuf `Any` lost its type URL in binary mode without a report.
#[test]
fn a_lost_type_url_is_reported() {
    let payload = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
    let event = Event::builder().id("1").source("/s").ty("t").payload_only(payload).build().unwrap();
    let (_, losses) = cloudevents_amqp::encode(&event, Mode::Binary).unwrap();
    let found: Vec<_> = losses.iter().map(|loss| (loss.at(), loss.kind())).collect();
    assert_eq!(found, [("datacontenttype", "content-type-stated"), ("data", "type-url")]);
}
