//! Examples of events, and catalogs of several documents.

use cloudevents_catalog::{Catalog, Judge, LoadOptions, Outcome};

/// Every attribute and the payload are such that the definition holds.
#[test]
fn an_example_is_valid() {
    let catalog = Catalog::parse(
        r#"{"messagegroups": {"g": {"messages": {"t": {
            "envelope": "CloudEvents/1.0",
            "envelopemetadata": {
                "type": {"value": "com.example.{kind}"}, "source": {"value": "/s/{shop}"},
                "subject": {"type": "uritemplate", "value": "{shop}/{kind}"}, "time": {"required": true},
                "optional": {"type": "string"}, "b": {"type": "binary", "required": true},
                "i": {"type": "integer", "value": 7}, "t": {"type": "boolean", "required": true},
                "n": {"type": "number", "required": true}, "u": {"type": "uri", "required": true},
                "d": {"type": "duration", "required": true}, "y": {"type": "symbol", "required": true},
                "any": {"required": true}, "dataschema": {"value": "https://example.com/schema"}
            },
            "dataschemaformat": "JsonSchema/draft-07",
            "dataschema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 3}}}
        }}}}}"#,
    )
    .unwrap();
    let event = catalog.messages().next().unwrap().example().unwrap();
    let verdict = catalog.judge(&event);
    assert_eq!((verdict.outcome(), verdict.not_judged()), (Outcome::Valid, None), "{verdict}");
    assert_eq!(event.data().unwrap().as_bytes(), br#"{"n":3}"#);
    assert!(event.extension("optional").is_none());
}

#[test]
fn documents_are_one_catalog() {
    let read = |documents: &[&str]| Catalog::read_all(documents, &LoadOptions::strict());
    let base = r#"{"specversion": "1.0-rc4", "messagegroups": {"g": {"messages": {"base": {"envelope": "CloudEvents/1.0"}}}}}"#;
    let message =
        r#"{"messagegroups": {"g": {"messages": {"t": {"basemessage": "/messagegroups/g/messages/base"}}}}}"#;
    let report = read(&[message, base]).unwrap();
    assert_eq!(report.findings, []);
    assert!(report.catalog.messages().all(|message| message.is_event()));
    // The same entity twice is one, and two different ones are an error.
    assert_eq!(read(&[base, message, message]).unwrap().catalog.messages().count(), 2);
    let other = r#"{"messagegroups": {"g": {"messages": {"t": {"name": "other"}}}}}"#;
    let error = read(&[base, message, other]).unwrap_err();
    assert_eq!(error.to_string(), "/messagegroups/g/messages/t: two documents have it, and differ");
    // What describes a document is no entity.
    let described = |team: &str| format!(r#"{{"labels": {{"team": "{team}"}}}}"#);
    assert!(read(&[base, &described("a"), &described("b")]).is_ok());
    assert_eq!(read(&["[]"]).unwrap_err().to_string(), "a catalog is an object, and this is an array");
    let mut options = LoadOptions::strict();
    options.limits.bytes = base.len();
    assert!(Catalog::read_all([base, message], &options).is_err());
}
