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

/// The time would be in the year 55840 and so on.
#[test]
fn a_value_that_is_no_time_is_named() {
    for (change, value) in [
        ("epoch-seconds", "1700000000123"),
        ("epoch-seconds", "1.7e9"),
        ("epoch-seconds", "1.0000000001"),
        ("spaced-time", r#""2015-05-17""#),
    ] {
        let mapping =
            format!(r#"{{"where":{{}},"id":"1","source":"/m","type":"t","time":"{{t | {change}}}"}}"#);
        let error = events(&mapping, &format!(r#"{{"t":{value}}}"#)).remove(0).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidTimestamp, Some("time")));
        let value = value.trim_matches('"');
        assert!(error.help().unwrap().starts_with(&format!("`{value}` stays as it is")), "{error:#}");
    }
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
    let of_elements = map(r#"{"at":"a","documents":true}"#).replace(r#""unwrap""#, r#""each":"l","unwrap""#);
    let error = Adapter::parse(&of_elements).unwrap_err();
    assert!(error.detail().contains("not in elements of `each`"), "{error}");
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

/// `{header.no}` is a header. A document with such a member may be meant as well: neither is taken in silence.
#[test]
fn a_member_header_is_taken_for_no_header() {
    let document = r#"{"header":{"no":7,"kind":"o"},"lines":[{"n":1,"header":{"no":8}}]}"#;
    let mapping = |where_: &str, each: &str, id: &str, data: &str| {
        format!(r#"{{"where":{{{where_}}},{each}"id":"{id}","source":"/m","type":"t","data":"{data}"}}"#)
    };
    let all = r#""lines":"*""#;
    for refused in [
        mapping(all, "", "{header.no, lines.0.n}", "lines"),
        mapping(all, "", "{lines.0.n}{header.kind?}", "lines"),
        mapping(r#""header.kind":"o""#, "", "{lines.0.n}", "lines"),
        mapping(r#""header.kind":"*""#, "", "{lines.0.n}", "lines"),
        mapping(all, r#""each":"lines","#, "{header.no, n}", "n"),
    ] {
        let error = events(&refused, document).remove(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{refused}: {error:#}");
        let name = if refused.contains("header.no") { "no" } else { "kind" };
        let detail = format!(
            "`header.{name}` is the header `{name}` of the message, or a place of the document, which has a member `header`"
        );
        assert_eq!(error.detail(), detail, "{refused}");
        for written in ["`$header.", "`.header.", "`$.header."] {
            assert!(error.help().unwrap().contains(&format!("{written}{name}`")), "{error:#}");
        }
    }
    // A member has the letter case of the place.
    let order = r#"{"header":{"orderNo":7},"lines":[1]}"#;
    for refused in
        [mapping(all, "", "{header.orderNo?}", "lines"), mapping(r#""header.orderNo":"*""#, "", "1", "lines")]
    {
        let error = events(&refused, order).remove(0).unwrap_err();
        assert!(error.help().unwrap().contains("write `.header.orderNo`"), "{error:#}");
    }
    assert_eq!(events(&mapping(all, "", "{.header.orderNo}", "lines"), order)[0].as_ref().unwrap().id(), "7");
    // A member that is null is absent.
    let null = r#"{"header":null,"lines":[1]}"#;
    assert_eq!(
        events(&mapping(all, "", "{header.no, lines.0}", "lines"), null)[0].as_ref().unwrap().id(),
        "1"
    );
    // An element of its own.
    let of_element = mapping(r#""k":"x""#, r#""each":"lines","#, "{header.no, n}", "n");
    let inner = r#"{"k":"x","lines":[{"n":1,"header":{"no":8}},{"n":2}]}"#;
    let all_events = events(&of_element, inner);
    assert!(all_events[0].is_err() && all_events[1].as_ref().unwrap().id() == "2", "{all_events:?}");
    // Both have a way of writing.
    let id = |mapping: &str| events(mapping, document).remove(0).unwrap().id().to_owned();
    assert_eq!(id(&mapping(all, "", "{$.header.no}", ".header.no")), "7");
    assert_eq!(id(&mapping(all, "", "{.header.no}", "lines")), "7");
    assert_eq!(id(&mapping(all, r#""each":"lines","#, "{$.header.no}.{.header.no}", ".header.no")), "7.8");
    assert_eq!(id(&mapping(r#"".header.kind":"o""#, "", "{lines.0.n}", "lines")), "1");
    assert_eq!(id(&mapping(r#""$.header.kind":"o""#, "", "{lines.0.n}", "lines")), "1");
    assert_eq!(id(&mapping(all, "", "{$header.no, lines.0.n}", ".header.no")), "1");
    let payload = events(&mapping(all, "", "1", ".header.no"), document).remove(0).unwrap();
    assert_eq!(data(&payload), "7");
    let adapter = |mapping: &str| {
        Adapter::parse(&format!(r#"{{"name":"n","what":"w","reference":"r","mappings":[{mapping}]}}"#))
    };
    let by_header = adapter(&mapping(r#""$header.X-Kind":"o""#, "", "{$header.x-id}", ".header.no")).unwrap();
    let headers = &[("x-kind", "o"), ("x-id", "h1")][..];
    let event =
        by_header.events(headers, &document.into(), &DecodeOptions::strict()).remove(0).unwrap().value;
    assert_eq!((event.id(), data(&event)), ("h1", "7"));
    // The document lacks a member `header`, and a header is absent.
    assert!(events(&mapping(r#""header.kind":"o""#, "", "1", "n"), r#"{"n":1}"#)[0].is_err());
    assert_eq!(
        events(&mapping(r#""n":"1""#, "", "{header.no, n}", "n"), r#"{"n":1}"#)[0].as_ref().unwrap().id(),
        "1"
    );
    // No header is a payload or an object.
    for member in [
        r#""data":"header.no?""#,
        r#""each":"header.no""#,
        r#""spread":["header.x"]"#,
        r#""base64":"$header.no""#,
    ] {
        let mapping = format!(r#"{{"where":{{}},"id":"1","source":"/s","type":"t",{member}}}"#);
        let error = adapter(&mapping).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument);
        assert!(error.detail().contains("is a header, which cannot be there; `.header."), "{error}");
    }
}

/// It would be a member `$`, which no document has: nothing would be found, without a word.
#[test]
fn a_place_of_the_document_stands_in_where_and_templates_alone() {
    let adapter = |members: &str| {
        let mapping = format!(r#"{{"where":{{"k":"*"}},"id":"1","source":"/s","type":"t",{members}}}"#);
        Adapter::parse(&format!(r#"{{"name":"n","what":"w","reference":"r","mappings":[{mapping}]}}"#))
    };
    for members in [
        r#""data":"$.h?""#,
        r#""base64":"$.h""#,
        r#""either":"$.h""#,
        r#""each":"$.h""#,
        r#""spread":["a","$.h"]"#,
        r#""spread":"h","except":["$.h.secret"]"#,
        r#""implies":{"$.h":"*"}"#,
        r#""unwrap":[{"at":"$.h"}]"#,
        r#""unwrap":[{"at":"e","attributes":"$.h"}]"#,
        r#""unwrap":[{"at":"e","beside":{"spread":"$.h"}}]"#,
        r#""unwrap":[{"at":"e","beside":{"report":["$.h"]}}]"#,
        r#""unwrap":[{"at":"e","beside":{"spread":"h","except":["$.h.*"]}}]"#,
    ] {
        let error = adapter(members).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{members}");
        assert!(error.detail().starts_with("`$.h") && error.detail().contains("for `where`"), "{error}");
    }
    // The member has a way of writing.
    let mapping = r#"{"where":{"k":"*"},"id":"{.$.no}","source":"/s","type":"t","data":".$.d"}"#;
    let event = events(mapping, r#"{"k":1,"$":{"no":7,"d":1.50}}"#).remove(0).unwrap();
    assert_eq!((event.id(), data(&event)), ("7", "1.50"));
}

/// The member `header` itself is no header.
#[test]
fn a_member_header_is_spread() {
    let mapping = r#"{"where":{"header":"*"},"id":"{.header.no}","source":"/m","type":"t","spread":"header","except":["header.line"],"data":"n?"}"#;
    let event = events(mapping, r#"{"header":{"no":7,"kind":"o","line":"x"}}"#).remove(0).unwrap();
    assert_eq!((event.id(), attribute(&event, "kind").as_str(), event.extensions().count()), ("7", "o", 1));
}

/// It is there, and is not the object or the array that the place has: the value would be nowhere.
#[test]
fn a_value_in_place_of_an_object_is_an_error() {
    let mapping = r#"{"where":{"k":"x"},"each":"lines","id":"{no}","source":"/m","type":"t","subject":"{customer.name?}",
        "extensions":{"c":"{buyer.name, 'none'}","d":"{$.shop.name?}"},"spread":"more.all","data":"d.e?"}"#;
    let document = |line: &str, order: &str| format!(r#"{{"k":"x","lines":[{{"no":1{line}}}]{order}}}"#);
    for there in ["", r#","customer":null,"buyer":{},"more":null,"d":"""#, r#","customer":[],"d":{}"#] {
        let event = events(mapping, &document(there, r#","shop":null"#)).remove(0).unwrap();
        assert_eq!((event.subject(), attribute(&event, "c").as_str(), event.data()), (None, "none", None));
    }
    for (line, order, name, detail) in [
        (
            r#","customer":"Bob""#,
            "",
            Some("subject"),
            "`customer.name` cannot be there: `customer` is a text, and not an object",
        ),
        (
            r#","customer":[{}]"#,
            "",
            Some("subject"),
            "`customer.name` cannot be there: `customer` is an array, and not an object",
        ),
        (
            r#","buyer":7"#,
            "",
            Some("c"),
            "`buyer.name` cannot be there: `buyer` is a number, and not an object",
        ),
        (
            "",
            r#","shop":true"#,
            Some("d"),
            "`$.shop.name` cannot be there: `shop` is a truth value, and not an object",
        ),
        (r#","more":"x""#, "", None, "`more.all` cannot be there: `more` is a text, and not an object"),
        (r#","d":"x""#, "", None, "`d.e` cannot be there: `d` is a text, and not an object"),
    ] {
        let error = events(mapping, &document(line, order)).remove(0).unwrap_err();
        assert_eq!(
            (error.kind(), error.attribute(), error.detail()),
            (ErrorKind::InvalidData, name, detail),
            "{error:#}"
        );
    }
}

/// Members behind the limit are not read, so that they would be lost.
#[test]
fn members_that_are_null_count() {
    let mapping = r#"{"where":{"k":"x"},"id":"1","source":"/s","type":"t","spread":"all","data":"k"}"#;
    let document = |nulls: usize, texts: usize| {
        let nulls = (0..nulls).map(|at| format!(r#""n{at}":null"#));
        let members: Vec<_> = nulls.chain((0..texts).map(|at| format!(r#""t{at}":"x""#))).collect();
        format!(r#"{{"k":"x","all":{{{}}}}}"#, members.join(","))
    };
    let limit = DecodeOptions::strict().limits.attributes;
    let event = events(mapping, &document(100, 50)).remove(0).unwrap();
    assert_eq!(event.extensions().count(), 50);
    for (nulls, texts) in [(100, limit - 56), (limit, 1)] {
        let error = events(mapping, &document(nulls, texts)).remove(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooMany, "{nulls} {texts}: {error:#}");
    }
}

/// The error names the mapping and the place, up to a bound.
#[test]
fn a_condition_that_does_not_fit_names_the_place() {
    let mapping = r#"{"where":{"a":"*","kind":"order"},"id":"1","source":"/s","type":"t"}"#;
    let error = events(&[mapping; 2].join(","), r#"{"a":1,"kind":"other"}"#).remove(0).unwrap_err();
    assert_eq!(
        (error.detail(), error.help()),
        (
            "it is not w",
            Some("the `where` of `n` does not fit the document at `kind` of mapping 1, `kind` of mapping 2")
        )
    );
    let error = events(&[mapping; 9].join(","), "{}").remove(0).unwrap_err();
    assert!(error.help().unwrap().ends_with("`a` of mapping 4, and so on"), "{error:#}");
}

/// `base64`, then `either`, then `data`. The last member decides if no payload is there. Null is a payload, but for `base64`.
#[test]
fn the_payload_is_at_the_first_place_that_is_there() {
    const MISSING: &str = "missing";
    let (b, e, d) = (r#""b":"aGk=""#, r#""e":{"e":1.10}"#, r#""d":{"d":1}"#);
    let three = r#""base64":"b?","either":"e?","data":"d?""#;
    for (members, parts, wanted) in [
        (r#""base64":"b?","data":"d""#, vec![b, d], "hi"),
        (r#""base64":"b?","data":"d""#, vec![d], r#"{"d":1}"#),
        (r#""base64":"b","data":"d""#, vec![d], r#"{"d":1}"#),
        (r#""base64":"b?","data":"d""#, vec![r#""b":null"#, d], r#"{"d":1}"#),
        (r#""base64":"b?","data":"d""#, vec![r#""b":null"#, r#""d":null"#], "null"),
        (r#""base64":"b?","data":"d""#, vec![], MISSING),
        (r#""base64":"b?","data":"d""#, vec![r#""b":null"#], MISSING),
        (r#""base64":"b","data":"d?""#, vec![], ""),
        (r#""base64":"b?","data":"d?""#, vec![], ""),
        (r#""base64":"b?","either":"e""#, vec![b, e], "hi"),
        (r#""base64":"b?","either":"e""#, vec![e], r#"{"e":1.10}"#),
        (r#""base64":"b?","either":"e""#, vec![r#""b":null"#, r#""e":null"#], "null"),
        (r#""base64":"b?","either":"e""#, vec![], MISSING),
        (r#""either":"e?","data":"d""#, vec![e, d], r#"{"e":1.10}"#),
        (r#""either":"e?","data":"d""#, vec![d], r#"{"d":1}"#),
        (r#""either":"e?","data":"d""#, vec![r#""e":null"#, d], "null"),
        (r#""either":"e?","data":"d""#, vec![], MISSING),
        (three, vec![b, e, d], "hi"),
        (three, vec![e, d], r#"{"e":1.10}"#),
        (three, vec![d], r#"{"d":1}"#),
        (three, vec![], ""),
    ] {
        let mapping = format!(r#"{{"where":{{"k":"*"}},"id":"1","source":"/s","type":"t",{members}}}"#);
        let document = format!("{{{}}}", [&[r#""k":1"#][..], &parts[..]].concat().join(","));
        let read = events(&mapping, &document).remove(0);
        if wanted == MISSING {
            let error = read.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{members} {document}: {error:#}");
            assert!(error.detail().ends_with("is not there"), "{members} {document}: {error:#}");
            continue;
        }
        let event = read.unwrap();
        // Base64 says nothing about the content.
        let ty = if wanted.is_empty() || wanted == "hi" { "" } else { "application/json" };
        assert_eq!(
            (data(&event), attribute(&event, "datacontenttype").as_str()),
            (wanted, ty),
            "{members} {document}"
        );
    }
}

/// The condition shows that the member is there, and the event has no other place for it.
#[test]
fn spread_carries_a_member_that_only_the_condition_names() {
    let document = r#"{"meta":{"tenant":"acme","region":"eu","googx":"1"},"d":{"n":1}}"#;
    for (members, wanted) in [
        (r#""spread":"meta""#, ["acme", "eu", "1"]),
        (r#""spread":"meta","except":["meta.goog*"]"#, ["acme", "eu", ""]),
        (r#""spread":"meta","except":["meta.tenant",".meta.region"]"#, ["", "", "1"]),
        (r#""spread":"meta","subject":"{meta.tenant}""#, ["", "eu", "1"]),
    ] {
        let mapping = format!(
            r#"{{"where":{{"meta.tenant":"*"}},"id":"1","source":"/s","type":"t","data":"d",{members}}}"#
        );
        let event = events(&mapping, document).remove(0).unwrap();
        assert_eq!(["tenant", "region", "googx"].map(|name| attribute(&event, name)), wanted, "{members}");
    }
}

/// A value that the mapping names and does not use has no other place in the event.
#[test]
fn spread_carries_a_member_whose_value_is_not_used() {
    let document = r##"{"meta":{"tenant":"acme","customer":"c7","url":"https://x/a#frag","pdf":"AP8=","d":{"n":1},"none":""}}"##;
    let mapping = |members: &str| {
        let mapping = format!(
            r#"{{"where":{{}},"id":"1","source":"/s","type":"t","spread":"meta","except":["meta.pdf"],{members}}}"#
        );
        let has_empty = members.contains("none");
        let document = if has_empty { document.to_owned() } else { document.replace(r#","none":"""#, "") };
        events(&mapping, &document).remove(0).unwrap()
    };
    let names = ["tenant", "customer", "url", "d"];
    for (members, wanted) in [
        // The place that is not taken is carried.
        (r#""subject":"{meta.customer, meta.tenant}""#, ["acme", "", "https://x/a#frag", r#"{"n":1}"#]),
        // There is no text, so both are carried. An empty text is not there.
        (r#""subject":"{meta.tenant}/{meta.none?}""#, ["acme", "c7", "https://x/a#frag", r#"{"n":1}"#]),
        // A part is cut off.
        (r#""subject":"{meta.url | without-fragment}""#, ["acme", "c7", "https://x/a#frag", r#"{"n":1}"#]),
        // Nothing is cut off.
        (r#""subject":"{meta.tenant | without-fragment}""#, ["", "c7", "https://x/a#frag", r#"{"n":1}"#]),
        (r#""subject":"{meta.url}","data":"meta.d""#, ["acme", "c7", "", ""]),
        (r#""base64":"meta.pdf?","data":"meta.d""#, ["acme", "c7", "https://x/a#frag", r#"{"n":1}"#]),
    ] {
        let event = mapping(members);
        assert_eq!(names.map(|name| attribute(&event, name)), wanted, "{members}");
        assert!(event.attribute("none").is_none(), "{members}");
    }
}

#[test]
fn a_member_that_no_extension_can_be_names_the_way_to_leave_it_out() {
    let mapping = r#"{"where":{"k":"x"},"id":"1","source":"/s","type":"t","spread":"all","data":"k","except":["all.z"]}"#;
    let error = events(mapping, r#"{"k":"x","all":{"My-X":"1"}}"#).remove(0).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidName, Some("my-x")), "{error:#}");
    assert!(error.help().unwrap().contains("`except`"), "{error:#}");
    let event =
        events(&mapping.replace("all.z", "all.My-X"), r#"{"k":"x","all":{"My-X":"1"}}"#).remove(0).unwrap();
    assert_eq!(event.extensions().count(), 0);
}

/// As in a document that is read: the last one would count.
#[test]
fn a_name_of_a_mapping_is_there_once() {
    let adapter = |members: &str| {
        Adapter::parse(&format!(
            r#"{{"name":"n","what":"w","reference":"r","mappings":[{{"id":"1","source":"/s","type":"t",{members}}}]}}"#
        ))
    };
    assert!(
        adapter(r#""where":{"k":"x"},"extensions":{"a":"{a}"},"implies":{"Subject":"x","A":"y"}"#).is_ok()
    );
    for (members, name) in [
        (r#""where":{"k":"x","k":"y"}"#, "k"),
        (r#""where":{},"extensions":{"a":"{a}","a":"{b}"}"#, "a"),
        (r#""where":{},"implies":{"Subject":"x","Subject":"y"}"#, "Subject"),
    ] {
        let error = adapter(members).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument);
        assert!(error.detail().contains(&format!("`{name}` is there twice")), "{error}");
    }
}

/// Requests, and messages of Kafka, may have a header several times.
#[test]
fn a_header_that_is_read_has_one_value() {
    let mapping =
        r#"{"where":{"header.x-kind":"*"},"id":"{$header.x-id}","source":"/s","type":"{header.x-kind}"}"#;
    let adapter = format!(r#"{{"name":"n","what":"w","reference":"r","mappings":[{mapping}]}}"#);
    let adapter = Adapter::parse(&adapter).unwrap();
    let of = |headers: &[(&str, &str)]| {
        adapter.events(headers, &r#"{"n":1}"#.into(), &DecodeOptions::strict()).remove(0)
    };
    let same = [("X-Kind", "k"), ("x-kind", " k"), ("x-id", "1"), ("other", "a"), ("other", "b")];
    assert_eq!(of(&same).unwrap().value.ty(), "k");
    for (second, name) in [(("x-KIND", "l"), "x-kind"), (("X-Id", ""), "x-id")] {
        let headers = [("x-kind", "k"), ("x-id", "1"), second];
        let error = of(&headers).unwrap_err();
        let detail = format!("the header `{name}` is there twice, with different values");
        assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidData, detail.as_str()));
    }
}
