//! The parts that records of all services have in common.

use crate::{Adapters, Headers, mapping::invalid, place};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Format, codec::decode_base64};
use cloudevents_json::{Json, is_event};
use cloudevents_sqs::{AttributeValue, SqsMessage};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The attributes of a message of SQS or SNS.
pub(super) type Attributes = BTreeMap<String, Attribute>;

/// SNS writes the names in another way than SQS.
#[derive(Deserialize)]
pub(super) struct Attribute {
    #[serde(rename = "dataType", alias = "Type")]
    data_type: String,
    #[serde(rename = "stringValue", alias = "Value")]
    text: Option<String>,
    #[serde(rename = "binaryValue")]
    base64: Option<String>,
}

#[derive(Deserialize)]
struct Invocation<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// The records of an invocation, which come from this service.
///
/// Errors: [`InvalidDocument`](ErrorKind::InvalidDocument) if there are no records, and [`InvalidData`](ErrorKind::InvalidData) for the
/// records of another service.
pub(super) fn records<'a>(document: &'a str, service: &str) -> Result<Vec<&'a str>, Error> {
    let invocation: Invocation<'a> = serde_json::from_str(document).map_err(|error| {
        Error::new(ErrorKind::InvalidDocument)
            .with_detail("it is no invocation with records")
            .with_help(format!("let a trigger of the service `{service}` invoke the function"))
            .with_source(error)
    })?;
    let records: Vec<&str> = invocation.records.into_iter().map(RawValue::get).collect();
    for record in &records {
        let from = place::text(record, "eventSource").or_else(|| place::text(record, "EventSource"));
        if from.as_deref() != Some(service) {
            let from = from.map_or_else(|| "no service".to_owned(), |from| format!("`{from}`"));
            let detail = format!("there is a record of {from}, and records of `{service}` are expected");
            return Err(invalid(detail).with_help("read the records of each service with its own function"));
        }
    }
    Ok(records)
}

/// The text by which the response names a record.
///
/// Errors: without it, the response cannot name the record. Lambda has to deliver the whole batch again.
pub(super) fn id(record: &str, place: &str) -> Result<String, Error> {
    place::text(record, place).ok_or_else(|| invalid(format!("a record has no `{place}`")))
}

/// The members of a record.
pub(super) fn parse<T: DeserializeOwned>(record: &str) -> Result<T, Error> {
    serde_json::from_str(record)
        .map_err(|error| invalid("the record lacks a member, or has one of another type").with_source(error))
}

/// A message of SQS or SNS with these parts.
pub(super) fn message(body: String, attributes: Attributes) -> Result<SqsMessage, Error> {
    let mut message = SqsMessage::new(body);
    for (name, attribute) in attributes {
        let Attribute { data_type, text, base64 } = attribute;
        let value = match (base64, text) {
            (Some(base64), _) => Bytes::from(decode_base64(base64)?),
            (None, Some(text)) if data_type.starts_with("Binary") => Bytes::from(decode_base64(text)?),
            (None, Some(text)) => Bytes::from(text),
            (None, None) => return Err(invalid(format!("the attribute `{name}` has no value"))),
        };
        message.attributes.push((name, AttributeValue::new(data_type, value)));
    }
    Ok(message)
}

/// The events of a message: the event that the message is, or the events of the document in its body.
pub(super) fn of_message(
    message: &SqsMessage,
    adapters: &Adapters,
    with: &DecodeOptions,
) -> Result<Decoded<Vec<Event>>, Error> {
    match cloudevents_sqs::decode(message, with) {
        Ok(event) => Ok(event.map(|event| vec![event])),
        Err(error) if error.kind() == ErrorKind::NotACloudEvent => {
            converted(&[], &message.body, adapters, with).unwrap_or(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// The events of a document that nothing can mark: an event in JSON, or a document of another system.
pub(super) fn of_document(
    document: &Bytes,
    adapters: &Adapters,
    with: &DecodeOptions,
) -> Result<Decoded<Vec<Event>>, Error> {
    with.limits.check_bytes(document.len())?;
    if is_event(document) {
        return Ok(Json::new().decode(document.clone(), with)?.map(|event| vec![event]));
    }
    converted(&[], document, adapters, with).unwrap_or_else(|| {
        let detail = "it is neither an event in JSON nor a document that an adapter reads";
        Err(Error::new(ErrorKind::NotACloudEvent).with_detail(detail))
    })
}

/// The events of a document of another system. `None` if no adapter fits.
pub(super) fn converted(
    headers: Headers<'_>,
    document: &Bytes,
    adapters: &Adapters,
    with: &DecodeOptions,
) -> Option<Result<Decoded<Vec<Event>>, Error>> {
    let message = adapters.message_of(headers, document, with)?;
    Some(message.and_then(|message| {
        let mut events = message.value.events(with)?;
        events.repairs.splice(0..0, message.repairs);
        Ok(events)
    }))
}
