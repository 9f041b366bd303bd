//! What each row says, seen in messages: the prefix, letter case, duplicates, and limits, at the limit and one beyond.

use cloudevents_carriers::{
    Body, CARRIERS, Carrier, CarrierMessage, ContentType, Empty, Encoding, Limits, Text, rows::LINES,
};
use cloudevents_core::{ContentMode, DecodeOptions, Error, ErrorKind, Event, Message, Mode, Payload};
use cloudevents_json::Json;

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

fn event() -> Event {
    Event::builder().id("1").source("/s").ty("t").text("x").build().unwrap()
}

fn read(carrier: &Carrier, message: &CarrierMessage) -> Result<Event, ErrorKind> {
    let decoded = carrier.decode(message, &DecodeOptions::strict());
    decoded.map(|decoded| decoded.value).map_err(|error| error.kind())
}

/// A JSON payload may have line breaks between its tokens. In a string, they are escapes.
#[test]
fn line_breaks_between_tokens_become_spaces() {
    let payload = Payload::json("{\n\"a\":\r\n\"b\\nc\"}");
    let event =
        Event::builder().id("1").source("/s").ty("t").payload("application/json", payload).build().unwrap();
    let encoded = LINES.encode(&event, Mode::structured(&Json::new())).unwrap();
    let text = std::str::from_utf8(&encoded.message.body).unwrap();
    assert!(text.ends_with(r#""data":{ "a":  "b\nc"}}"#), "{text}");
    let losses: Vec<_> = encoded.losses.iter().map(|loss| loss.kind()).collect();
    assert_eq!(losses, ["line-breaks"]);
    assert_eq!(read(&LINES, &encoded.message).unwrap().id(), "1");
}

fn binary_rows() -> impl Iterator<Item = &'static Carrier> {
    CARRIERS.iter().filter(|carrier| carrier.has(ContentMode::Binary))
}

/// The required attributes in binary mode, with the prefix of the row.
fn binary(carrier: &Carrier) -> CarrierMessage {
    let attributes = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
    attributes.iter().fold(CarrierMessage::new("x"), |message, (name, value)| {
        message.with_header(format!("{}{name}", carrier.prefix), *value)
    })
}

#[test]
fn rows_are_whole() {
    let names: Vec<_> = CARRIERS.iter().map(|carrier| carrier.name).collect();
    assert!(names.is_sorted() && names.len() == 11, "{names:?}");
    for carrier in CARRIERS {
        assert!(
            carrier.source.contains("https://") || carrier.source.contains("RFC") || carrier.name == "nng"
        );
        assert!(carrier.has(ContentMode::Structured), "{}", carrier.name);
        assert_eq!(carrier.has(ContentMode::Binary), !carrier.prefix.is_empty(), "{}", carrier.name);
        // A document of another format than JSON needs a content type, and so does a batch.
        assert!(!carrier.has(ContentMode::Batched) || carrier.content_type != ContentType::Unmarked);
        assert!(!carrier.also_prefix.contains(&carrier.prefix));
    }
}

#[test]
fn attributes_have_the_prefix_in_this_letter_case() {
    for carrier in binary_rows() {
        let written = carrier.encode(&event(), Mode::Binary).unwrap();
        assert_eq!(written.mode, ContentMode::Binary);
        assert_eq!(written.message.header(&format!("{}type", carrier.prefix)), Some(&b"t"[..]));
        assert_eq!(read(carrier, &binary(carrier)).unwrap().id(), "1");
        let id = |name: &str| read(carrier, &binary(carrier).with_header(name.to_owned(), "2")).map(|_| ());
        assert_eq!(
            id(&format!("{}id", carrier.prefix)),
            Err(ErrorKind::DuplicateAttribute),
            "{}",
            carrier.name
        );
        assert_eq!(id(&format!("{}Id", carrier.prefix)), Err(ErrorKind::InvalidName), "{}", carrier.name);
        let other = match carrier.prefix.to_uppercase() {
            upper if upper == carrier.prefix => upper.to_lowercase(),
            upper => upper,
        };
        assert_eq!(id(&format!("{other}id")), Ok(()), "{}", carrier.name);
        let any_case = Carrier { any_case: true, ..*carrier };
        let twice = binary(carrier).with_header(format!("{other}ID"), "2");
        assert_eq!(read(&any_case, &twice), Err(ErrorKind::DuplicateAttribute), "{}", carrier.name);
        for foreign in carrier.also_prefix {
            assert_eq!(id(&format!("{foreign}id")), Ok(()), "{}", carrier.name);
        }
    }
}

#[test]
fn content_types_are_where_the_row_says() {
    for carrier in CARRIERS {
        let document = |message: CarrierMessage| read(carrier, &message).map(|event| event.id().to_owned());
        let marked = CarrierMessage::new(DOCUMENT);
        let (marked, twice) = match carrier.content_type {
            ContentType::Key(key) => {
                let marked = marked.with_header(key, " Application/CloudEvents+JSON; charset=utf-8");
                (marked.clone(), Some(marked.with_header(key, "application/cloudevents+json")))
            }
            ContentType::Native(_) => (marked.with_content_type("application/cloudevents+json"), None),
            _ => (marked, None),
        };
        assert_eq!(document(marked.clone()).as_deref(), Ok("1"), "{}", carrier.name);
        assert!(carrier.is_cloudevent(&marked));
        if let Some(twice) = twice {
            assert_eq!(document(twice), Err(ErrorKind::DuplicateAttribute), "{}", carrier.name);
        }
        let is_unmarked = carrier.content_type == ContentType::Unmarked;
        let unmarked = CarrierMessage::new(DOCUMENT);
        assert_eq!(document(unmarked.clone()).is_ok(), is_unmarked, "{}", carrier.name);
        assert_eq!(carrier.is_cloudevent(&unmarked), is_unmarked);
        let other = CarrierMessage::new(r#"{"id":"1"}"#);
        assert_eq!(document(other), Err(ErrorKind::NotACloudEvent), "{}", carrier.name);
        let mode = carrier.encode(&event(), Mode::structured(&Json::new())).unwrap();
        assert_eq!((mode.mode, mode.losses.len()), (ContentMode::Structured, 0));
        // Another format needs a content type.
        let cbor = carrier.encode(&event(), Mode::structured(&cloudevents_cbor::Cbor::new()));
        assert_eq!(cbor.is_err(), is_unmarked, "{}: {cbor:?}", carrier.name);
    }
}

#[test]
fn batches_are_messages_where_the_row_has_them() {
    let events = [event(), event()];
    let (batch, _) = Message::batched(&events[..], &Json::new()).unwrap();
    for carrier in CARRIERS {
        let written = carrier.encode_message(&batch);
        if !carrier.has(ContentMode::Batched) {
            assert_eq!(written.unwrap_err().kind(), ErrorKind::Unsupported, "{}", carrier.name);
            continue;
        }
        let written = written.unwrap();
        assert_eq!(read(carrier, &written), Err(ErrorKind::Batched));
        let with = DecodeOptions::strict();
        let read = carrier.decode_message(&written, &with).unwrap().value;
        assert_eq!(read.events(&with).unwrap().value, events, "{}", carrier.name);
    }
}

#[test]
fn no_payload_is_a_form_of_the_row() {
    let without = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    for carrier in binary_rows() {
        let written = carrier.encode(&without, Mode::Binary).unwrap();
        let body: &[u8] = if carrier.empty == Empty::Nul { b"\0" } else { b"" };
        assert_eq!(&written.message.body[..], body, "{}", carrier.name);
        assert!(written.losses.is_empty());
        assert_eq!(read(carrier, &written.message).unwrap(), without);
        // A payload that would be read as none is refused, and a document is not.
        let nul =
            without.clone().into_builder().payload("a/b", Ok(Payload::binary(vec![0]))).build().unwrap();
        let written = carrier.encode(&nul, Encoding::Auto(&Json::new())).unwrap();
        let mode = if carrier.empty == Empty::Nul { ContentMode::Structured } else { ContentMode::Binary };
        assert_eq!(written.mode, mode, "{}", carrier.name);
        assert_eq!(read(carrier, &written.message).unwrap().data_bytes().unwrap()[..], [0]);
        let refusing = Carrier { empty: Empty::Refused, ..*carrier };
        let error = refusing.encode(&without, Mode::Binary).unwrap_err();
        assert!(error.kind() == ErrorKind::Unsupported && error.help().is_some(), "{error:?}");
    }
}

/// A message of this size fits. The error of one more has both numbers.
fn limited(carrier: &Carrier, limit: usize, message: impl Fn(usize) -> CarrierMessage) -> Error {
    carrier.fits(&message(limit)).unwrap_or_else(|error| panic!("{}: {error}", carrier.name));
    let error = carrier.fits(&message(limit + 1)).unwrap_err();
    let detail = error.detail();
    assert!(
        detail.contains(&(limit + 1).to_string()) && detail.contains(&limit.to_string()),
        "{}: {error}",
        carrier.name
    );
    assert!(detail.contains(carrier.name) && error.help().is_some(), "{error:?}");
    error
}

/// The numbers of the vendors' pages: of headers, and of bytes in a name, a value, all headers, a body and a message.
#[test]
fn limits_are_those_of_the_documents() {
    let limits = CARRIERS.iter().map(|carrier| {
        let limits = carrier.limits;
        let sizes = [limits.name, limits.value, limits.all_headers, limits.body, limits.message];
        (carrier.name, limits.headers.unwrap_or(0), sizes.map(|limit| limit.unwrap_or(0)))
    });
    let limits: Vec<_> = limits.filter(|(_, count, sizes)| *count > 0 || *sizes != [0; 5]).collect();
    let documented = [
        ("google-pubsub", 100, [256, 1024, 0, 0, 10_000_000]),
        ("pulsar", 0, [0, 0, 0, 0, 5 * 1024 * 1024]),
        ("rocketmq", 0, [0, 0, 16 * 1024, 4 * 1024 * 1024, 0]),
        ("storage-queue", 0, [0, 0, 0, 64 * 1024, 0]),
    ];
    assert_eq!(limits, documented);
}

#[test]
fn messages_fit_at_each_limit_and_not_one_beyond() {
    let mut count = 0;
    for carrier in CARRIERS {
        let limits = carrier.limits;
        let alone = Carrier { limits: Limits::NONE, body: Body::Bytes, ..*carrier };
        let with = |change: &dyn Fn(&mut Limits)| {
            let mut carrier = alone;
            change(&mut carrier.limits);
            carrier
        };
        let subject = format!("{}subject", carrier.prefix);
        let message = || CarrierMessage::new("x");
        if let Some(most) = limits.headers {
            let only = with(&|limits| limits.headers = Some(most));
            let many = |n| (0..n).fold(message(), |all, n| all.with_header(format!("h{n}"), "x"));
            assert_eq!(limited(&only, most, many).kind(), ErrorKind::TooMany);
            count += 1;
        }
        if let Some(most) = limits.name {
            let only = with(&|limits| limits.name = Some(most));
            let error = limited(&only, most, |n| message().with_header("h".repeat(n), "x"));
            assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, None));
            count += 1;
        }
        if let Some(most) = limits.value {
            let only = with(&|limits| limits.value = Some(most));
            // Two bytes a character: the limit is one of bytes.
            let value = |n| "é".repeat(n / 2) + &"x".repeat(n % 2);
            let error = limited(&only, most, |n| message().with_header(subject.clone(), value(n)));
            assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("subject")));
            count += 1;
        }
        if let Some(most) = limits.all_headers {
            let only = with(&|limits| limits.all_headers = Some(most));
            let error = limited(&only, most, |n| {
                message().with_header(subject.clone(), "x".repeat(n - subject.len()))
            });
            assert_eq!(error.kind(), ErrorKind::TooLarge);
            count += 1;
        }
        if let Some(most) = limits.body {
            let only = with(&|limits| limits.body = Some(most));
            let error = limited(&only, most, |n| CarrierMessage::new("x".repeat(n)));
            assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, None));
            count += 1;
        }
        if let Some(most) = limits.message {
            let only = with(&|limits| limits.message = Some(most));
            let whole = |n: usize| CarrierMessage::new("x".repeat(n - 6)).with_header("h", "12345");
            assert_eq!(limited(&only, most, whole).kind(), ErrorKind::TooLarge);
            count += 1;
        }
    }
    assert_eq!(count, 8, "limits of rows");
}

