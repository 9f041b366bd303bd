//! Conversion of the toolkit's events to the SDK's.

use crate::{BridgeError, data, lost::Lost, time};
use cloudevents::{
    AttributesWriter, EventBuilder as _, EventBuilderV03, EventBuilderV10,
    event::{EventBuilderError, ExtensionValue, TryIntoTime, TryIntoUrl},
};
use cloudevents_core::{AttributeType, Error, ErrorKind, Event, LossClass, Losses, SpecVersion, Value};

/// Converts an event to an event of the SDK, or returns everything that the SDK's type cannot hold.
///
/// [`from_sdk`](crate::from_sdk) converts the result back to the same event, with two exceptions: JSON text may be spelled differently,
/// with the same meaning (white space, the order of members, `1.0` for `1.00`), and a content type implied by a CBOR payload is stated.
/// [`to_sdk_lossy`] lists these, too. Errors are of kind [`Inexact`](ErrorKind::Inexact).
///
/// ```
/// use cloudevents::AttributesReader;
/// use cloudevents_core::{Event, UriReference};
/// use cloudevents_sdk_bridge::to_sdk;
///
/// let ours = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00Z").build()?;
/// assert_eq!(to_sdk(&ours)?.time().unwrap().timestamp(), 1_522_949_460);
///
/// let ours = ours
///     .into_builder()
///     .time("2018-04-05T17:31:00+02:00")
///     .extension("dataref", UriReference::parse("/payloads/1")?)
///     .build()?;
/// let error = to_sdk(&ours).unwrap_err();
/// let attributes: Vec<_> = error.errors().iter().filter_map(|error| error.attribute()).collect();
/// assert_eq!(attributes, ["time", "dataref"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_sdk(event: &Event) -> Result<cloudevents::Event, BridgeError> {
    let (theirs, mut lost) = convert(event)?;
    lost.retain(|lost| !lost.is_other_words());
    if lost.is_empty() {
        return Ok(theirs);
    }
    Err(BridgeError::new(lost.into_iter().map(Lost::into_error).collect()))
}

/// Converts an event to an event of the SDK, and returns the losses. Without any, [`from_sdk`](crate::from_sdk) returns an equal event.
///
/// | at | kind | change |
/// |---|---|---|
/// | `time` | `offset` | the same point in time, in UTC |
/// | `time` | `precision` | digits beyond nanoseconds are cut off |
/// | `time` | `spelling` | the same point in time in UTC, without letter case, trailing zeros of the fraction, or `+00:00` |
/// | `time` | `range` | left out: in UTC, the year is not between 0000 and 9999 |
/// | `dataschema`, `schemaurl` | `spelling` | spelled as the SDK's `Url` spells it |
/// | `dataschema`, `schemaurl` | `not-a-url` | left out: the SDK does not accept it as a URL, such as a relative reference |
/// | an extension | `type` | a URI, URI-reference, Timestamp or Binary becomes a String in its canonical form |
/// | `datacontenttype` | `content-type-stated` | a content type that the payload implies is stated, where the payload would otherwise lose its meaning |
/// | `data` | `json-spelling` | JSON text is spelled as `serde_json` spells its value: without white space, with sorted members, `1.0` for `1.00` |
/// | `data` | `json-as-bytes` | JSON text becomes bytes: a JSON value would lose digits or duplicate members |
/// | `data` | `text-as-bytes` | text becomes bytes under a JSON content type that the SDK does not recognise (`Application/JSON`) |
/// | `data` | `bytes-as-json`, `bytes-as-cbor` | bytes stay bytes, and read back as JSON or CBOR, by the content type |
/// | `data` | `xml-as-text`, `xml-as-bytes` | an XML element becomes text, or bytes under a JSON content type |
/// | `data` | `any-as-bytes` | a protobuf message without a type URL becomes bytes |
/// | `data` | `type-url` | a protobuf message becomes bytes without its type URL |
///
/// Returns an error only if the SDK has no form for a part of the event: a specversion that it does not know.
///
/// ```
/// use cloudevents_core::{Event, Timestamp};
/// use cloudevents_sdk_bridge::to_sdk_lossy;
///
/// let ours = Event::builder()
///     .id("1")
///     .source("/s")
///     .ty("t")
///     .extension("recordedtime", Timestamp::parse("2018-04-05T17:31:00Z")?)
///     .build()?;
/// let (theirs, losses) = to_sdk_lossy(&ours)?;
/// assert_eq!(theirs.extension("recordedtime"), Some(&"2018-04-05T17:31:00Z".into()));
/// let losses: Vec<_> = losses.iter().map(|loss| (loss.at(), loss.kind())).collect();
/// assert_eq!(losses, [("recordedtime", "type")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_sdk_lossy(event: &Event) -> Result<(cloudevents::Event, Losses), BridgeError> {
    let (theirs, lost) = convert(event)?;
    Ok((theirs, Lost::into_losses(lost)))
}

