//! The losses that formats and bindings have in common, and all losses of binary mode.

use super::charset::{self, Encoded};
use crate::{
    Data, Event, Loss, LossClass, Losses, MediaType, Timestamp, Value,
    attributes::ExtensionKind,
    payload::{Kind, read},
};
use bytes::Bytes;

/// The values and bodies of an event that binary mode of a protocol keeps, besides text and bytes.
///
/// ```
/// use cloudevents_core::{Value, codec::BinaryMode};
///
/// // A protocol with native booleans, and with messages without a body.
/// let mode = BinaryMode { keeps_type: |value| matches!(value, Value::Boolean(_)), keeps_empty: true };
/// assert!((mode.keeps_type)(Value::Boolean(true)) && !(BinaryMode::TEXT.keeps_type)(Value::Boolean(true)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BinaryMode {
    /// Whether the value of an extension, which is no String, comes back with its type and spelling.
    pub keeps_type: fn(Value<'_>) -> bool,
    /// Whether a payload of no bytes differs from no payload.
    pub keeps_empty: bool,
}

impl BinaryMode {
    /// Every attribute is a text, and a message always has a body.
    pub const TEXT: Self = Self { keeps_type: |_| false, keeps_empty: false };
}

/// Returns the losses of binary mode: empty if and only if the event that is decoded equals this one.
///
/// ```
/// use cloudevents_core::{Event, LossClass, Payload, codec::{BinaryMode, binary_mode_losses}};
///
/// let builder = || Event::builder().id("1").source("/s").ty("t");
/// let json = builder().payload("application/json", Payload::json("{}")).build()?;
/// assert!(binary_mode_losses(&json, BinaryMode::TEXT).is_empty());
///
/// let text = builder().extension("priority", 3).text("hi").build()?;
/// let losses = binary_mode_losses(&text, BinaryMode::TEXT);
/// assert!(losses.iter().map(|loss| loss.class()).eq([LossClass::Type, LossClass::PayloadForm]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn binary_mode_losses(event: &Event, mode: BinaryMode) -> Losses {
    let keeps_payload = match &event.body {
        None => true,
        Some(body) => match body.kind {
            Kind::Body => mode.keeps_empty || !body.as_bytes().is_empty(),
            Kind::Json => event.datacontenttype().is_some(),
            _ => false,
        },
    };
    let is_text = |kind: ExtensionKind| kind == ExtensionKind::String;
    if keeps_payload && event.extensions.list().iter().all(|extension| is_text(extension.kind)) {
        return Losses::none();
    }
    inexact(event, mode)
}

/// Returns the losses of binary mode that [change the meaning](LossClass::Meaning). Every protocol has these: the type URL of a protobuf
/// payload, and text that the charset of its content type does not have.
///
/// ```
/// use cloudevents_core::{Event, Payload, codec::binary_mode_meaning_losses};
///
/// let payload = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
/// let event = Event::builder().id("1").source("/s").ty("t").payload_only(payload).build()?;
/// assert_eq!(binary_mode_meaning_losses(&event).iter().next().unwrap().kind(), "type-url");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn binary_mode_meaning_losses(event: &Event) -> Losses {
    match &event.body {
        Some(body) if matches!(body.kind, Kind::Text | Kind::Xml | Kind::Proto) => meaning(event),
        _ => Losses::none(),
    }
}

/// The body of a message in binary mode: the payload, which shares the event's buffer. Text under a content type with another charset
/// than UTF-8 is written in that charset.
///
/// The charsets are US-ASCII, ISO-8859-1 and UTF-16 in all byte orders. Text in others, and text with characters that the charset does
/// not have, is written as UTF-8, which is a [loss](binary_mode_meaning_losses). Text of US-ASCII characters alone is the same in most.
///
/// ```
/// use cloudevents_core::{Event, Payload, codec::binary_mode_body};
///
/// let builder = || Event::builder().id("1").source("/s").ty("t");
/// let event = builder().payload("text/plain; charset=iso-8859-1", Payload::text("café")).build()?;
/// assert_eq!(binary_mode_body(&event).unwrap(), &b"caf\xe9"[..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn binary_mode_body(event: &Event) -> Option<Bytes> {
    other_charset(event).or_else(|| event.data_bytes().cloned())
}

