//! Kafka.

use super::Binding;
use crate::row::{Run, run};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Losses, Mode};
use cloudevents_kafka::{Record, decode, encode};
use std::hint::black_box;

pub(super) struct Kafka;

impl Binding for Kafka {
    type Message = Record;

    fn encode(event: &Event) -> Result<(Record, Losses), Error> {
        encode(event, Mode::Binary)
    }

    fn decode(record: &Record, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        decode(record, with)
    }

    fn body(record: &Record) -> Option<&Bytes> {
        record.value.as_ref()
    }

    fn owned(record: Record) -> Record {
        let owned = Record::new(record.value.map(|value| value.to_vec().into()));
        record.headers.into_iter().fold(owned, |owned, header| {
            owned
                .with_header(header.name.as_str().to_owned(), header.value.map(|value| value.to_vec().into()))
        })
    }

    fn decode_floors(record: &Record) -> Vec<(&'static str, Run)> {
        let record = record.clone();
        let copy = run(move || {
            let values = || black_box(&record).headers.iter().flat_map(|header| &header.value);
            let mut buffer = Vec::with_capacity(values().map(|value| value.len()).sum());
            values().for_each(|value| buffer.extend_from_slice(value));
            buffer
        });
        vec![("copy of the values", copy)]
    }

    fn encode_floors(record: Record) -> Vec<(&'static str, Run)> {
        vec![("clone of the headers", run(move || black_box(&record).headers.clone()))]
    }
}
