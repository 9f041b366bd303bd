//! The rows: one operation each, of the toolkit, of the peer, and of plain work on memory that nothing can do without.

use crate::{
    allocations::{self, Heap},
    bindings, catalog, formats,
    inputs::{self, Source},
    receive,
    row::{Failure, Row, Run, copy, run},
    select,
};
use bytes::Bytes;
use cloudevents::binding::http::to_event;
use cloudevents_core::{DecodeOptions, Event, Mode};
use http::HeaderMap;
use serde::de::IgnoredAny;
use std::{hint::black_box, rc::Rc};

/// The names of the rows, in order.
pub(crate) const NAMES: &[&str] = &[
    "json-small decode",
    "json-medium decode",
    "json-large decode",
    "json-bin32k decode",
    "json-batch-1000 decode",
    "json-mixed-512 decode",
    "json-small encode",
    "json-medium encode",
    "json-large encode",
    "json-bin32k encode",
    "json-batch-1000 encode",
    "avro-small decode",
    "avro-small encode",
    "avro-256k decode",
    "avro-256k encode",
    "avro-compact-small decode",
    "avro-compact-small encode",
    "cbor-small decode",
    "cbor-small encode",
    "cbor-256k decode",
    "cbor-256k encode",
    "protobuf-small decode",
    "protobuf-small encode",
    "protobuf-batch-1000 decode",
    "protobuf-batch-1000 encode",
    "protobuf-256k decode",
    "protobuf-256k encode",
    "xml-small decode",
    "xml-small encode",
    "xml-batch-1000 decode",
    "xml-batch-1000 encode",
    "xml-256k decode",
    "xml-256k encode",
    "amqp-binary decode",
    "amqp-binary encode",
    "http-binary decode",
    "http-binary encode",
    "kafka-binary decode",
    "kafka-binary encode",
    "mqtt-binary decode",
    "mqtt-binary encode",
    "nats-binary decode",
    "nats-binary encode",
    "rabbitmq-binary decode",
    "rabbitmq-binary encode",
    "websockets-json decode",
    "websockets-json encode",
    "attributes read",
    "cesql-typical evaluate",
    "cesql-typical parse",
    "cesql-medium look-up",
    "filters-100000 match",
    "catalog-1k judge",
    "catalog-1540 match",
];

type Peer = cloudevents::Event;

/// The row of this name.
pub(crate) fn row(name: &str, source: &Source) -> Result<Row, Failure> {
    let (input, direction) = name.split_once(' ').unwrap_or_default();
    if let Some(case) = input.strip_prefix("receive-") {
        return receive::row(case, direction, source);
    }
    let other = || {
        bindings::row(input, direction, source)
            .or_else(|| select::row(input, direction, source))
            .or_else(|| catalog::row(input, direction))
    };
    if let Some(row) = formats::row(input, direction, source).or_else(other) {
        return row;
    }
    match (input, direction) {
        ("json-mixed-512", "decode") => mixed(source),
        (input @ "json-batch-1000", "decode") => decode_batch(&source.document(input)?),
        (input @ "json-batch-1000", "encode") => encode_batch(&source.document(input)?),
        ("http-binary", "decode") => decode_http(source),
        ("http-binary", "encode") => encode_http(source),
        ("attributes", "read") => read_attributes(&source.document("json-small")?),
        (input, "decode") => decode(&source.document(input)?),
        (input, "encode") => encode(&source.document(input)?),
        _ => Err(format!("there is no row `{name}`").into()),
    }
}

/// Decoding and encoding a document of this many bytes.
pub(crate) fn of_size(bytes: usize) -> Result<(Row, Row), Failure> {
    let document = inputs::document_of(bytes);
    Ok((decode(&document)?, encode(&document)?))
}

/// Reading all of a JSON text with `serde_json` and keeping nothing.
fn scan(document: &Bytes) -> (&'static str, Run) {
    let document = document.clone();
    ("bare scan", run(move || serde_json::from_slice::<IgnoredAny>(black_box(&document)).is_ok()))
}

/// Whether a payload is a part of the document. JSON payloads are. Payloads that were base64 are not.
fn shares(document: &Bytes, payload: &Bytes) -> bool {
    document.as_ptr_range().contains(&payload.as_ptr())
}

