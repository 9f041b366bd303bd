//! Messages with JSON documents: what strict options, which name no format, can read of them.

use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Document, ErrorKind, Event, Format, FormatId, Formats, Item, Message, RepairKind,
};
use cloudevents_json::{BatchReader, Json, JsonBuilderExt, LineReader, recognize};

fn event() -> Event {
    Event::builder().id("1").source("/s").ty("t").json(&[1, 2]).build().unwrap()
}

/// Regression: `Message::event` and `Message::attribute` refused JSON as an unknown format, though every binding includes JSON.
#[test]
fn a_recognized_document_is_read_in_its_own_format() {
    let body = Bytes::from(cloudevents_json::encode_lossy(&event()));
    let strict = DecodeOptions::strict();
    for message in [
        Message::Structured(recognize(FormatId::JSON, body.clone(), &Formats::none())),
        Message::Structured(recognize(FormatId::JSON, body, &Formats::none().with(Json::new()))),
        Message::structured(&event(), &Json::new()).unwrap().0,
    ] {
        assert_eq!(message.event(&strict).unwrap().value, event());
        assert_eq!(message.events(&strict).unwrap().value, [event()]);
        assert_eq!(message.attribute("type", &strict).unwrap().as_deref(), Some("t"));
    }
    let batch = Message::batched(&[event(), event()], &Json::new()).unwrap().0;
    assert_eq!(batch.events(&strict).unwrap().value.len(), 2);
    let (whole, one) = (batch.event(&strict).unwrap_err(), batch.attribute("type", &strict).unwrap_err());
    assert_eq!((whole.kind(), one.kind()), (ErrorKind::Batched, ErrorKind::Batched));
    assert!(one.help().is_some() && one.help() == whole.help());
}

#[test]
fn the_formats_of_the_options_take_precedence() {
    #[derive(Debug)]
    struct Other;
    impl Format for Other {
        fn id(&self) -> FormatId {
            FormatId::JSON
        }
        fn media_type(&self) -> cloudevents_core::MediaType<'static> {
            Json::new().media_type()
        }
        fn decode(
            &self,
            _: Bytes,
            _: &DecodeOptions,
        ) -> Result<cloudevents_core::Decoded<Event>, cloudevents_core::Error> {
            Err(cloudevents_core::Error::new(ErrorKind::Closed))
        }
        fn encode(
            &self,
            _: &Event,
            _: &mut Vec<u8>,
        ) -> Result<cloudevents_core::Losses, cloudevents_core::Error> {
            Err(cloudevents_core::Error::new(ErrorKind::Closed))
        }
        fn peek(
            &self,
            _: &Bytes,
            _: &str,
            _: &DecodeOptions,
        ) -> Result<Option<String>, cloudevents_core::Error> {
            Err(cloudevents_core::Error::new(ErrorKind::Closed))
        }
    }
    let with = DecodeOptions::strict().with_formats(Formats::none().with(Other));
    let message = Message::structured(&event(), &Json::new()).unwrap().0;
    assert_eq!(message.event(&with).unwrap_err().kind(), ErrorKind::Closed);
    // A format of the program is remembered, too.
    let document = recognize(FormatId::JSON, Bytes::new(), &with.formats);
    let error = Message::Structured(document).event(&DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn an_unknown_format_is_an_error() {
    let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
    let error = message.attribute("id", &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownFormat);
}

/// Regression: `attribute("data")` returned the payload, for JSON documents only.
#[test]
fn the_payload_is_no_attribute() {
    let message = Message::structured(&event(), &Json::new()).unwrap().0;
    for message in [message, Message::from(event())] {
        for name in ["data", "data_base64", "Type", ""] {
            assert_eq!(message.attribute(name, &DecodeOptions::strict()).unwrap(), None, "{name}");
        }
    }
}

/// Regression: the losses of a batch did not carry the index of their event.
#[test]
fn losses_of_a_batch_say_which_event() {
    let typed = Event::builder().id("1").source("/s").ty("t").extension("e", &[1_u8][..]).build().unwrap();
    let events = [event(), typed.clone(), event(), typed];
    let (_, losses) = cloudevents_json::encode_batch(&events).unwrap();
    let found: Vec<_> = losses.iter().map(|loss| (loss.index(), loss.at(), loss.kind())).collect();
    assert_eq!(found, [(Some(1), "e", "attribute-type"), (Some(3), "e", "attribute-type")]);
    let shown = losses.iter().next().unwrap().to_string();
    assert!(shown.starts_with("event 1 of the batch, e: "), "{shown}");
    let error = losses.exact().unwrap_err();
    assert_eq!((error.kind(), error.index(), error.attribute()), (ErrorKind::Inexact, Some(1), Some("e")));
}

#[test]
fn a_batch_is_written_from_references() {
    let (a, b) = (event(), Event::builder().id("2").source("/s").ty("t").build().unwrap());
    let owned = [a.clone(), b.clone()];
    let (expected, _) = cloudevents_json::encode_batch(&owned).unwrap();
    assert_eq!(cloudevents_json::encode_batch(&[&a, &b]).unwrap().0, expected);
    assert_eq!(cloudevents_json::encode_batch(&vec![&a, &b]).unwrap().0, expected);
    assert_eq!(cloudevents_json::encode_batch(owned.as_slice()).unwrap().0, expected);
}

#[test]
fn the_index_of_another_specversion() {
    use cloudevents_core::SpecVersion;
    let old = Event::builder().specversion(SpecVersion::V03).id("2").source("/s").ty("t").build().unwrap();
    let error = cloudevents_json::encode_batch(&[&event(), &event(), &old]).unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::MixedSpecversions, Some(2)));
}