fn convert(event: &Event) -> Result<(cloudevents::Event, Vec<Lost>), BridgeError> {
    let mut lost = Vec::new();
    let mut theirs = required(event).map_err(|error| BridgeError::new(vec![error]))?;
    schema(event, &mut theirs, &mut lost);
    theirs.set_subject(event.subject());
    if let Some(time) = event.time() {
        let carried = time::carried(time).and_then(|(text, losses)| Some((text.into_time().ok()?, losses)));
        match carried {
            Some((time, losses)) => {
                theirs.set_time(Some(time));
                lost.extend(losses);
            }
            None => lost.push(Lost::new(
                LossClass::Meaning,
                "time",
                "range",
                "it is left out: in UTC it is not in the years 0000 to 9999",
            )),
        }
    }
    for (name, value) in event.extensions() {
        extension(name.as_str(), value, &mut theirs, &mut lost);
    }
    let (data, content_type) = data::to_sdk(event, &mut lost);
    if event.datacontenttype().is_none() && content_type.is_some() {
        lost.push(Lost::new(
            LossClass::Spelling,
            "datacontenttype",
            "content-type-stated",
            "the content type that the payload implies is stated",
        ));
    }
    theirs.set_datacontenttype(content_type.map(|content_type| content_type.as_str()));
    if let Some(data) = data {
        theirs.set_data_unchecked(data);
    }
    Ok((theirs, lost))
}

fn required(event: &Event) -> Result<cloudevents::Event, Error> {
    let (id, source, ty) = (event.id(), event.source().as_str(), event.ty());
    match event.specversion() {
        SpecVersion::V03 => EventBuilderV03::new().id(id).source(source).ty(ty).build().map_err(declined),
        SpecVersion::V1 => EventBuilderV10::new().id(id).source(source).ty(ty).build().map_err(declined),
        other => Err(Error::new(ErrorKind::UnsupportedSpecversion)
            .with_attribute("specversion")
            .with_detail(format!("the SDK knows 0.3 and 1.0, and this is {other}"))),
    }
}

#[cold]
fn declined(error: EventBuilderError) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail("the SDK's builder declined it").with_source(error)
}

fn schema(event: &Event, theirs: &mut cloudevents::Event, lost: &mut Vec<Lost>) {
    let (name, text) = match (event.dataschema(), event.schemaurl()) {
        (Some(uri), _) => ("dataschema", uri.as_str()),
        (None, Some(reference)) => ("schemaurl", reference.as_str()),
        (None, None) => return,
    };
    match text.into_url() {
        Ok(url) => {
            if url.as_str() != text {
                lost.push(Lost::new(
                    LossClass::Spelling,
                    name,
                    "spelling",
                    "the SDK's `Url` spells it differently",
                ));
            }
            theirs.set_dataschema(Some(url));
        }
        Err(_) => lost.push(Lost::new(
            LossClass::Meaning,
            name,
            "not-a-url",
            "it is left out, being no URL to the SDK",
        )),
    }
}

fn extension(name: &str, value: Value<'_>, theirs: &mut cloudevents::Event, lost: &mut Vec<Lost>) {
    let value = match value {
        Value::Boolean(boolean) => ExtensionValue::Boolean(boolean),
        Value::Integer(number) => ExtensionValue::Integer(number.into()),
        _ => {
            if value.attribute_type() != AttributeType::String {
                lost.push(Lost::new(
                    LossClass::Type,
                    name,
                    "type",
                    "it becomes a String in its canonical form",
                ));
            }
            ExtensionValue::String(value.to_canonical().into_owned())
        }
    };
    theirs.set_extension(name, value);
}
