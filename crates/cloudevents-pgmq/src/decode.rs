//! Messages of pgmq to messages and events.

use crate::wire::{CONTENT_TYPE, PgmqMessage};
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FormatId, Message, Repair,
    codec::{Detected, detect},
};
use cloudevents_json::{assume, find, is_event, recognize};

/// Reads one event from a message.
///
/// The document is not copied. Errors of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent) mean that the message bears no mark of
/// CloudEvents; [`Batched`](ErrorKind::Batched), that it claims to be a batch. JSON is understood without being in
/// [`DecodeOptions::formats`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_pgmq::PgmqMessage;
///
/// // As SQL writes it: select pgmq.send('orders', '{"specversion": "1.0", ...}')
/// let message = PgmqMessage::new(r#"{"id": "1", "type": "t", "source": "/s", "specversion": "1.0"}"#);
/// assert_eq!(cloudevents_pgmq::decode(&message, &DecodeOptions::strict())?.value.id(), "1");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(message: &PgmqMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let (format, repair) = format_of(message, with)?;
    Ok(find(&format, &with.formats)?.decode(message.message.clone(), with)?.with_repair(repair))
}

/// Reads a message without looking into its document: for forwarding it, and for looking at an attribute first.
///
/// Documents in unknown formats are messages, too; batches are not.
pub fn decode_message(message: &PgmqMessage, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    let (format, repair) = format_of(message, with)?;
    let document = recognize(format, message.message.clone(), &with.formats);
    Ok(Decoded::clean(Message::Structured(document)).with_repair(repair))
}

/// Whether a message bears a mark of CloudEvents.
///
/// A mark is a header `content-type` under `application/cloudevents`. Without that header, a member `specversion` is a mark, too.
///
/// ```
/// use cloudevents_pgmq::{PgmqMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&PgmqMessage::new("{}").with_header("content-type", "application/cloudevents+json")));
/// assert!(is_cloudevent(&PgmqMessage::new(r#"{"specversion": "1.0"}"#)));
/// assert!(!is_cloudevent(&PgmqMessage::new(r#"{"id": "1"}"#)));
/// ```
pub fn is_cloudevent(message: &PgmqMessage) -> bool {
    !matches!(detected(message), Ok(Detected::NotADocument))
}

fn detected(message: &PgmqMessage) -> Result<Detected, Error> {
    match message.header(CONTENT_TYPE) {
        None if is_event(&message.message) => Ok(Detected::Structured(FormatId::JSON)),
        content_type => detect(content_type.map(str::trim)),
    }
}

/// The format of the document, and the repair if that had to be assumed.
fn format_of(message: &PgmqMessage, with: &DecodeOptions) -> Result<(FormatId, Option<Repair>), Error> {
    with.limits.check_bytes(message.message.len())?;
    match detected(message)? {
        Detected::Structured(format) => Ok((format, None)),
        Detected::Batched(_) => {
            Err(Error::new(ErrorKind::Batched).with_detail("a message of pgmq has one event"))
        }
        Detected::NotADocument => {
            Ok((FormatId::JSON, Some(assume(&message.message, not_a_cloudevent(), with)?)))
        }
    }
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent).with_detail(
        "there is neither a header `content-type` under application/cloudevents nor, without one, a member `specversion`",
    )
}
