//! Payloads: the members `data` and `data_base64`, and typed payloads by serde.

use crate::{Json, value::syntax};
use cloudevents_core::{
    Codec, CodecContext, Data, Decode, Encode, Error, ErrorKind, Event, EventBuilder, MediaType, Payload,
    Repair, RepairKind, SpecVersion, TextBuffer,
    codec::{
        Assembler, Completed, decode_base64, payload_as,
        scan::{RawString, Scanner},
        scan_json, takes_utf8,
    },
};
use sealed::Sealed;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The payload members of an event, until all attributes are known.
#[derive(Default)]
pub(crate) struct Members {
    data: Option<Member>,
    base64: Option<(RawString, usize)>,
    base64_seen: bool,
}

enum Member {
    /// The string, and the position of its quotation mark.
    String(RawString, usize),
    Other(Payload, usize),
}

impl Members {
    /// The cursor is at the value of `data`.
    #[inline]
    pub(crate) fn data(
        &mut self,
        buffer: &TextBuffer,
        scanner: &mut Scanner<'_>,
        depth: u32,
        key: usize,
    ) -> Result<(), Error> {
        if self.data.is_some() {
            return Err(duplicate("data", key));
        }
        let start = scanner.position();
        self.data = Some(if scanner.peek().map_err(syntax)? == b'"' {
            Member::String(scanner.long_string().map_err(syntax)?, start)
        } else {
            let mut at = start;
            let payload = scan_json(buffer, &mut at, depth).map_err(syntax)?;
            *scanner = Scanner::at(scanner.text(), at);
            Member::Other(payload, start)
        });
        Ok(())
    }

    /// The cursor is at the value of `data_base64`.
    #[inline]
    pub(crate) fn data_base64(&mut self, scanner: &mut Scanner<'_>, key: usize) -> Result<(), Error> {
        if self.base64_seen {
            return Err(duplicate("data_base64", key));
        }
        self.base64_seen = true;
        let start = scanner.position();
        match scanner.peek().map_err(syntax)? {
            b'"' => self.base64 = Some((scanner.unchecked_string().map_err(syntax)?, start)),
            b'n' => scanner.literal("null").map_err(syntax)?,
            _ => {
                return Err(Error::new(ErrorKind::InvalidType)
                    .with_detail("data_base64 is a JSON string")
                    .with_offset(start)
                    .with_clause("JSON-3.1.1-b"));
            }
        }
        Ok(())
    }

    /// The payload, now that version and content type are known.
    #[inline]
    pub(crate) fn decide(
        self,
        buffer: &TextBuffer,
        completed: Completed,
        assembler: &mut Assembler<'_>,
    ) -> Result<Option<Payload>, Error> {
        if self.base64_seen && completed.specversion == SpecVersion::V03 {
            return Err(no_base64_in_03());
        }
        let is_json = assembler.content_type().is_none_or(MediaType::is_json);
        match (self.data, self.base64) {
            (None, None) => Ok(None),
            (Some(_), Some((_, at))) => Err(Error::new(ErrorKind::ConflictingData)
                .with_detail("data and data_base64 cannot both be there")
                .with_offset(at)
                .with_clause("JSON-3.1.1-m")),
            (None, Some((string, at))) => decode_string(buffer, string, at).map(Some),
            (Some(Member::String(string, at)), None) if completed.base64 => {
                decode_string(buffer, string, at).map(Some)
            }
            (Some(Member::String(_, mut at)), None) if is_json => {
                scan_json(buffer, &mut at, u32::MAX).map(Some).map_err(syntax)
            }
            (Some(Member::Other(payload, _)), None) if is_json => Ok(Some(payload)),
            (Some(Member::String(string, _)), None) => text(buffer, string).map(Some),
            (Some(Member::Other(payload, at)), None) => data_as_text(payload, at, assembler).map(Some),
        }
    }
}

#[inline]
fn decode_string(buffer: &TextBuffer, string: RawString, at: usize) -> Result<Payload, Error> {
    let refuse =
        |error: Error| error.with_offset(at).with_detail("data_base64 is not base64 of RFC 4648 section 4");
    if string.escaped {
        let mut text = String::new();
        Scanner::new(buffer.as_str()).unescape(string, &mut text).map_err(syntax)?;
        return Ok(Payload::binary(decode_base64(text).map_err(refuse)?));
    }
    let text = buffer.as_bytes().get(string.range()).unwrap_or_default();
    match decode_base64(text) {
        Ok(bytes) => Ok(Payload::binary(bytes)),
        // Escapes were not searched for: base64 does not need them, but `\/` is allowed.
        Err(_) if text.contains(&b'\\') => {
            let string = Scanner::at(buffer.as_str(), at).string().map_err(syntax)?;
            decode_string(buffer, string, at)
        }
        Err(error) => Err(refuse(error)),
    }
}

fn text(buffer: &TextBuffer, string: RawString) -> Result<Payload, Error> {
    if !string.escaped
        && let Some(text) = buffer.slice(string.range())
    {
        return Ok(Payload::text(text));
    }
    let mut text = String::new();
    Scanner::new(buffer.as_str()).unescape(string, &mut text).map_err(syntax)?;
    Ok(Payload::text(text))
}

