//! Invocations with records of Kinesis.

use super::{
    batch::{Batch, Record},
    record::{id, of_document, records},
};
use crate::{Adapters, mapping::invalid, place};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, codec::decode_base64};

/// The first bytes of records that the Kinesis Producer Library has aggregated.
const AGGREGATED: &[u8] = &[0xf3, 0x89, 0x9a, 0xc2];

/// Reads an invocation with records of a stream of Kinesis: <https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html>
///
/// A record is bytes alone, so nothing can mark an event, and there is no binary mode. A record is an event in JSON, or else a document
/// that one of the adapters fits. The id of a [`Record`] is its sequence number.
///
/// The batch [has an order](Batch::is_ordered): it is a part of one shard. Lambda delivers the records from the first failure on again.
///
/// Errors are of the invocation: [`InvalidDocument`](ErrorKind::InvalidDocument) if it has no records, and
/// [`InvalidData`](ErrorKind::InvalidData) if a record is not one of Kinesis or has no sequence number. A record that cannot be read is an
/// error of its own. So is a record that the Kinesis Producer Library has aggregated.
///
/// ```
/// use cloudevents_adapters::{Adapters, lambda};
/// use cloudevents_core::DecodeOptions;
///
/// let invocation = r#"{"Records": [{"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": "49568167373333333333", "data":
///     "eyJzcGVjdmVyc2lvbiI6IjEuMCIsImlkIjoiMSIsInNvdXJjZSI6Ii9zaG9wIiwidHlwZSI6InBsYWNlZCJ9"}}]}"#;
/// let batch = lambda::kinesis(invocation, &Adapters::known(), &DecodeOptions::strict())?;
/// assert_eq!(batch.records()[0].events.as_ref().unwrap().value[0].ty(), "placed");
/// assert!(batch.is_ordered());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn kinesis(document: &str, adapters: &Adapters, with: &DecodeOptions) -> Result<Batch, Error> {
    let record = |record: &str| {
        Ok(Record { id: id(record, "kinesis.sequenceNumber")?, events: events(record, adapters, with) })
    };
    let all: Result<_, Error> = records(document, "aws:kinesis")?.into_iter().map(record).collect();
    Ok(Batch::new(all?, true))
}

fn events(record: &str, adapters: &Adapters, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
    let data = place::text(record, "kinesis.data").ok_or_else(|| invalid("the record has no data"))?;
    let data = Bytes::from(decode_base64(data)?);
    if data.starts_with(AGGREGATED) {
        return Err(Error::new(ErrorKind::NotACloudEvent)
            .with_detail("the record is several records that the Kinesis Producer Library has aggregated")
            .with_help("set `AggregationEnabled` of the producer to `false`"));
    }
    of_document(&data, adapters, with)
}