/// The payload in the charset of its content type, if its bytes differ from the bytes of [`Event::data_bytes`].
#[inline]
pub fn other_charset(event: &Event) -> Option<Bytes> {
    match &event.body {
        Some(body) if matches!(body.kind, Kind::Text | Kind::Xml) => match in_charset(event) {
            Encoded::Bytes(bytes) => Some(bytes.into()),
            Encoded::Same | Encoded::Impossible => None,
        },
        _ => None,
    }
}

/// The loss of a text that is written as bytes: it has characters that its charset does not have.
pub fn charset_lost(event: &Event) -> Option<Loss> {
    matches!(in_charset(event), Encoded::Impossible).then(|| {
        Loss::of_data(
            LossClass::Meaning,
            "charset",
            "the text cannot be written in the charset of its content type; it is written as UTF-8",
        )
    })
}

/// The loss of an extension whose type is not carried.
#[cold]
pub fn type_lost(name: &str) -> Loss {
    Loss::new(
        LossClass::Type,
        name,
        "attribute-type",
        "the type is not carried; the attribute becomes a String",
    )
}

/// The loss of a protobuf `Any` that becomes bytes.
#[cold]
pub fn type_url_lost(type_url: &str) -> Loss {
    if type_url.is_empty() {
        return Loss::of_data(
            LossClass::PayloadForm,
            "any-as-bytes",
            "the protobuf message is carried as bytes",
        );
    }
    Loss::of_data(LossClass::Meaning, "type-url", "the type URL of the protobuf message is not carried")
}

/// The loss of an event without a content type, which the payload implies and which the encoder states.
#[cold]
pub fn content_type_stated() -> Loss {
    Loss::new(
        LossClass::Spelling,
        "datacontenttype",
        "content-type-stated",
        "the content type that the payload implies is stated",
    )
}

/// The loss of a payload whose bytes and content type are carried, and that is of another kind when it is read.
#[cold]
pub fn form_lost(kind: &'static str, detail: &'static str) -> Loss {
    Loss::of_data(LossClass::PayloadForm, kind, detail)
}

/// Whether a timestamp is written as [`Timestamp::format_utc`] writes it: in UTC, in upper case, with the fewest of 0, 3, 6 or 9 digits
/// of a fraction, and no leap second. `digits` is the greatest number of them, one of these.
///
/// ```
/// use cloudevents_core::{Timestamp, codec::is_utc_form};
///
/// let is_form = |text, digits| Timestamp::parse(text).is_ok_and(|time| is_utc_form(time, digits));
/// assert!(is_form("2018-04-05T17:31:00Z", 3) && is_form("2018-04-05T17:31:00.120Z", 3));
/// assert!(!is_form("2018-04-05T17:31:00.123456Z", 3) && is_form("2018-04-05T17:31:00.123456Z", 9));
/// for other in ["2018-04-05t17:31:00z", "2018-04-05T17:31:00+00:00", "2018-04-05T17:31:00.1Z", "2018-04-05T17:31:00.000Z"] {
///     assert!(!is_form(other, 9), "{other}");
/// }
/// ```
#[inline]
pub fn is_utc_form(timestamp: Timestamp<'_>, digits: usize) -> bool {
    let text = timestamp.as_str().as_bytes();
    let Some((seconds, fraction)) = text.split_first_chunk::<19>() else { return false };
    let is_fewest = match fraction {
        b"Z" => true,
        [b'.', fraction @ .., b'Z'] => {
            matches!(fraction.len(), 3 | 6 | 9) && fraction.len() <= digits && !fraction.ends_with(b"000")
        }
        _ => false,
    };
    is_fewest && seconds.get(10) == Some(&b'T') && !seconds.ends_with(b"60")
}

/// Reports the losses of a timestamp in a carrier that has points in time in UTC. A fraction has `digits` digits there: 3, 6 or 9.
#[inline]
pub fn timestamp_losses(name: &str, timestamp: Timestamp<'_>, digits: usize, losses: &mut Losses) {
    if !is_utc_form(timestamp, digits) {
        inexact_timestamp(name, timestamp, digits, losses);
    }
}