#[cold]
fn data_as_text(payload: Payload, at: usize, assembler: &mut Assembler<'_>) -> Result<Payload, Error> {
    let error = Error::new(ErrorKind::InvalidData)
        .with_detail("data is not a string, and datacontenttype is not JSON")
        .with_offset(at)
        .with_help("correct datacontenttype, or write the payload as a string or as data_base64")
        .with_clause("JSON-3.1.1-k");
    if !assembler.decoding().leniency.allows(RepairKind::DataAsText) {
        return Err(error);
    }
    assembler.repaired(Repair::new(RepairKind::DataAsText).with_cause(error));
    Ok(Payload::text(TextBuffer::new(payload.as_bytes().clone())?))
}

#[cold]
fn duplicate(member: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute(member)
        .with_offset(at)
        .with_clause("JSON-3.1.1-m")
}

#[cold]
fn no_base64_in_03() -> Error {
    Error::new(ErrorKind::InvalidName).with_attribute("data_base64").with_detail(
        "specversion 0.3 has no such member: there, `datacontentencoding` says that `data` is base64",
    )
}

/// Payloads from serde types, for [`EventBuilder`].
pub trait JsonBuilderExt: Sized + Sealed {
    /// Sets the payload as JSON. `build` reports a value that cannot be serialised.
    ///
    /// `datacontenttype` becomes `application/json`. A JSON content type that was set before stays, unless it has a `charset` other than
    /// UTF-8. `serde_json` writes the value: numbers that are not finite become `null`.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_json::{JsonBuilderExt, JsonEventExt};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").json(&vec![1, 2, 3]).build()?;
    /// assert_eq!(event.data_bytes().unwrap().as_ref(), b"[1,2,3]");
    /// assert_eq!(event.data_as_json::<Vec<u8>>()?, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn json<T: Serialize + ?Sized>(self, value: &T) -> Self;
}

impl JsonBuilderExt for EventBuilder {
    fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        payload_as(self, Json::CONTENT_TYPE, Json::writes, to_payload(value))
    }
}

/// Payloads as serde types, for [`Event`].
pub trait JsonEventExt: Sealed {
    /// Returns the payload as a value of type `T`, which may borrow from the event.
    ///
    /// `serde_json` reads it. A `serde_json::Value` has the last of duplicate members, and numbers as `i64`, `u64` or the nearest `f64`;
    /// [`Data::Json`] has the text with all digits and members.
    ///
    /// Errors:
    ///
    /// - [`UnexpectedContentType`](ErrorKind::UnexpectedContentType) when the content type is not JSON.
    /// - [`InvalidData`](ErrorKind::InvalidData) when there is no payload, when it is not JSON, or when the JSON is not a `T`. In the last
    ///   case, the source is the error of `serde_json`, with line and column.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_json::{JsonBuilderExt, JsonEventExt};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Order<'a> {
    ///     customer: &'a str,
    /// }
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").json(&[("customer", "Ann")].into_iter().collect::<std::collections::HashMap<_, _>>()).build()?;
    /// let order: Order<'_> = event.data_as_json()?;
    /// assert_eq!(order.customer, "Ann");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn data_as_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error>;
}

impl JsonEventExt for Event {
    fn data_as_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        if let Some(content_type) = self.datacontenttype().filter(|content_type| !content_type.is_json()) {
            return Err(Error::new(ErrorKind::UnexpectedContentType)
                .with_attribute("datacontenttype")
                .with_detail(format!("JSON is expected, and this is `{content_type}`")));
        }
        match self.data() {
            Some(data) => from_data(data),
            None => Err(Error::new(ErrorKind::InvalidData).with_detail("there is no payload")),
        }
    }
}

/// Reads a payload as a value of this type, which may borrow from it. The content type does not matter.
pub fn from_data<'a, T: Deserialize<'a>>(data: Data<'a>) -> Result<T, Error> {
    let read = match data {
        Data::Json(json) => serde_json::from_str(json.as_str()),
        Data::Text(text) => serde_json::from_str(text),
        _ => serde_json::from_slice(data.as_bytes()),
    };
    read.map_err(not_the_json)
}

#[cold]
fn not_the_json(error: serde_json::Error) -> Error {
    let detail = match error.classify() {
        serde_json::error::Category::Data => format!("the JSON does not fit the type: {error}"),
        _ => format!("the payload is not JSON: {error}"),
    };
    Error::new(ErrorKind::InvalidData).with_detail(detail).with_source(error)
}

fn to_payload<T: Serialize + ?Sized>(value: &T) -> Result<Payload, Error> {
    let refuse = |detail| Error::new(ErrorKind::InvalidData).with_attribute("data").with_detail(detail);
    let text = serde_json::to_vec(value)
        .map_err(|error| refuse(format!("it cannot be written as JSON: {error}")))?;
    // A value may contain raw text, which goes into documents unread. So it is checked here.
    Payload::json(text).map_err(|error| refuse(format!("it does not serialise to JSON: {}", error.detail())))
}

impl Codec for Json {
    const CONTENT_TYPE: &'static str = "application/json";

    fn accepts(content_type: MediaType<'_>) -> bool {
        content_type.is_json()
    }

    /// Every JSON content type, but for one with a `charset` other than UTF-8.
    fn writes(content_type: MediaType<'_>) -> bool {
        content_type.is_json() && takes_utf8(content_type)
    }
}

impl<T: Serialize> Encode<T> for Json {
    fn encode(value: &T, _: &CodecContext<'_>) -> Result<Payload, Error> {
        to_payload(value)
    }
}

impl<T: DeserializeOwned> Decode<T> for Json {
    fn decode(data: Data<'_>, _: &CodecContext<'_>) -> Result<T, Error> {
        from_data(data)
    }
}

/// Not public: only this crate implements the traits above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for cloudevents_core::Event {}
    impl Sealed for cloudevents_core::EventBuilder {}
}
