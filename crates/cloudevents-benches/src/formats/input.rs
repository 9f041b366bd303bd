//! Inputs of the rows, and what is done with them.

use crate::{
    allocations,
    inputs::Source,
    row::{Failure, Row, Run, copy, run},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Format, Payload};
use std::{hint::black_box, rc::Rc};

/// The operations of a library on an input.
pub(super) struct Sides {
    pub(super) decode: Run,
    pub(super) encode: Side,
}

/// An operation, and work that it needs and that does not count.
pub(super) struct Side {
    pub(super) run: Run,
    pub(super) extra: Option<Run>,
}

/// Events, their document, and the format.
pub(super) struct Input {
    pub(super) format: &'static dyn Format,
    pub(super) events: Vec<Event>,
    pub(super) document: Bytes,
    pub(super) batch: bool,
}

impl Input {
    pub(super) fn of(name: &str, size: &str, source: &Source) -> Result<Self, Failure> {
        const PAYLOAD: usize = 256 << 10;
        let small = cloudevents_json::decode(source.document("json-small")?)?;
        let events = match size {
            "small" => vec![small],
            "batch-1000" => cloudevents_json::decode_batch(source.document("json-batch-1000")?)?,
            "256k" if name == "xml" => {
                let text = "what XML holds without escapes, ".repeat(PAYLOAD / 32);
                vec![small.into_builder().payload("text/plain", Payload::text(text.as_str())).build()?]
            }
            "256k" => {
                let bytes: Vec<u8> = (0..PAYLOAD).map(|at| (at * 31 % 251) as u8).collect();
                vec![
                    small
                        .into_builder()
                        .payload("application/octet-stream", Payload::binary(bytes))
                        .build()?,
                ]
            }
            _ => return Err(format!("there is no size `{size}`").into()),
        };
        let format: &'static dyn Format = match name {
            "avro" => const { &cloudevents_avro::Avro::new() },
            "avro-compact" => const { &cloudevents_avro::AvroCompact::new() },
            "cbor" => const { &cloudevents_cbor::Cbor::new() },
            "protobuf" => const { &cloudevents_protobuf::Protobuf::new() },
            _ => const { &cloudevents_xml::Xml::new() },
        };
        let mut document = Vec::new();
        let batch = size == "batch-1000";
        let _ = match events.as_slice() {
            events if batch => format.encode_batch(events.into(), &mut document)?,
            [event, ..] => format.encode(event, &mut document)?,
            [] => return Err("there is no event".into()),
        };
        Ok(Self { format, events, document: document.into(), batch })
    }

    pub(super) fn event(&self) -> Result<&Event, Failure> {
        self.events.first().ok_or_else(|| "there is no event".into())
    }

    pub(super) fn decode(self, peer: Run) -> Result<Row, Failure> {
        let decoding = Rc::new(DecodeOptions::strict());
        let (document, format, batch) = (self.document.clone(), self.format, self.batch);
        let floors = vec![copy(&document)];
        let promise = if batch {
            Ok("")
        } else {
            let event = format.decode(document.clone(), &decoding)?.value;
            let shared =
                event.data_bytes().is_some_and(|data| document.as_ptr_range().contains(&data.as_ptr()));
            if shared { Ok("shares the payload") } else { Err("shares the payload: it was copied".into()) }
        };
        let ours = run(move || {
            let document = black_box(&document).clone();
            match batch {
                true => drop(black_box(format.decode_batch(document, &decoding))),
                false => drop(black_box(format.decode(document, &decoding))),
            }
        });
        Ok(Row { per: 1, ours, peer, peer_extra: None, floors, promise })
    }

    pub(super) fn encode(self, peer: Side) -> Result<Row, Failure> {
        let (events, format, batch) = (self.events, self.format, self.batch);
        let length = self.document.len() as u64;
        let write = move |events: &[Event]| {
            let mut document = Vec::new();
            let losses = match events {
                events if batch => format.encode_batch(events.into(), &mut document),
                [event, ..] => format.encode(event, &mut document),
                [] => return None,
            };
            losses.ok().map(|losses| (document, losses))
        };
        let heap = allocations::of(|| write(&events).map(|(document, _)| document));
        let promise = "allocates as many bytes as the output has";
        Ok(Row {
            per: 1,
            ours: run(move || write(black_box(&events))),
            peer: peer.run,
            peer_extra: peer.extra,
            floors: vec![copy(&self.document)],
            promise: if heap.bytes <= length {
                Ok(promise)
            } else {
                Err(format!("{promise}: {} for {length}", heap.bytes))
            },
        })
    }
}
