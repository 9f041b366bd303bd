//! Adapters of programs: times in numbers, and places of the document around an element.

use crate::tools::{attribute, data, named};
use cloudevents_adapters::Adapter;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event};

fn events(mapping: &str, document: &str) -> Vec<Result<Event, Error>> {
    let adapter = format!(r#"{{"name":"n","what":"w","reference":"r","mappings":[{mapping}]}}"#);
    let events =
        Adapter::parse(&adapter).unwrap().events(&[], &document.to_owned().into(), &DecodeOptions::strict());
    events.into_iter().map(|event| event.map(|decoded| decoded.value)).collect()
}

/// A change of Debezium: <https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events>
#[test]
fn times_since_1970() {
    let document = r#"{"after":{"id":1},"source":{"name":"pg"},"op":"c","ts_ms":1700000000123,"ts_us":1700000000123456,"ts_ns":1700000000123456789}"#;
    let mapping = r#"{"where":{"op":"*"},"id":"{ts_ns}","source":"/{source.name}","type":"change","time":"TIME","data":"after"}"#;
    for (time, wanted) in [
        ("{ts_ms | epoch-milliseconds}", "2023-11-14T22:13:20.123Z"),
        ("{ts_us | epoch-microseconds}", "2023-11-14T22:13:20.123456Z"),
        ("{ts_ns | epoch-nanoseconds}", "2023-11-14T22:13:20.123456789Z"),
    ] {
        let event = events(&mapping.replace("TIME", time), document).remove(0).unwrap();
        assert_eq!((attribute(&event, "time").as_str(), data(&event)), (wanted, r#"{"id":1}"#));
    }
    // What is no such number is an error, and not another time.
    let error = events(&mapping.replace("TIME", "{op | epoch-seconds}"), document).remove(0).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidTimestamp, Some("time")));
}

#[test]
fn elements_have_places_of_their_document() {
    let mapping = r#"{"where":{"batch.shop":"*"},"each":"orders","id":"{no}","source":"/{$.batch.shop}","type":"order",
        "subject":"{name, $.batch.name, 'none'}","data":"total"}"#;
    let document =
        r#"{"batch":{"shop":"berlin"},"orders":[{"no":1,"total":1.50},{"no":2,"total":2,"name":"x"}]}"#;
    let all: Vec<_> = events(mapping, document).into_iter().map(Result::unwrap).collect();
    assert_eq!(named(&all[0]), ["1", "/berlin", "order", "none"]);
    assert_eq!((named(&all[1]), data(&all[0])), (["2", "/berlin", "order", "x"], "1.50"));
    // Of an array of documents, each element has its own.
    let two = format!("[{document},{}]", document.replace("berlin", "paris"));
    let sources: Vec<_> =
        events(mapping, &two).iter().map(|event| event.as_ref().unwrap().source().to_string()).collect();
    assert_eq!(sources, ["/berlin", "/berlin", "/paris", "/paris"]);
    let error = events(&mapping.replace("$.batch.shop", "batch.shop"), document).remove(0).unwrap_err();
    assert!(error.detail().contains("`batch.shop`"), "{error}");
    let error = events(mapping, &format!("[{document},1]")).remove(0).unwrap_err();
    assert_eq!(error.index(), Some(1));
}
