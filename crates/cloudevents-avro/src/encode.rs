//! Events to datums.

use crate::{
    datum::{bytes_length, long_length, put_bytes, put_long},
    decode::not_v1,
    value,
};
use cloudevents_core::{
    Data, Error, Event, JsonText, Loss, LossClass, Losses, MediaType, Payload, SpecVersion,
    codec::{
        CoreName, Room, append_payload, charset_lost, content_type_stated, core_bytes, core_length, extents,
        form_lost, type_url_lost,
    },
};

/// The map's entry for the version, the only one there is: name, branch, value. For the others: name and branch.
const SPECVERSION: &[u8; 17] = b"\x16specversion\x06\x061.0";
const ID: &[u8; 4] = b"\x04id\x06";
const SOURCE: &[u8; 8] = b"\x0csource\x06";
const TYPE: &[u8; 6] = b"\x08type\x06";
const DATACONTENTTYPE: &[u8; 17] = b"\x1edatacontenttype\x06";
const DATASCHEMA: &[u8; 12] = b"\x14dataschema\x06";
const SUBJECT: &[u8; 9] = b"\x0esubject\x06";
const TIME: &[u8; 6] = b"\x08time\x06";

/// Appends the document of an event, in one allocation.
///
/// The order of entries is fixed: `specversion`, then the attributes in the event's order.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    if event.specversion() != SpecVersion::V1 {
        return Err(not_v1("AVRO-2.4-a"));
    }
    let mut losses = Losses::none();
    let text = |name| core_bytes(event, name);
    // The content type that a native payload implies is made explicit: the format itself implies none.
    let content_type = explicit_content_type(event);
    let data = event.data();
    let payload = data.map(Data::as_bytes);
    let (entries, length) = measure(event, content_type.len());
    // The end of the map, the branch of the payload, and the payload's length.
    let head = payload.map_or(0, |payload| long_length(payload.len() as i64)).wrapping_add(2);
    let payload_length = payload.map_or(0, <[u8]>::len);
    Room::fill(length.wrapping_add(head), payload_length, out, |mut room| {
        put_long(entries, &mut room);
        room.put(*SPECVERSION);
        put_entry(ID, text(CoreName::Id), &mut room);
        put_entry(SOURCE, text(CoreName::Source), &mut room);
        put_entry(TYPE, text(CoreName::Type), &mut room);
        put_entry(DATACONTENTTYPE, content_type, &mut room);
        put_entry(DATASCHEMA, text(CoreName::DataSchema), &mut room);
        put_entry(SUBJECT, text(CoreName::Subject), &mut room);
        put_entry(TIME, text(CoreName::Time), &mut room);
        for (name, value) in event.extensions() {
            value::put(name, value, &mut room);
            value::tell_losses(name, value, &mut losses);
        }
        room.put([0, branch(event, data)]);
        if let Some(payload) = payload {
            put_long(payload.len() as i64, &mut room);
        }
        room
    })?;
    append_payload(payload.unwrap_or_default(), out);
    if let Some(data) = data {
        payload_losses(event, data, &mut losses);
    }
    Ok(losses)
}

/// The content type as stated, or the content type that the payload implies.
#[inline]
fn explicit_content_type(event: &Event) -> &[u8] {
    match core_bytes(event, CoreName::DataContentType) {
        [] => event.content_type().map_or(&[], |implied| implied.as_str().as_bytes()),
        stated => stated,
    }
}

/// Writes an entry, if there is one.
#[inline(always)] // The head is a constant of the caller, so that it is copied inline.
fn put_entry<const N: usize>(head: &[u8; N], text: &[u8], room: &mut Room<'_>) {
    if !text.is_empty() {
        room.put(*head);
        put_bytes(text, room);
    }
}