fn decode(document: &Bytes) -> Result<Row, Failure> {
    let event = cloudevents_json::decode(document.clone())?;
    serde_json::from_slice::<Peer>(document)?;
    let mut floors = vec![copy(document), scan(document)];
    let payload = event.data_bytes().cloned().unwrap_or_default();
    if !shares(document, &payload) {
        let base64 = base64_simd::STANDARD.encode_to_string(&payload);
        floors.push(("base64", run(move || base64_simd::STANDARD.decode_to_vec(black_box(&base64)).is_ok())));
    }
    let heap = allocations::of(|| cloudevents_json::decode(document.clone()));
    let promise = if shares(document, &payload) {
        let promise = "holds at most 1 KiB beyond the input";
        if heap.held <= 1024 { Ok(promise) } else { Err(format!("{promise}: {}", heap.held)) }
    } else {
        let promise = "allocates at most 1.1 times the payload";
        let most = (payload.len() + payload.len() / 10) as u64;
        if heap.bytes <= most { Ok(promise) } else { Err(format!("{promise}: {}", heap.bytes)) }
    };
    let (ours, peer) = (document.clone(), document.clone());
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_json::decode(black_box(&ours).clone())),
        peer: run(move || serde_json::from_slice::<Peer>(black_box(&peer))),
        peer_extra: None,
        floors,
        promise,
    })
}

fn decode_batch(document: &Bytes) -> Result<Row, Failure> {
    cloudevents_json::decode_batch(document.clone())?;
    serde_json::from_slice::<Vec<Peer>>(document)?;
    let (ours, peer) = (document.clone(), document.clone());
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_json::decode_batch(black_box(&ours).clone())),
        peer: run(move || serde_json::from_slice::<Vec<Peer>>(black_box(&peer))),
        peer_extra: None,
        floors: vec![copy(document), scan(document)],
        promise: Ok(""),
    })
}

fn mixed(source: &Source) -> Result<Row, Failure> {
    let documents: Rc<[Bytes]> = source.mixed()?.documents.into();
    for document in documents.iter() {
        cloudevents_json::decode(document.clone())?;
        serde_json::from_slice::<Peer>(document)?;
    }
    let each = |operation: fn(&Bytes)| {
        let documents = documents.clone();
        run(move || documents.iter().for_each(|document| operation(black_box(document))))
    };
    Ok(Row {
        per: documents.len() as u64,
        ours: each(|document| drop(black_box(cloudevents_json::decode(document.clone())))),
        peer: each(|document| drop(black_box(serde_json::from_slice::<Peer>(document)))),
        peer_extra: None,
        floors: vec![
            ("copy", each(|document| drop(black_box(document.to_vec())))),
            ("bare scan", each(|document| drop(black_box(serde_json::from_slice::<IgnoredAny>(document))))),
        ],
        promise: Ok(""),
    })
}

fn encode(document: &Bytes) -> Result<Row, Failure> {
    let event = cloudevents_json::decode(document.clone())?;
    let peer = serde_json::from_slice::<Peer>(document)?;
    let encoded = cloudevents_json::encode_lossy(&event);
    let mut floors = vec![copy(&encoded)];
    let payload = event.data_bytes().cloned().unwrap_or_default();
    if !shares(document, &payload) {
        floors.push(("base64", run(move || base64_simd::STANDARD.encode_to_string(black_box(&payload)))));
    }
    let heap = allocations::of(|| cloudevents_json::encode_lossy(&event));
    let promise = "allocates as many bytes as the output has";
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_json::encode_lossy(black_box(&event))),
        peer: run(move || serde_json::to_vec(black_box(&peer))),
        peer_extra: None,
        floors,
        promise: match heap.bytes.checked_sub(encoded.len() as u64) {
            Some(0) => Ok(promise),
            _ => Err(format!("{promise}: {} for {}", heap.bytes, encoded.len())),
        },
    })
}

fn encode_batch(document: &Bytes) -> Result<Row, Failure> {
    let events = cloudevents_json::decode_batch(document.clone())?;
    let peer = serde_json::from_slice::<Vec<Peer>>(document)?;
    let floors = vec![copy(&cloudevents_json::encode_batch(&events)?.0)];
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_json::encode_batch(black_box(&events))),
        peer: run(move || serde_json::to_vec(black_box(&peer))),
        peer_extra: None,
        floors,
        promise: Ok(""),
    })
}

fn decode_http(source: &Source) -> Result<Row, Failure> {
    let message = source.http()?;
    let headers = Rc::new(message.header_map()?);
    let body = message.body;
    let decoding = DecodeOptions::strict();
    let event = cloudevents_http::decode(&*headers, body.clone(), &decoding)?.value;
    to_event(&*headers, body.to_vec())?;
    let values: Vec<Bytes> = headers.values().map(|value| Bytes::copy_from_slice(value.as_bytes())).collect();
    let shared = event.data_bytes().is_some_and(|data| data.as_ptr() == body.as_ptr());
    let (peer_headers, peer_body) = (headers.clone(), body.clone());
    Ok(Row {
        per: 1,
        ours: run(move || {
            cloudevents_http::decode(black_box(&*headers), black_box(&body).clone(), &decoding)
        }),
        peer: run(move || to_event(black_box(&*peer_headers), black_box(&peer_body).to_vec())),
        peer_extra: None,
        floors: vec![(
            "copy of the values",
            run(move || {
                let mut buffer = Vec::with_capacity(values.iter().map(Bytes::len).sum());
                black_box(&values).iter().for_each(|value| buffer.extend_from_slice(value));
                buffer
            }),
        )],
        promise: if shared { Ok("shares the body") } else { Err("shares the body: it was copied".into()) },
    })
}

