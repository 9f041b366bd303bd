//! The rows of the other bindings. The official crate has none of them, or needs their clients even for its types, so these are held
//! against the toolkit's own HTTP binding, with the same event.

mod amqp;
mod binding;
mod kafka;
mod mqtt;
mod nats;
mod rabbitmq;
mod websockets;

use crate::{
    allocations,
    inputs::Source,
    row::{Failure, Row, run},
};
use binding::Binding;
use cloudevents_core::{DecodeOptions, Event};
use http::HeaderMap;
use std::{hint::black_box, rc::Rc};

/// The row of this name, if it is one of these.
pub(crate) fn row(input: &str, direction: &str, source: &Source) -> Option<Result<Row, Failure>> {
    match input {
        "amqp-binary" => of::<amqp::Amqp>(direction, source),
        "kafka-binary" => of::<kafka::Kafka>(direction, source),
        "mqtt-binary" => of::<mqtt::Mqtt>(direction, source),
        "nats-binary" => of::<nats::Nats>(direction, source),
        "rabbitmq-binary" => of::<rabbitmq::Rabbitmq>(direction, source),
        "websockets-json" => of::<websockets::Websockets>(direction, source),
        _ => None,
    }
}

fn of<B: Binding>(direction: &str, source: &Source) -> Option<Result<Row, Failure>> {
    match direction {
        "decode" => Some(decode::<B>(source)),
        "encode" => Some(encode::<B>(source)),
        _ => None,
    }
}

/// Reading a message.
fn decode<B: Binding>(source: &Source) -> Result<Row, Failure> {
    let (event, message) = example::<B>(source)?;
    let mut headers = HeaderMap::new();
    let (body, _) = cloudevents_http::encode(&event, B::mode(), &mut headers)?;
    let decoding = Rc::new(DecodeOptions::strict());
    let read = B::decode(&message, &decoding)?.value;
    let shares = read
        .data_bytes()
        .zip(B::body(&message))
        .is_some_and(|(data, body)| body.as_ptr_range().contains(&data.as_ptr()));
    let floors = B::decode_floors(&message);
    let same = decoding.clone();
    Ok(Row {
        per: 1,
        ours: run(move || B::decode(black_box(&message), &decoding)),
        peer: run(move || cloudevents_http::decode(black_box(&headers), black_box(&body).clone(), &same)),
        peer_extra: None,
        floors,
        promise: if shares {
            Ok("shares the payload")
        } else {
            Err("shares the payload: it was copied".into())
        },
    })
}

/// Writing a message.
fn encode<B: Binding>(source: &Source) -> Result<Row, Failure> {
    let (event, message) = example::<B>(source)?;
    let same = event.clone();
    let heap = allocations::of(|| B::encode(&event));
    let promise = "allocates at most 2 KiB";
    Ok(Row {
        per: 1,
        ours: run(move || B::encode(black_box(&event))),
        peer: run(move || {
            let mut headers = HeaderMap::new();
            cloudevents_http::encode(black_box(&same), B::mode(), &mut headers)
                .map(|(body, _)| (headers, body))
        }),
        peer_extra: None,
        floors: B::encode_floors(message),
        promise: if heap.bytes <= 2048 { Ok(promise) } else { Err(format!("{promise}: {}", heap.bytes)) },
    })
}

/// The event of the rows of HTTP, and its message.
fn example<B: Binding>(source: &Source) -> Result<(Event, B::Message), Failure> {
    let request = source.http()?;
    let headers = request.header_map()?;
    let event = cloudevents_http::decode(&headers, request.body, &DecodeOptions::strict())?.value;
    let (message, _) = B::encode(&event)?;
    if B::decode(&message, &DecodeOptions::strict())?.value != event {
        return Err("the event that was read is not the one that was written".into());
    }
    Ok((event, B::owned(message)))
}
