//! The readable layout of an event.

use crate::{
    json_view,
    plain::{plain, size},
    style::{self, Paint},
};
use cloudevents_kit::{AttributeType, Data, Event, attributes::MediaType};
use std::borrow::Cow;

/// The number of payload lines to show if there may be many events.
pub const SHORT: usize = 24;

/// Returns the attributes with their types, then at most `lines` lines of the payload.
pub fn event(event: &Event, paint: Paint, lines: usize) -> String {
    let mut rows =
        vec![("specversion".to_owned(), AttributeType::String, event.specversion().as_str().to_owned())];
    for (name, value) in event.attributes() {
        rows.push((name.as_str().to_owned(), value.attribute_type(), value.to_canonical().into_owned()));
    }
    let widest = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or_default().min(24);
    let mut text = String::new();
    for (name, kind, value) in &rows {
        let space = " ".repeat(widest.saturating_sub(name.len()));
        let kind = paint.text(style::FAINT, &format!("{:<13}", kind.name()));
        text += &format!("{}{space}  {kind}  {}\n", paint.text(style::NAME, name), plain(value));
    }
    let space = " ".repeat(widest.saturating_sub(4));
    let kind = |kind: &str| paint.text(style::FAINT, &format!("{kind:<13}"));
    match event.data() {
        None => {
            text +=
                &format!("{}{space}  {}\n", paint.text(style::NAME, "data"), paint.text(style::FAINT, "none"))
        }
        Some(data) => {
            let bytes = size(data.as_bytes().len());
            text +=
                &format!("{}{space}  {}  {bytes}\n", paint.text(style::NAME, "data"), kind(kind_of(data)));
            text += &payload(data, paint, lines);
        }
    }
    text
}

/// Returns the kind of a payload.
pub fn kind_of(data: Data<'_>) -> &'static str {
    match data {
        Data::Json(_) => "JSON",
        Data::Text(_) => "text",
        Data::Xml(_) => "XML",
        Data::Cbor(_) => "CBOR",
        Data::Proto { .. } => "Protobuf Any",
        _ => "binary",
    }
}

/// Returns the size in bytes of the event as a compact JSON document, which size limits refer to.
pub(crate) fn document_size(event: &Event) -> usize {
    cloudevents_kit::json::encode_lossy(event).len()
}

/// Returns the payload, indented, with at most `most` lines.
pub(crate) fn payload(data: Data<'_>, paint: Paint, most: usize) -> String {
    let all = match data {
        Data::Json(json) if json.as_str().len() <= LARGE || most == usize::MAX => {
            json_view::pretty(json.as_str(), "  ", paint)
        }
        Data::Json(json) => lines(json.as_str()),
        Data::Text(text) | Data::Xml(text) => lines(text),
        _ => hex(data.as_bytes(), most),
    };
    let total = all.lines().count();
    let mut text: String =
        all.lines().take(most).flat_map(|line| [cut(line, most), "\n".to_owned()]).collect();
    if let more @ 1.. = total.saturating_sub(most) {
        text += &paint
            .text(style::FAINT, &format!("  … {more} more lines; `ce inspect --full` shows everything"));
        text.push('\n');
    }
    text
}

/// Larger payloads, in bytes, are indented only if the entire payload is shown.
const LARGE: usize = 64 << 10;
/// The longest line, in characters, of a payload that is not shown entirely.
const LONG: usize = 400;

/// Returns the event with a text payload, if its payload is bytes and its media type is one of text. Messages in binary mode do not
/// distinguish them.
pub fn readable(event: &Event) -> Cow<'_, Event> {
    let is_text = |media_type: MediaType<'_>| {
        media_type.as_str().get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
    };
    match (event.data(), event.data_as_text()) {
        (Some(Data::Binary(_)), Ok(text)) if event.datacontenttype().is_some_and(is_text) => {
            let mut readable = event.clone();
            match readable.set_text(text.to_owned()) {
                Ok(()) => Cow::Owned(readable),
                Err(_) => Cow::Borrowed(event),
            }
        }
        _ => Cow::Borrowed(event),
    }
}

fn cut(line: &str, most: usize) -> String {
    if most == usize::MAX { line.to_owned() } else { crate::plain::shortened(line, LONG) }
}

fn lines(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {}\n", line.split('\t').map(plain).collect::<Vec<_>>().join("    ")))
        .collect()
}

/// Returns a hex dump with sixteen bytes per line: offset, hexadecimal digits, ASCII characters.
fn hex(bytes: &[u8], most: usize) -> String {
    let mut text = String::new();
    let lines = bytes.chunks(16).enumerate();
    // Lines beyond the shown ones only count.
    for (number, chunk) in lines {
        if number > most {
            text.push('\n');
            continue;
        }
        let digits: String = chunk.iter().map(|byte| format!(" {byte:02x}")).collect();
        let letters: String = chunk
            .iter()
            .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' })
            .collect();
        text += &format!("  {:08x} {digits:<48}  {letters}\n", number.saturating_mul(16));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::prelude::*;

    #[test]
    fn columns_align() {
        let event = Event::builder()
            .id("1")
            .source("/s")
            .ty("com.example.t")
            .extension("priority", 3)
            .extension("sum", &b"\x01\x02"[..])
            .binary("image/png", &b"\x89PNG\r\n\x1a\n0123456789"[..])
            .build()
            .unwrap();
        let wanted = "\
specversion      String         1.0
id               String         1
source           URI-reference  /s
type             String         com.example.t
datacontenttype  String         image/png
priority         Integer        3
sum              Binary         AQI=
data             binary         18 bytes
  00000000  89 50 4e 47 0d 0a 1a 0a 30 31 32 33 34 35 36 37  .PNG....01234567
  00000010  38 39                                            89
";
        assert_eq!(super::event(&event, Paint(false), SHORT), wanted);
    }

    #[test]
    fn payloads_do_not_act_on_the_terminal() {
        let event = Event::builder().id("1").source("/s").ty("t").text("a\u{1b}[2J\n\tb").build().unwrap();
        let text = super::event(&event, Paint(false), SHORT);
        assert!(text.ends_with("  a\\u{1b}[2J\n      b\n"), "{text}");
    }

    #[test]
    fn long_payloads_are_cut() {
        let event = Event::builder().id("1").source("/s").ty("t").json(&vec!["a"; 100]).build().unwrap();
        let text = super::event(&event, Paint(false), 3);
        assert!(
            text.ends_with(
                "  [\n    \"a\",\n    \"a\",\n  … 99 more lines; `ce inspect --full` shows everything\n"
            ),
            "{text}"
        );
    }
}