/// Which event of a batch was repaired.
#[test]
fn repairs_of_a_batch_have_the_index_of_their_event() {
    let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let odd = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"yesterday"}"#;
    let batch = format!("\u{feff}[{good},{odd},{good},{odd}]");
    let lenient = DecodeOptions::lenient();
    let decoded = Json::new().decode_batch(batch.clone().into(), &lenient).unwrap();
    let indexes: Vec<_> = decoded.repairs().iter().map(|repair| repair.index()).collect();
    assert_eq!(indexes, [None, Some(1), Some(3)]);
    assert!(decoded.repairs()[2].to_string().contains("(event 3 of the batch)"));
    // Regression: those of single items had none, and the byte order mark was reported by the reader alone.
    let items = Json::new().decode_items(batch.clone().into(), &lenient).unwrap();
    let read: Vec<_> = BatchReader::new(batch.as_bytes(), lenient.clone()).map(Result::unwrap).collect();
    let (mark, dropped) = (RepairKind::ByteOrderMark, RepairKind::DroppedAttribute);
    for items in [items, read] {
        assert_eq!(repairs(&items), [(mark, None), (dropped, Some(1)), (dropped, Some(3))]);
    }
    let lines = format!("{good}\n\n{odd}\n");
    let read: Vec<_> = LineReader::new(lines.as_bytes(), lenient).map(Result::unwrap).collect();
    assert_eq!(repairs(&read), [(dropped, Some(1))]);
}

/// The repairs of items, with their indexes.
fn repairs(items: &[Item]) -> Vec<(RepairKind, Option<usize>)> {
    let repairs = items.iter().flat_map(|item| item.event.as_ref().unwrap().repairs());
    repairs.map(|repair| (repair.kind(), repair.index())).collect()
}

/// It is reported with the first event that there is.
#[test]
fn a_byte_order_mark_of_items_goes_with_the_first_valid_event() {
    let good = String::from_utf8(cloudevents_json::encode_lossy(&event())).unwrap();
    let batch = format!("\u{feff}[{{}},{good}]");
    let items = Json::new().decode_items(batch.into(), &DecodeOptions::lenient()).unwrap();
    assert!(items[0].event.is_err());
    assert_eq!(repairs(&items[1..]), [(RepairKind::ByteOrderMark, None)]);
}
