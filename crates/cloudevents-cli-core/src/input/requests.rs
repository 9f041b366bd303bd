//! Messages of HTTP as text, whose bodies are documents of other systems.

use super::{decoding::Decoding, documents::foreign_events, located::Located};
use crate::{
    failure::Failure,
    http_text::{self, Partial},
    source::{Place, Source},
};
use bytes::Bytes;
use cloudevents_kit::{
    Decoded, Error, Event,
    adapters::{header_text, may_be_foreign},
    http,
};
use cloudevents_testkit::tagged;
use serde_json::Value;
use std::{mem, sync::Arc};

/// Returns the events of the messages in a text, one message after another. Adapters get the headers, too. An event in binary mode stays
/// as it is, as in a bridge from HTTP.
pub(super) fn events(name: &str, text: Vec<u8>, decoding: &Decoding) -> Result<Vec<Located>, Failure> {
    let source = Arc::new(Source::new(name, text, 1));
    let (mut all, mut base) = (Vec::new(), 0_usize);
    loop {
        let rest = source.text.get(base..).unwrap_or_default();
        let text = rest.trim_ascii_start();
        if text.is_empty() {
            return Ok(all);
        }
        base = base.saturating_add(rest.len().saturating_sub(text.len()));
        let (length, message) = http_text::message(text, true).map_err(|why| broken(name, &why))?;
        let body = message.get("body").map(tagged::to_bytes).transpose();
        let body = body.unwrap_or_default().unwrap_or_default();
        let (begin, length) = place_of(text.get(..length).unwrap_or_default(), &body);
        let (source, base_of_body) = (Arc::clone(&source), base.saturating_add(begin));
        let place = Place { source, base: base_of_body, begin: 0, length, index: None };
        let headers = message.get("headers").and_then(Value::as_array).into_iter().flatten();
        let octets: Vec<_> = headers.filter_map(header).collect();
        let texts = octets.iter().filter_map(|(name, value)| Some((*name, header_text(value)?)));
        let headers: Vec<_> = texts.collect();
        let fields = || octets.iter().map(|(name, value)| (*name, value.as_slice()));
        let body = Bytes::from(body);
        let message = http::decode_message(fields(), body.clone(), &decoding.options);
        let events = if may_be_foreign(message.as_ref()) {
            foreign_events(place, &headers, body, decoding)
        } else {
            as_they_are(place, http::decode_events(fields(), body, &decoding.options))
        };
        all.extend(
            events.into_iter().map(|located| Located { event: located.event.map_err(helped), ..located }),
        );
        base = base.saturating_add(begin).saturating_add(length);
    }
}

/// The events of a message that is no document of another system.
fn as_they_are(place: Place, decoded: Result<Decoded<Vec<Event>>, Error>) -> Vec<Located> {
    let Decoded { value: events, mut repairs, .. } = match decoded {
        Ok(decoded) => decoded,
        Err(error) => return vec![Located { event: Err(error), place }],
    };
    let is_one = events.len() == 1;
    let located = events.into_iter().enumerate().map(|(index, event)| {
        let index = (!is_one).then_some(index);
        let place = Place { source: Arc::clone(&place.source), index, ..place };
        // The repairs are of the whole message.
        Located { event: Ok(Decoded::new(event, mem::take(&mut repairs))), place }
    });
    located.collect()
}

/// Where the body is in a message, and its length: the whole message if it does not have the body as it is.
fn place_of(message: &[u8], body: &[u8]) -> (usize, usize) {
    let behind = |blank: &[u8]| Some(memchr::memmem::find(message, blank)?.saturating_add(blank.len()));
    let begins = |begin: &usize| message.get(*begin..).is_some_and(|rest| rest.starts_with(body));
    let begin = behind(b"\r\n\r\n").or_else(|| behind(b"\n\n")).filter(begins);
    begin.map_or((0, message.len()), |begin| (begin, message.len().saturating_sub(begin)))
}

/// The name of a header, and the octets of its value, each of which is a character of the message.
fn header(pair: &Value) -> Option<(&str, Vec<u8>)> {
    let octets = pair.get(1)?.as_str()?.chars().map(u8::try_from);
    Some((pair.get(0)?.as_str()?, octets.collect::<Result<_, _>>().ok()?))
}

fn helped(error: Error) -> Error {
    if error.help().is_some() { error } else { error.with_help("`ce decode` reads CloudEvents over HTTP") }
}

#[cold]
fn broken(name: &str, why: &Partial) -> Failure {
    let words = match why {
        Partial::Needs(_) => "its end is missing",
        Partial::Broken(words) => *words,
    };
    Failure::usage(format!("`{name}` has a broken message of HTTP: {words}"))
}