fn encode_http(source: &Source) -> Result<Row, Failure> {
    let message = source.http()?;
    let headers = message.header_map()?;
    let peer = Rc::new(to_event(&headers, message.body.to_vec())?);
    to_request(Peer::clone(&peer))?;
    let event = cloudevents_http::decode(&headers, message.body, &DecodeOptions::strict())?.value;
    let mut written = HeaderMap::new();
    let _ = cloudevents_http::encode(&event, Mode::Binary, &mut written)?;
    if written != headers {
        return Err("the headers that were written are not those that were read".into());
    }
    let cloned = peer.clone();
    Ok(Row {
        per: 1,
        ours: run(move || {
            let mut headers = HeaderMap::new();
            cloudevents_http::encode(black_box(&event), Mode::Binary, &mut headers)
                .map(|(body, _)| (headers, body))
        }),
        // It consumes the event, so every operation needs a clone.
        peer: run(move || to_request(Peer::clone(black_box(&peer)))),
        peer_extra: Some(run(move || Peer::clone(black_box(&cloned)))),
        floors: vec![("clone of the headers", run(move || black_box(&written).clone()))],
        promise: Ok(""),
    })
}

fn to_request(event: Peer) -> Result<http::Request<Option<Vec<u8>>>, cloudevents::message::Error> {
    event.try_into()
}

fn read_attributes(document: &Bytes) -> Result<Row, Failure> {
    let event = cloudevents_json::decode(document.clone())?;
    let peer = serde_json::from_slice::<Peer>(document)?;
    let strings: Vec<(String, String)> = event
        .attributes()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_canonical().into_owned()))
        .collect();
    Ok(Row {
        per: 1,
        ours: run(move || {
            for (name, value) in black_box(&event).attributes() {
                black_box((name.as_str(), value.as_str()));
            }
        }),
        peer: run(move || {
            for (name, value) in black_box(&peer).iter() {
                black_box((name, &value));
            }
        }),
        peer_extra: None,
        floors: vec![(
            "walk over pairs of strings",
            run(move || {
                for (name, value) in black_box(&strings) {
                    black_box((name.as_str(), value.as_str()));
                }
            }),
        )],
        promise: Ok(""),
    })
}

/// The heap memory that one decoded event holds.
pub(crate) struct Held {
    pub(crate) name: &'static str,
    /// Bytes of the input, which the toolkit's event shares.
    pub(crate) input: usize,
    pub(crate) ours: Heap,
    pub(crate) peer: Heap,
}

/// The sizes of the values themselves: ours, the peer's.
pub(crate) const EVENT_SIZES: (usize, usize) = (size_of::<Event>(), size_of::<Peer>());

/// The memory that one decoded event holds beyond its input.
pub(crate) fn held(source: &Source) -> Result<Vec<Held>, Failure> {
    let mut all = Vec::new();
    for name in ["json-small", "json-medium", "json-large", "json-bin32k"] {
        let document = source.document(name)?;
        all.push(Held {
            name,
            input: document.len(),
            ours: allocations::of(|| cloudevents_json::decode(document.clone())),
            peer: allocations::of(|| serde_json::from_slice::<Peer>(&document)),
        });
    }
    let message = source.http()?;
    let (headers, body) = (message.header_map()?, message.body);
    all.push(Held {
        name: "http-binary",
        input: body.len(),
        ours: allocations::of(|| cloudevents_http::decode(&headers, body.clone(), &DecodeOptions::strict())),
        peer: allocations::of(|| to_event(&headers, body.to_vec())),
    });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_runs() {
        for name in NAMES {
            let row = row(name, &Source::Generated).unwrap();
            for run in [&row.ours, &row.peer].into_iter().chain(row.floors.iter().map(|(_, run)| run)) {
                run(1);
            }
        }
        for name in ["receive-small event", "receive-medium layer", "receive-binary message"] {
            let row = row(name, &Source::Generated).unwrap();
            (row.ours)(2);
            (row.peer)(2);
        }
        assert!(row("json-small write", &Source::Generated).is_err());
        assert!(row("receive-small nothing", &Source::Generated).is_err());
    }

    #[test]
    fn what_shares_its_input_holds_nothing_else() {
        for held in held(&Source::Generated).unwrap() {
            let least = if held.name == "json-bin32k" { 32_768 } else { 0 };
            assert!((least..least + 1024).contains(&held.ours.held), "{}: {}", held.name, held.ours.held);
            assert!(held.peer.held > held.ours.held, "{}", held.name);
        }
    }
}
