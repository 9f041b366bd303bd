//! The rows of the AMQP binding. The peer has none, so these are held against the toolkit's own HTTP binding, with the same event.

use crate::{
    allocations,
    inputs::Source,
    rows::{Failure, Row, header_map, run},
};
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{DecodeOptions, Event, Mode};
use http::HeaderMap;
use std::{hint::black_box, rc::Rc};

/// Reading a message.
pub(crate) fn decode(source: &Source) -> Result<Row, Failure> {
    let (event, message) = example(source)?;
    let mut headers = HeaderMap::new();
    let (body, _) = cloudevents_http::encode(&event, Mode::Binary, &mut headers)?;
    let decoding = Rc::new(DecodeOptions::strict());
    let read = cloudevents_amqp::decode(&message, &decoding)?.value;
    let shared = match &message.body {
        Body::Data(bytes) => read.data_bytes().is_some_and(|data| data.as_ptr() == bytes.as_ptr()),
        _ => false,
    };
    let same = decoding.clone();
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_amqp::decode(black_box(&message), &decoding)),
        peer: run(move || cloudevents_http::decode(black_box(&headers), black_box(&body).clone(), &same)),
        peer_extra: None,
        floors: Vec::new(),
        promise: if shared {
            Ok("shares the payload")
        } else {
            Err("shares the payload: it was copied".into())
        },
    })
}

/// Writing a message.
pub(crate) fn encode(source: &Source) -> Result<Row, Failure> {
    let (event, message) = example(source)?;
    let same = event.clone();
    let heap = allocations::of(|| cloudevents_amqp::encode(&event, Mode::Binary));
    let promise = "allocates at most 2 KiB";
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_amqp::encode(black_box(&event), Mode::Binary)),
        peer: run(move || {
            let mut headers = HeaderMap::new();
            cloudevents_http::encode(black_box(&same), Mode::Binary, &mut headers)
                .map(|(body, _)| (headers, body))
        }),
        peer_extra: None,
        floors: vec![(
            "clone of the properties",
            run(move || black_box(&message).application_properties.clone()),
        )],
        promise: if heap.bytes <= 2048 { Ok(promise) } else { Err(format!("{promise}: {}", heap.bytes)) },
    })
}

/// The event of the rows of HTTP, and its message.
fn example(source: &Source) -> Result<(Event, AmqpMessage), Failure> {
    let request = source.http()?;
    let headers = header_map(&request.headers)?;
    let event = cloudevents_http::decode(&headers, request.body, &DecodeOptions::strict())?.value;
    let (mut message, _) = cloudevents_amqp::encode(&event, Mode::Binary)?;
    if cloudevents_amqp::decode(&message, &DecodeOptions::strict())?.value != event {
        return Err("the event that was read is not the one that was written".into());
    }
    // As it comes from elsewhere: out of buffers of its own.
    for (name, value) in &mut message.application_properties {
        *name = name.as_str().into();
        if let AmqpValue::String(text) = value {
            *text = text.as_str().into();
        }
    }
    if let Body::Data(bytes) = &message.body {
        message.body = Body::Data(bytes.to_vec().into());
    }
    message.properties.content_type = message.properties.content_type.map(|text| text.as_str().into());
    Ok((event, message))
}