#[cfg(test)]
mod tests {
    use crate::{
        failure::Failure,
        input::{Reading, decoding::Decoding, located::Located},
    };
    use cloudevents_kit::ErrorKind;

    const PUSH: &str =
        r#"{"object_kind":"push","repository":{"homepage":"http://x/y"},"checkout_sha":"da15"}"#;

    fn events(text: &str) -> Result<Vec<Located>, Failure> {
        let reading = Reading { from: Some("auto".to_owned()), ..Reading::default() };
        let decoding: Decoding = reading.decoding()?;
        super::events("f", text.as_bytes().to_vec(), &decoding)
    }

    #[test]
    fn adapters_get_the_headers_of_each_message() {
        let request = |id: &str, newline: &str| {
            let head = format!("POST /hook HTTP/1.1{newline}X-Gitlab-Event-UUID: {id}");
            format!("{head}{newline}content-length: {}{newline}{newline}{PUSH}", PUSH.len())
        };
        let wrong = request("c", "\r\n").replace("checkout_sha", "checkout\u{0}sha");
        for text in [
            format!("{}\n{}", request("a", "\r\n"), request("b", "\n")),
            format!("\n{}\r\n\r\n{}\n", request("a", "\n"), request("b", "\r\n")),
        ] {
            let all = events(&text).unwrap();
            let ids: Vec<_> = all.iter().map(|located| located.event.as_ref().unwrap().value.id()).collect();
            assert_eq!(ids, ["a", "b"], "{text}");
            assert!(all.iter().all(|located| located.place.text() == PUSH));
        }
        let all = events(&format!("{}\n{wrong}", request("a", "\r\n"))).unwrap();
        assert!(all[0].event.is_ok() && all[1].event.is_err());
    }

    /// As of a request over HTTP.
    #[test]
    fn adapters_get_headers_in_utf_8() {
        let id = |value: &[u8]| {
            let head = b"POST /hook HTTP/1.1\r\nX-Gitlab-Event-UUID: ";
            let text = [&head[..], value, &b"\r\n\r\n"[..], PUSH.as_bytes()].concat();
            let reading = Reading { from: Some("auto".to_owned()), ..Reading::default() };
            let all = super::events("f", text, &reading.decoding().unwrap()).unwrap();
            all[0].event.as_ref().unwrap().value.id().to_owned()
        };
        assert_eq!(id("Gr\u{f6} \u{65e5}".as_bytes()), "Gr\u{f6} \u{65e5}");
        // Other bytes are no text: the id is the SHA-256, as without the header.
        assert_eq!((id(b"Gr\xf6").len(), id(b"Gr\xf6")), (64, id(b"")));
    }

    /// As over HTTP, also with the name of an adapter that fits the body.
    #[test]
    fn an_event_in_binary_mode_stays_as_it_is() {
        let head = "POST / HTTP/1.1\r\nce-specversion: 1.0\r\nce-id: 7\r\nce-source: /s\r\nce-type: t\r\nce-region: eu\r\ncontent-type: application/json";
        let marked = format!("{head}\r\ncontent-length: {}\r\n\r\n{PUSH}", PUSH.len());
        for from in ["auto", "gitlab"] {
            let reading = Reading { from: Some(from.to_owned()), ..Reading::default() };
            let plain = format!("POST / HTTP/1.1\r\n\r\n{PUSH}");
            let text = format!("{marked}\n{plain}").into_bytes();
            let all = super::events("f", text, &reading.decoding().unwrap()).unwrap();
            let [marked, plain] = [0, 1].map(|at| &all[at].event.as_ref().unwrap().value);
            assert_eq!((marked.id(), marked.ty(), marked.extensions().count()), ("7", "t", 1), "{from}");
            assert_eq!(plain.ty(), "com.gitlab.push", "{from}");
        }
    }

    /// A request that is marked as an event is no document of another system, as over HTTP.
    #[test]
    fn half_an_event_in_binary_mode_is_an_error() {
        let head = "POST / HTTP/1.1\r\nce-specversion: 1.0\r\nce-id: 7\r\nce-source: /s\r\ncontent-type: application/json";
        let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{PUSH}", PUSH.len());
        for from in ["auto", "gitlab"] {
            let reading = Reading { from: Some(from.to_owned()), ..Reading::default() };
            let all = super::events("f", text.clone().into_bytes(), &reading.decoding().unwrap()).unwrap();
            let error = all[0].event.as_ref().unwrap_err();
            assert_eq!(
                (error.kind(), error.attribute()),
                (ErrorKind::MissingAttribute, Some("type")),
                "{from}"
            );
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (text, words) in [
            ("POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{}", "the body is shorter"),
            ("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}\r\nmore", "is no header"),
        ] {
            assert!(events(text).unwrap_err().message().contains(words), "{text}");
        }
    }
}
