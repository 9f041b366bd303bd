//! A message as it arrived, with its event, as one JSON object.

use super::{
    place,
    printing::{Arrived, Content, line, time},
};
use crate::{
    plain::{plain, shortened},
    report::Report,
    show,
    style::{self, Paint},
};
use serde_json::{Value, json};

/// Returns the object, on one line. It has no member for a part that the protocol lacks. Digits of the event do not change.
pub(super) fn json(arrived: &Arrived<'_>, content: Content<'_>) -> String {
    let received = arrived.received;
    let mut members: Vec<(&str, Value)> = Vec::new();
    let mut add = |name, value: Option<Value>| members.extend(value.map(|value| (name, value)));
    add("time", time(arrived.at).map(Value::from));
    add("place", Some(arrived.place).filter(|place| !place.is_empty()).map(Value::from));
    add("peer", received.peer().map(|peer| peer.to_string().into()));
    add("topic", received.topic().map(Value::from));
    add("partition", place::partition(received).map(|partition| partition.number().into()));
    add("offset", received.offset().map(Value::from));
    add("key", received.key().map(|key| text(&key)));
    add("timestamp", received.timestamp().and_then(time).map(Value::from));
    add("attempt", arrived.attempt.map(Value::from));
    add("redelivered", received.is_redelivered().map(Value::from));
    add("retained", place::retained(received).map(Value::from));
    let headers: Vec<Value> = place::headers(received)
        .into_iter()
        .map(|(name, value)| json!([name, value.map(|value| text(&value))]))
        .collect();
    let headers = Some(Value::from(headers)).filter(|headers| headers != &json!([]));
    add("headers", headers.clone());
    let event = match content {
        Content::Event(event, index) => {
            add("index", index.map(Value::from));
            Some(String::from_utf8_lossy(&line(event)).into_owned())
        }
        Content::Unreadable(error) => {
            let mut message = serde_json::Map::new();
            message.extend(headers.map(|headers| ("headers".to_owned(), headers)));
            message.extend(received.body().map(|body| ("body".to_owned(), text(&body))));
            add("message", Some(message.into()));
            add("error", Some(Report::of(error).one_line().into()));
            add("kind", Some(error.kind().code().into()));
            None
        }
    };
    let members = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}"));
    let members: Vec<String> = members.chain(event.map(|event| format!("\"event\":{event}"))).collect();
    format!("{{{}}}", members.join(","))
}

/// Bytes as a text. Bytes that are no text become an object with `base64`.
fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({"base64": base64_simd::STANDARD.encode_to_string(bytes)}),
    }
}

/// Returns the readable layout: where and when, the headers, and the event.
pub(super) fn words(arrived: &Arrived<'_>, content: Content<'_>, paint: Paint) -> String {
    let mut first: Vec<String> = time(arrived.at).into_iter().collect();
    first.extend(Some(arrived.place.to_owned()).filter(|place| !place.is_empty()));
    first.extend(arrived.attempt.map(|attempt| format!("attempt {attempt}")));
    if let Content::Event(_, Some(index)) = content {
        first.push(format!("event {index} of the batch"));
    }
    let mut text = format!("{}\n", paint.text(style::STRONG, &first.join("  ")));
    for (name, value) in place::headers(arrived.received) {
        let value = value.map_or("null".into(), |value| String::from_utf8_lossy(&value).into_owned());
        text += &format!("  {}: {}\n", paint.text(style::NAME, &plain(name)), plain(&value));
    }
    match content {
        Content::Event(event, _) => text += &show::event(event, paint, show::SHORT),
        Content::Unreadable(error) => {
            let error = Report::of(error).one_line();
            text += &format!("{}\n", paint.text(style::ERROR, &error));
            if let Some(body) = arrived.received.body() {
                text += &format!("  {}\n", plain(&shortened(&String::from_utf8_lossy(&body), place::SHORT)));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::printing::samples, *};
    use cloudevents_kit::{
        Error, ErrorKind,
        transport::{Raw, Received},
    };

    #[test]
    fn of_an_event() {
        let received = samples::received(samples::origin());
        let event = samples::event();
        let place = place::origin(&received);
        let arrived = Arrived { received: &received, place: &place, attempt: Some(2), at: samples::at() };
        let wanted = [
            r#"{"time":"2026-05-17T12:00:00.250Z","place":"at orders/3, offset 12, key k-42","topic":"orders","#,
            r#""partition":3,"offset":12,"key":"k-42","timestamp":"2026-05-17T12:00:00.250Z","attempt":2,"#,
            r#""headers":[["ce_id","1"],["trace",null],["raw",{"base64":"/wA="}],["Authorization","(not shown)"]],"#,
            &format!("\"event\":{}}}", samples::EVENT),
        ];
        assert_eq!(json(&arrived, Content::Event(&event, None)), wanted.concat());
        let of_batch: Value = serde_json::from_str(&json(&arrived, Content::Event(&event, Some(4)))).unwrap();
        assert_eq!(of_batch["index"], 4);
        let words = words(&arrived, Content::Event(&event, None), Paint(false));
        let wanted = "2026-05-17T12:00:00.250Z  at orders/3, offset 12, key k-42  attempt 2\n  ce_id: 1\n  trace: null\n";
        assert!(words.starts_with(wanted), "{words}");
        assert!(words.ends_with(&show::event(&event, Paint(false), show::SHORT)), "{words}");
    }

    #[test]
    fn of_what_is_no_event() {
        let error = Error::new(ErrorKind::NotACloudEvent);
        for (body, wanted) in [
            (Some(&b"a \"b\"\n"[..]), json!({"body": "a \"b\"\n"})),
            (Some(b"\xff\x00"), json!({"body": {"base64": "/wA="}})),
            (None, json!({})),
        ] {
            let mut raw = Raw::default();
            raw.body = body.map(bytes::Bytes::from_static);
            let received = Received::new(Err(error.clone()), raw);
            let arrived = Arrived { received: &received, place: "", attempt: None, at: samples::at() };
            let found: Value = serde_json::from_str(&json(&arrived, Content::Unreadable(&error))).unwrap();
            let wanted = json!({
                "time": "2026-05-17T12:00:00.250Z",
                "message": wanted,
                "error": Report::of(&error).one_line(),
                "kind": "not-a-cloudevent",
            });
            assert_eq!(found, wanted);
            let words = words(&arrived, Content::Unreadable(&error), Paint(false));
            assert!(words.starts_with("2026-05-17T12:00:00.250Z\n") && words.lines().count() <= 3, "{words}");
        }
    }
}