#[cold]
fn inexact_timestamp(name: &str, timestamp: Timestamp<'_>, digits: usize, losses: &mut Losses) {
    let before = losses.len();
    let mut report = |kind, detail| losses.push(Loss::new(LossClass::Meaning, name, kind, detail));
    let instant = timestamp.instant();
    if timestamp.offset_minutes() != 0 {
        report("timestamp-offset", "the offset from UTC is not carried");
    }
    if instant.is_finer_than(digits) {
        report("timestamp-digits", "digits of the fraction beyond what the format has are not carried");
    }
    if instant.leap_second {
        report("leap-second", "a leap second becomes the first second of the next minute");
    }
    if losses.len() == before {
        losses.push(timestamp_respelled(name));
    }
}

/// The loss of a timestamp that is the same point in time with other letters or digits.
#[cold]
pub fn timestamp_respelled(name: &str) -> Loss {
    let detail = "the same time is written in another way";
    Loss::new(LossClass::Spelling, name, "timestamp-spelling", detail)
}

#[cold]
fn inexact(event: &Event, mode: BinaryMode) -> Losses {
    let mut losses = Losses::none();
    for (name, value) in event.extensions() {
        if !matches!(value, Value::String(_)) && !(mode.keeps_type)(value) {
            losses.push(type_lost(name.as_str()));
        }
    }
    if event.datacontenttype().is_none() && event.content_type().is_some() {
        losses.push(content_type_stated());
    }
    let of_meaning = meaning(event);
    if of_meaning.is_empty() {
        payload_form(event, mode).into_iter().for_each(|loss| losses.push(loss));
    }
    losses.append(of_meaning);
    losses
}

#[cold]
fn meaning(event: &Event) -> Losses {
    let mut losses = Losses::none();
    let lost = match event.data() {
        Some(Data::Proto { type_url, .. }) if !type_url.is_empty() => Some(type_url_lost(type_url)),
        Some(Data::Text(_) | Data::Xml(_)) => charset_lost(event),
        _ => None,
    };
    lost.into_iter().for_each(|loss| losses.push(loss));
    losses
}

/// The loss of the payload's kind, if a receiver of the body reads another kind.
fn payload_form(event: &Event, mode: BinaryMode) -> Option<Loss> {
    let (body, data) = (event.body.as_ref()?, event.data()?);
    if body.as_bytes().is_empty() && !mode.keeps_empty {
        return Some(form_lost("empty-payload", "a payload of no bytes becomes no payload"));
    }
    if body.kind == Kind::Body {
        return None;
    }
    match (data, read(Kind::Body, &body.content, event.content_type())) {
        (Data::Json(_), Kind::Json) | (Data::Cbor(_), Kind::Cbor) | (Data::Binary(_), Kind::Binary) => None,
        (Data::Proto { type_url, .. }, _) => Some(type_url_lost(type_url)),
        (Data::Text(_), Kind::Json) => {
            Some(form_lost("text-as-json", "text that is JSON, under a JSON content type, becomes JSON"))
        }
        (_, Kind::Json) => {
            Some(form_lost("bytes-as-json", "bytes that are JSON, under a JSON content type, become JSON"))
        }
        (_, Kind::Cbor) => Some(form_lost(
            "bytes-as-cbor",
            "bytes that are a CBOR item, under a CBOR content type, become one",
        )),
        (Data::Xml(_), _) => Some(form_lost("xml-as-bytes", "an XML element is carried as bytes")),
        _ => Some(form_lost("text-as-bytes", "text is carried as bytes")),
    }
}

/// The text of the payload in the charset of its content type. JSON is UTF-8, also with another charset there (RFC 8259, section 8.1).
fn in_charset(event: &Event) -> Encoded {
    let text = match event.data() {
        Some(Data::Text(text) | Data::Xml(text)) => text,
        _ => return Encoded::Same,
    };
    let stated = event.datacontenttype().filter(|content_type| !content_type.is_json());
    match stated.and_then(|content_type: MediaType<'_>| content_type.parameter("charset")) {
        Some(charset) => charset::encode(text, &charset),
        None => Encoded::Same,
    }
}
