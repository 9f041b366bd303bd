//! The form as JSON text, without serde: strings are searched 16 bytes at a time.

use super::{Stored, StoredData, StoredValue, stored_value};
use crate::encode::{base64, json_payload, string, text_payload};
use cloudevents_core::{Event, codec};

/// Room for the names of members.
const NAMES: usize = 192;

pub(super) fn event(stored: &Stored<'_>, event: &Event, out: &mut Vec<u8>) {
    let data = event.data().map_or(0, |data| data.as_bytes().len());
    out.reserve(
        data.saturating_mul(4)
            .div_ceil(3)
            .saturating_add(codec::attributes_size(event))
            .saturating_add(NAMES),
    );
    let texts = [
        ("{\"specversion\":", Some(&stored.specversion)),
        (",\"id\":", Some(&stored.id)),
        (",\"source\":", Some(&stored.source)),
        (",\"type\":", Some(&stored.ty)),
        (",\"datacontenttype\":", stored.datacontenttype.as_ref()),
        (",\"dataschema\":", stored.dataschema.as_ref()),
        (",\"subject\":", stored.subject.as_ref()),
        (",\"time\":", stored.time.as_ref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            plain(name, out);
            string(text, out);
        }
    }
    for (place, (name, value)) in event.extensions().enumerate() {
        plain(if place == 0 { ",\"extensions\":{" } else { "," }, out);
        string(name.as_str(), out);
        out.push(b':');
        extension(stored_value(value), out);
    }
    if event.extensions().len() > 0 {
        out.push(b'}');
    }
    if let Some(data) = &stored.data {
        plain(",\"data\":", out);
        payload(data, out);
    }
    out.push(b'}');
}

fn extension(value: StoredValue<'_>, out: &mut Vec<u8>) {
    let (name, text) = match &value {
        StoredValue::Boolean(boolean) => return plain(&format!("{{\"Boolean\":{boolean}}}"), out),
        StoredValue::Integer(number) => return plain(&format!("{{\"Integer\":{number}}}"), out),
        StoredValue::Binary(bytes) => {
            plain("{\"Binary\":", out);
            base64(&bytes.0, out);
            return out.push(b'}');
        }
        StoredValue::String(text) => ("{\"String\":", text),
        StoredValue::Uri(text) => ("{\"Uri\":", text),
        StoredValue::UriReference(text) => ("{\"UriReference\":", text),
        StoredValue::Timestamp(text) => ("{\"Timestamp\":", text),
    };
    plain(name, out);
    string(text, out);
    out.push(b'}');
}

fn payload(data: &StoredData<'_>, out: &mut Vec<u8>) {
    let texts = |name, text: &str, out: &mut Vec<u8>| {
        plain(name, out);
        text_payload(text, out);
    };
    let bytes = |name, bytes: &[u8], out: &mut Vec<u8>| {
        plain(name, out);
        base64(bytes, out);
    };
    match data {
        StoredData::Json(text) => {
            plain("{\"Json\":", out);
            json_payload(text, out);
        }
        StoredData::Text(text) => texts("{\"Text\":", text, out),
        StoredData::Xml(text) => texts("{\"Xml\":", text, out),
        StoredData::Binary(body) => bytes("{\"Binary\":", &body.0, out),
        StoredData::Body(body) => bytes("{\"Body\":", &body.0, out),
        StoredData::Cbor(body) => bytes("{\"Cbor\":", &body.0, out),
        StoredData::Proto { type_url, value } => {
            plain("{\"Proto\":{\"type_url\":", out);
            string(type_url, out);
            bytes(",\"value\":", &value.0, out);
            out.push(b'}');
        }
    }
    out.push(b'}');
}

fn plain(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}
