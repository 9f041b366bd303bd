//! Adapters of programs: times in numbers, and places of the document around an element.

use crate::tools::{attribute, data, named};
use cloudevents_adapters::{Adapter, Adapters};
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

/// As a rule of `--set`: what cannot be filled in is an error that names the attribute, and `?` marks what may be absent.
#[test]
fn what_cannot_be_filled_in_is_an_error() {
    let mapping = r#"{"where":{"n":"*"},"id":"{n}","source":"/s","type":"t","subject":"{a}","time":"{at? | epoch-milliseconds}",
        "extensions":{"partitionkey":"{customer.id, header.x-key}"},"data":"d"}"#;
    let good = r#"{"n":1,"a":"x","at":1700000000123,"customer":{"id":7},"d":{"x":1.50}}"#;
    let event = events(mapping, good).remove(0).unwrap();
    assert_eq!((attribute(&event, "partitionkey").as_str(), data(&event)), ("7", r#"{"x":1.50}"#));
    let error = |mapping: &str, document: &str| {
        let error = events(mapping, document).remove(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:#}");
        (
            error.attribute().unwrap_or_default().to_owned(),
            error.detail().to_owned(),
            error.help().unwrap().to_owned(),
        )
    };
    for (from, to, attribute, detail, help) in [
        (r#""a":"x","#, "", "subject", "`a` is not there", "`{a?}` leaves `subject` out then"),
        (r#""a":"x","#, r#""a":null,"#, "subject", "`a` is not there", "`{a?}` leaves `subject` out then"),
        (
            r#"{"id":7}"#,
            "{}",
            "partitionkey",
            "`customer.id` or the header `x-key` is not there",
            "`{customer.id, header.x-key?}` leaves `partitionkey` out then",
        ),
        (r#","d":{"x":1.50}"#, "", "", "`d` is not there", "`d?` makes events without a payload"),
    ] {
        let wanted = (attribute.to_owned(), detail.to_owned(), help.to_owned());
        assert_eq!(error(mapping, &good.replace(from, to)), wanted);
    }
    for wrong in [r#""yesterday""#, "1e30", "253402300800000"] {
        let error = events(mapping, &good.replace("1700000000123", wrong)).remove(0).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidTimestamp, Some("time")), "{wrong}");
    }
    let spaced = mapping.replace("\"/s\"", "\"/{a}\"");
    let error = events(&spaced, &good.replace("\"x\",", "\"a b\",")).remove(0).unwrap_err();
    assert_eq!(
        (error.attribute(), error.help()),
        (Some("source"), Some("`source` of the mapping has this value"))
    );
    // Marked places may be absent.
    let marked = mapping.replace("{a}", "{a?}").replace("x-key}", "x-key?}").replace(r#""d""#, r#""d?""#);
    let event = events(&marked, r#"{"n":1}"#).remove(0).unwrap();
    assert_eq!(
        (event.subject(), event.time(), event.extensions().count(), event.data()),
        (None, None, 0, None)
    );
    let event = events(&marked, good).remove(0).unwrap();
    assert_eq!((event.subject(), data(&event)), (Some("x"), r#"{"x":1.50}"#));
    // A required attribute is one, with a mark, too.
    let error = events(&mapping.replace("{n}", "{m?}"), good).remove(0).unwrap_err();
    assert_eq!((error.attribute(), error.detail()), (Some("id"), "`m` is not there"));
}

/// The words of a mistake are those of JSON and of this page, and no type of a program.
#[test]
fn mistakes_have_words_of_the_reader() {
    let parse = |text: &str| Adapter::parse(text).unwrap_err().detail().to_owned();
    let of = |member: &str| {
        parse(&format!(r#"{{"name":"n","what":"w","reference":"r","mappings":[{{"where":{{}},{member}}}]}}"#))
    };
    for (words, wanted) in [
        (of(r#""spread":1"#), "expected a place, or an array of places"),
        (of(r#""unwrap":["a"]"#), "an object with the place of an event in `at`"),
        (parse("1"), "an adapter, which is an object"),
        (parse(r#"{"name":"n","what":"w","reference":"r","mappings":[1]}"#), "a mapping, which is an object"),
    ] {
        assert!(
            words.contains(wanted) && !words.contains("untagged") && !words.contains("struct"),
            "{words}"
        );
    }
}

/// A place that may be absent has a value that no attribute can have: the value would be nowhere, because the payload lacks it.
#[test]
fn a_value_without_a_text_is_an_error_also_where_a_place_may_be_absent() {
    let mapping = r#"{"where":{"k":"x"},"each":"lines","id":"{no}","source":"/s","type":"t","subject":"{sub?}",
        "time":"{at? | epoch-seconds}","extensions":{"tenant":"{$.tenant?}","c":"{a, 'none'}"},"data":"d"}"#;
    let document =
        |line: &str, order: &str| format!(r#"{{"k":"x","lines":[{{"no":1,"d":1{line}}}]{order}}}"#);
    let event = events(mapping, &document(r#","sub":null,"a":null"#, r#","tenant":null"#)).remove(0).unwrap();
    assert_eq!((attribute(&event, "c").as_str(), event.attributes().count()), ("none", 5));
    for (line, order, name, detail) in [
        (r#","sub":{"a":1}"#, "", "subject", "`sub` is an object, which has no text"),
        (r#","at":[1]"#, "", "time", "`at` is an array, which has no text"),
        (r#","a":{}"#, "", "c", "`a` is an object, which has no text"),
        (r#","sub":"\ud800""#, "", "subject", "`sub` is not a text of Unicode"),
        ("", r#","tenant":[1]"#, "tenant", "`$.tenant` is an array, which has no text"),
    ] {
        let error = events(mapping, &document(line, order)).remove(0).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidData, Some(name)), "{error:#}");
        assert_eq!((error.detail(), error.help()), (detail, Some("r describes w")), "{error:#}");
    }
}

/// The other one would be nowhere.
#[test]
fn two_places_with_an_event_are_an_error() {
    let event =
        |id: u8| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{{"e":1}}}}"#);
    let mapping = r#"{"where":{"k":"x"},"unwrap":[{"at":"a"},{"at":"b"},{"at":"a.data"}]}"#;
    let of = |members: &str| events(mapping, &format!(r#"{{"k":"x",{members}}}"#)).remove(0);
    let error = of(&format!(r#""b":{},"a":{}"#, event(2), event(1))).unwrap_err();
    assert_eq!(
        (error.kind(), error.detail()),
        (ErrorKind::InvalidData, "there is an event at `a`, and another one at `b`")
    );
    // An event that cannot be read is one, too.
    assert!(of(&format!(r#""a":{},"b":{{"specversion":"1.0"}}"#, event(1))).is_err());
    for (members, wanted) in [
        (format!(r#""a":{},"b":{{"n":1}}"#, event(1)), "1"),
        (format!(r#""a":null,"b":{}"#, event(2)), "2"),
        // An event with an event in its payload has both.
        (format!(r#""a":{}"#, event(1).replace(r#"{"e":1}"#, &event(3))), "1"),
    ] {
        assert_eq!(of(&members).unwrap().id(), wanted, "{members}");
    }
    // A document of another system is read in place of the envelope.
    let map = |unwrap: &str| {
        format!(
            r#"{{"name":"n","what":"w","reference":"r","mappings":[{{"where":{{"k":"x"}},"unwrap":[{unwrap}]}}]}}"#
        )
    };
    let own = Adapter::parse(&map(r#"{"at":"a","documents":true},{"at":"b"}"#)).unwrap();
    let adapters = Adapters::known().with([own]);
    let older = event(1).replace("1.0", "0.2");
    let read = |document: String| {
        adapters.events(&[], &document.into(), &DecodeOptions::strict()).unwrap().remove(0)
    };
    assert_eq!(read(format!(r#"{{"k":"x","a":{older}}}"#)).unwrap().value.id(), "1");
    let error = read(format!(r#"{{"k":"x","a":{older},"b":{}}}"#, event(2))).unwrap_err();
    assert_eq!(error.detail(), "there is an event at `a`, and another one at `b`");
    let error =
        Adapter::parse(&map(r#"{"at":"a","documents":true},{"at":"b","documents":true}"#)).unwrap_err();
    assert!(error.detail().contains("two places in `unwrap` have `documents`"), "{error}");
}

#[test]
fn headers_select_a_mapping() {
    let mapping =
        r#"{"where":{"header.X-Kind":"order*","n":"*"},"id":"{n}","source":"/s","type":"{header.x-kind}"}"#;
    let adapter = format!(r#"{{"name":"n","what":"w","reference":"r","mappings":[{mapping}]}}"#);
    let adapters = Adapters::known().with(Adapter::parse_all(&adapter).unwrap());
    let of = |headers: &[(&str, &str)]| {
        let events = adapters.events(headers, &r#"{"n":1}"#.into(), &DecodeOptions::strict())?;
        Some(events.into_iter().map(|event| event.unwrap().value.ty().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(of(&[("x-kind", "order.placed")]), Some(vec!["order.placed".to_owned()]));
    assert_eq!((of(&[("x-kind", "other")]), of(&[])), (None, None));
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
