//! Events and messages to entries of EventBridge.

use crate::EventBridgeEntry;
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Error, ErrorKind, Event, FormatId, Formats, Losses, Message, Mode, Timestamp,
};
use cloudevents_json::Json;
use std::{borrow::Cow, sync::LazyLock};

/// The longest type, in characters.
const LONGEST_TYPE: usize = 128;
/// The longest source, in characters.
const LONGEST_SOURCE: usize = 256;
/// The longest resource, in characters.
const LONGEST_RESOURCE: usize = 2048;

/// Of documents, attributes are read without judging the rest.
static READING: LazyLock<DecodeOptions> =
    LazyLock::new(|| DecodeOptions::lenient().with_formats(Formats::none().with(Json::new())));

/// Writes an event as an entry: its JSON document as the detail, and its type, source, subject and time beside it, for rules.
///
/// The losses name the parts that the format could not hold. Errors are of kind [`Unsupported`](ErrorKind::Unsupported): binary mode,
/// formats other than JSON, and a type or source that EventBridge does not take.
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("7").build()?;
/// let (entry, losses) = cloudevents_eventbridge::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!((&*entry.detail_type, &*entry.source, &*entry.resources[0]), ("t", "/s", "7"));
/// assert_eq!(entry.detail, r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"7"}"#);
/// assert!(losses.is_empty());
/// assert!(cloudevents_eventbridge::encode(&event, Mode::Binary).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, mode: Mode<'_>) -> Result<(EventBridgeEntry, Losses), Error> {
    let Mode::Structured(format) = mode else { return Err(no_binary_mode()) };
    let mut document = Vec::new();
    let losses = format.encode(event, &mut document)?;
    check_format(&format.id())?;
    let read = |name: &str| Ok(event.attribute(name).map(|value| value.to_canonical().into_owned()));
    Ok((entry(document.into(), read)?, losses))
}

/// Writes a message. The document of a structured message is moved, unchanged.
///
/// Errors are those of [`encode`], and of kind [`Unsupported`](ErrorKind::Unsupported) for a batch. A document whose type or source cannot
/// be read is an error of reading it.
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
/// let message = Message::Structured(Document::new(FormatId::JSON, document));
/// assert_eq!(cloudevents_eventbridge::encode_message(&message)?.detail, document);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message(message: &Message) -> Result<EventBridgeEntry, Error> {
    encode_written(message, message)
}

/// The same for a message that was written of another one, which may be easier to read: an event.
pub(crate) fn encode_written(message: &Message, original: &Message) -> Result<EventBridgeEntry, Error> {
    match message {
        Message::Structured(document) => {
            check_format(document.format())?;
            entry(document.body().clone(), |name| original.attribute(name, &READING))
        }
        Message::Binary(_) => Err(no_binary_mode()),
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("an entry of EventBridge has one event")
            .with_help("send the events one by one")),
    }
}

fn entry(
    detail: Bytes,
    read: impl Fn(&str) -> Result<Option<String>, Error>,
) -> Result<EventBridgeEntry, Error> {
    if std::str::from_utf8(&detail).is_err() {
        return Err(unfit("its document is not UTF-8 text"));
    }
    let required = |name, longest: usize| {
        let value = read(name)?.filter(|value| !value.is_empty());
        let value = value
            .ok_or_else(|| unfit(format!("its document has no `{name}`, which EventBridge requires")))?;
        match value.chars().count() {
            count if count > longest => {
                Err(unfit(format!("its `{name}` has {count} characters, and EventBridge allows {longest}")))
            }
            _ => Ok(value),
        }
    };
    let (detail_type, source) = (required("type", LONGEST_TYPE)?, required("source", LONGEST_SOURCE)?);
    if source.starts_with("aws.") {
        return Err(unfit("its `source` begins with `aws.`, which EventBridge reserves"));
    }
    let resources = read("subject")?.filter(|subject| subject.chars().count() <= LONGEST_RESOURCE);
    let time = read("time")?.and_then(|time| Some(Timestamp::parse(&time).ok()?.instant()));
    Ok(EventBridgeEntry { detail, detail_type, source, resources: resources.into_iter().collect(), time })
}

fn check_format(format: &FormatId) -> Result<(), Error> {
    if *format == FormatId::JSON {
        return Ok(());
    }
    Err(unfit(format!("the detail of EventBridge is JSON, and this is a document of the format {format}")))
}

#[cold]
fn no_binary_mode() -> Error {
    unfit("EventBridge has no binary mode: the detail is JSON, and a payload may be anything")
}

#[cold]
fn unfit(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(detail).with_help(
        "write events as JSON, with a `type` of at most 128 and a `source` of at most 256 characters",
    )
}
