//! The rows of the Kafka binding. The peer's needs librdkafka even for its types, so these are held against the toolkit's own HTTP
//! binding, with the same event.

use crate::{
    allocations,
    inputs::Source,
    rows::{Failure, Row, header_map, run},
};
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_kafka::Record;
use http::HeaderMap;
use std::{hint::black_box, rc::Rc};

/// Reading a record.
pub(crate) fn decode(source: &Source) -> Result<Row, Failure> {
    let (event, record) = example(source)?;
    let mut headers = HeaderMap::new();
    let (body, _) = cloudevents_http::encode(&event, Mode::Binary, &mut headers)?;
    let decoding = Rc::new(DecodeOptions::strict());
    let read = cloudevents_kafka::decode(&record, &decoding)?.value;
    let shared =
        read.data_bytes().map(|data| data.as_ptr()) == record.value.as_ref().map(|value| value.as_ptr());
    let values = record.clone();
    let same = decoding.clone();
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_kafka::decode(black_box(&record), &decoding)),
        peer: run(move || cloudevents_http::decode(black_box(&headers), black_box(&body).clone(), &same)),
        peer_extra: None,
        floors: vec![(
            "copy of the values",
            run(move || {
                let values = || black_box(&values).headers.iter().flat_map(|header| &header.value);
                let mut buffer = Vec::with_capacity(values().map(|value| value.len()).sum());
                values().for_each(|value| buffer.extend_from_slice(value));
                buffer
            }),
        )],
        promise: if shared { Ok("shares the value") } else { Err("shares the value: it was copied".into()) },
    })
}

/// Writing a record.
pub(crate) fn encode(source: &Source) -> Result<Row, Failure> {
    let (event, record) = example(source)?;
    let same = event.clone();
    let heap = allocations::of(|| cloudevents_kafka::encode(&event, Mode::Binary));
    let promise = "allocates at most 2 KiB";
    Ok(Row {
        per: 1,
        ours: run(move || cloudevents_kafka::encode(black_box(&event), Mode::Binary)),
        peer: run(move || {
            let mut headers = HeaderMap::new();
            cloudevents_http::encode(black_box(&same), Mode::Binary, &mut headers)
                .map(|(body, _)| (headers, body))
        }),
        peer_extra: None,
        floors: vec![("clone of the headers", run(move || black_box(&record).headers.clone()))],
        promise: if heap.bytes <= 2048 { Ok(promise) } else { Err(format!("{promise}: {}", heap.bytes)) },
    })
}

/// The event of the rows of HTTP, and its record.
fn example(source: &Source) -> Result<(Event, Record), Failure> {
    let message = source.http()?;
    let headers = header_map(&message.headers)?;
    let event = cloudevents_http::decode(&headers, message.body, &DecodeOptions::strict())?.value;
    let (record, _) = cloudevents_kafka::encode(&event, Mode::Binary)?;
    if cloudevents_kafka::decode(&record, &DecodeOptions::strict())?.value != event {
        return Err("the event that was read is not the one that was written".into());
    }
    // As it comes from elsewhere: out of buffers of its own.
    let mut owned = Record::new(record.value.map(|value| value.to_vec().into()));
    for header in record.headers {
        owned = owned
            .with_header(header.name.as_str().to_owned(), header.value.map(|value| value.to_vec().into()));
    }
    Ok((event, owned))
}