#[test]
fn auto_is_binary_if_that_fits_and_names_the_mode() {
    let json = Json::new();
    for carrier in CARRIERS {
        let written = carrier.encode(&event(), Encoding::Auto(&json)).unwrap();
        let mode =
            if carrier.has(ContentMode::Binary) { ContentMode::Binary } else { ContentMode::Structured };
        assert_eq!(written.mode, mode, "{}", carrier.name);
        // An event that holds an event has no binary mode.
        let nested = Payload::binary(b"{}".as_slice());
        let nested = event().into_builder().payload("application/cloudevents+json", Ok(nested));
        let written = carrier.encode(&nested.build().unwrap(), Encoding::Auto(&json)).unwrap();
        assert_eq!(written.mode, ContentMode::Structured, "{}", carrier.name);
        assert_eq!(read(carrier, &written.message).unwrap().data_bytes().unwrap(), "{}");
    }
}

#[test]
fn headers_and_bodies_have_the_text_of_the_row() {
    for carrier in CARRIERS {
        let header = |value: &'static [u8]| {
            carrier.fits(&CarrierMessage::new("x").with_header("h", bytes::Bytes::from_static(value)))
        };
        assert!(header("Größe 100 %".as_bytes()).is_ok(), "{}", carrier.name);
        assert_eq!(header(b"\xff").unwrap_err().kind(), ErrorKind::Unsupported, "{}", carrier.name);
        assert_eq!(header(b"\x1b").is_ok(), carrier.text == Text::Utf8, "{}", carrier.name);
        assert_eq!(header("\u{ffff}".as_bytes()).is_ok(), carrier.text == Text::Utf8, "{}", carrier.name);
        let body = |body: &'static [u8]| carrier.fits(&CarrierMessage::new(body));
        match carrier.body {
            Body::Text { without } => {
                assert!(body("Größe".as_bytes()).is_ok() && body(b"\xff").is_err(), "{}", carrier.name);
                assert_eq!(body(b"a\nb").is_ok(), !without.contains(&'\n'), "{}", carrier.name);
                assert_eq!(body(b"a\rb").is_ok(), !without.contains(&'\r'), "{}", carrier.name);
            }
            _ => assert!(body(b"\xff\r\n").is_ok(), "{}", carrier.name),
        }
    }
    let reserved = CARRIERS.iter().filter(|carrier| !carrier.reserved.is_empty());
    for carrier in reserved {
        let name = format!("{}x", carrier.reserved[0]);
        let error = carrier.fits(&CarrierMessage::new("x").with_header(name, "1")).unwrap_err();
        assert_eq!((error.kind(), error.help()), (ErrorKind::Unsupported, Some("rename the header")));
    }
    let percent = Carrier { text: Text::Percent, ..cloudevents_carriers::rows::STOMP };
    let message = |value: &'static str| CarrierMessage::new("x").with_header("h", value);
    assert!(percent.fits(&message(" ~")).is_ok() && percent.fits(&message("\u{7f}")).is_err());
}

/// Where the name of an extension makes the header of the content type, the event is a document.
#[test]
fn an_extension_is_never_taken_for_the_content_type() {
    let rocketmq = cloudevents_carriers::rows::ROCKETMQ;
    let event = event().into_builder().extension("contenttype", "x").build().unwrap();
    let error = rocketmq.encode(&event, Mode::Binary).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::Unsupported, Some("contenttype")));
    let written = rocketmq.encode(&event, Encoding::Auto(&Json::new())).unwrap();
    assert_eq!(read(&rocketmq, &written.message).unwrap(), event);
}