/// The number of entries of the map, and their length including that of their count.
#[inline(always)]
fn measure(event: &Event, content_type: usize) -> (i64, usize) {
    let (mut entries, mut length) = (1_i64, SPECVERSION.len());
    for (head, text) in [
        (ID.len(), core_length(event, CoreName::Id)),
        (SOURCE.len(), core_length(event, CoreName::Source)),
        (TYPE.len(), core_length(event, CoreName::Type)),
        (DATACONTENTTYPE.len(), content_type),
        (DATASCHEMA.len(), core_length(event, CoreName::DataSchema)),
        (SUBJECT.len(), core_length(event, CoreName::Subject)),
        (TIME.len(), core_length(event, CoreName::Time)),
    ] {
        if text > 0 {
            entries = entries.wrapping_add(1);
            // The length of data in memory does not overflow.
            length = length.wrapping_add(head).wrapping_add(bytes_length(text));
        }
    }
    for (name, value) in extents(event) {
        entries = entries.wrapping_add(1);
        length = length.wrapping_add(value::length(name, value));
    }
    (entries, length.wrapping_add(long_length(entries)))
}

const BYTES: u8 = 0x00;
const NULL: u8 = 0x02;
const STRING: u8 = 0x0c;

/// The branch of the field `data` (section 3): bytes and JSON as `bytes`, character data as `string`. JSON stays verbatim in this way.
#[inline]
fn branch(event: &Event, data: Option<Data<'_>>) -> u8 {
    match data {
        None => NULL,
        Some(Data::Text(_) | Data::Xml(_)) => STRING,
        // Under another content type, the text of a JSON value is plain text.
        Some(Data::Json(_)) if !says_json(event) => STRING,
        Some(_) => BYTES,
    }
}

/// Reports the losses of the payload.
#[inline]
fn payload_losses(event: &Event, data: Data<'_>, losses: &mut Losses) {
    match data {
        Data::Text(_) if says_json(event) => losses.push(text_as_json()),
        // Without a content type, the content type of XML is stated.
        Data::Xml(_) if event.datacontenttype().is_some_and(MediaType::is_json) => {
            losses.push(text_as_json())
        }
        Data::Xml(_) => losses.push(form_lost("xml-as-text", "an XML element becomes text")),
        Data::Text(_) => {}
        data => bytes_losses(event, data, losses),
    }
    stated_losses(event, losses);
}

/// Reports a content type that is made explicit.
#[inline]
pub(crate) fn stated_losses(event: &Event, losses: &mut Losses) {
    if event.datacontenttype().is_none() && event.content_type().is_some() {
        losses.push(content_type_stated());
    }
}

/// Whether the content type is JSON, or not stated.
#[inline]
fn says_json(event: &Event) -> bool {
    event.datacontenttype().is_none_or(MediaType::is_json)
}

/// Text without a content type, or under the content type of JSON, is read as a JSON string.
#[cold]
fn text_as_json() -> Loss {
    let detail = "text under a JSON content type, or none, becomes a JSON string";
    Loss::of_data(LossClass::Meaning, "text-as-json", detail)
}

/// Reports the kind that a payload loses.
///
/// All payloads are bytes there, and the content type decides their kind.
#[inline]
pub(crate) fn bytes_losses(event: &Event, data: Data<'_>, losses: &mut Losses) {
    match data {
        Data::Text(_) | Data::Binary(_) | Data::Xml(_) => kind_losses(event, data, losses),
        Data::Proto { type_url, .. } => losses.push(type_url_lost(type_url)),
        _ => {}
    }
}

fn kind_losses(event: &Event, data: Data<'_>, losses: &mut Losses) {
    if let Some(loss) = charset_lost(event) {
        return losses.push(loss);
    }
    let is_json = || std::str::from_utf8(data.as_bytes()).is_ok_and(|text| JsonText::parse(text).is_ok());
    let is_cbor = || event.data_bytes().is_some_and(|bytes| Payload::cbor(bytes.clone()).is_ok());
    let mut lost = |kind, detail| losses.push(form_lost(kind, detail));
    match (event.datacontenttype(), data) {
        (Some(content_type), Data::Text(_)) if content_type.is_json() && is_json() => {
            lost("text-as-json", "text under a JSON content type becomes JSON");
        }
        (Some(content_type), _) if content_type.is_json() && is_json() => {
            lost("bytes-as-json", "bytes that are JSON, under a JSON content type, become JSON");
        }
        (Some(content_type), _) if content_type.is_cbor() && is_cbor() => {
            lost("bytes-as-cbor", "bytes that are a CBOR item, under a CBOR content type, become one");
        }
        (_, Data::Text(_)) => lost("text-as-bytes", "text is carried as bytes"),
        (_, Data::Xml(_)) => lost("xml-as-bytes", "an XML element is carried as bytes"),
        _ => {}
    }
}
