//! The table of rows on the page of carriers, written from the rows.

use cloudevents_carriers::{CARRIERS, Carrier, CarrierMessage, ContentType};
use cloudevents_core::{ContentMode, Event, Mode, Payload};
use cloudevents_json::Json;
use std::{env, fs, path::Path};

const HEAD: &str =
    "| row | prefix | place of the content type | place of the id | a message |\n|---|---|---|---|---|\n";

fn event() -> Event {
    let event = Event::builder().id("1").source("/s").ty("t");
    event.payload("application/json", Payload::json("{\"n\":1}")).build().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The parts of a message in code marks: headers, the content type, and the body.
fn shown(carrier: &Carrier, message: &CarrierMessage) -> String {
    let mut parts: Vec<_> =
        message.headers.iter().map(|(name, value)| format!("`{}: {}`", name.as_str(), text(value))).collect();
    if let (ContentType::Native(place), Some(media_type)) = (carrier.content_type, &message.content_type) {
        parts.push(format!("{place}: `{}`", media_type.as_str()));
    }
    parts.push(format!("body: `{}`", text(&message.body)));
    parts.join(", ")
}

fn row(carrier: &Carrier) -> String {
    let is_binary = carrier.has(ContentMode::Binary);
    let json = Json::new();
    let mode = if is_binary { Mode::Binary } else { Mode::structured(&json) };
    let message = carrier.encode(&event(), mode).unwrap().message;
    let prefix = if is_binary { format!("`{}`", carrier.prefix) } else { String::new() };
    let content_type = match carrier.content_type {
        ContentType::Key(name) => format!("the header `{name}`"),
        ContentType::Native("the first frame") => "the first frame".to_owned(),
        ContentType::Native(name) => format!("`{name}`"),
        _ => "none: JSON".to_owned(),
    };
    let id = match is_binary {
        true => format!("the header `{}id`, or `id` of a document", carrier.prefix),
        false => "`id` of the document".to_owned(),
    };
    format!("| `{}` | {prefix} | {content_type} | {id} | {} |\n", carrier.name, shown(carrier, &message))
}

#[test]
fn the_table_of_the_page_is_that_of_the_rows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/carriers.md");
    let page = fs::read_to_string(&path).unwrap();
    let rows: String = CARRIERS.iter().map(row).collect();
    let at = page.find(HEAD).unwrap() + HEAD.len();
    let end = page[at..].find("\n\n").map_or(page.len(), |end| at + end + 1);
    let written = format!("{}{rows}{}", &page[..at], &page[end..]);
    if env::var_os("CE_WRITE_DOCS").is_some() {
        fs::write(path, written).unwrap();
    } else {
        assert_eq!(page, written, "CE_WRITE_DOCS=1 writes the table of docs/carriers.md anew");
    }
}
