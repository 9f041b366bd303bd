//! Rules for attributes.

use crate::tools::{attribute, data};
use cloudevents_adapters::AttributeRules;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Message, Payload, SpecVersion, Value, ValueBuf,
};
use cloudevents_testkit::any;
use cloudevents_transport::{
    Bridge, Outgoing, Partition, Raw, Received,
    bridge::{BridgePolicy, KeyRule},
    fake::FakeQueue,
};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};

const DATA: &str =
    r#"{ "order": {"id": 4.20, "paid":true, "lines": [{"sku":"a#b"}], "none": null, "empty": ""} }"#;

fn event() -> Event {
    let event = Event::builder().id("1").source("/s").ty("t").subject("old").time("2026-05-17T12:00:00.50Z");
    let event = event.extension("tenant", "t7").extension("priority", 3).extension("secret", [1_u8, 2]);
    event.payload("application/json", Payload::json(DATA)).build().unwrap()
}

fn received() -> Received {
    let mut raw = Raw::default();
    raw.topic = Some("orders".into());
    raw.partition = Some(Partition::new("orders", 3));
    raw.offset = Some(12);
    raw.key = Some("k 1".into());
    raw.timestamp = Some(std::time::UNIX_EPOCH + Duration::from_secs(1));
    raw.headers.push(("X-Tenant".into(), Some(" t8 ".into())));
    raw.headers.push(("x-bytes".into(), Some(b"\xff"[..].into())));
    raw.headers.push(("x-nothing".into(), None));
    raw.headers.push(("ce-type".into(), Some("t".into())));
    Received::new(Ok(Decoded::clean(Message::from(event()))), raw)
}

fn set(name: &str, template: &str) -> Result<AttributeRules, Error> {
    AttributeRules::new().set(name, template)
}

#[test]
fn what_templates_read() {
    for (template, wanted) in [
        ("fixed {{}}", Ok("fixed {}")),
        ("{data.order.id}", Ok("4.20")),
        ("{data.order.paid}/{data.order.lines.0.sku | without-fragment}", Ok("true/a")),
        ("{header.x-nothing, 'none'}", Ok("none")),
        ("{id}{source}{type}{specversion}", Ok("1/st1.0")),
        ("{time} {priority} {secret}", Ok("2026-05-17T12:00:00.50Z 3 AQI=")),
        ("{absent, data.order.none, tenant}", Ok("t7")),
        // FIPS 180-4, of the payload.
        ("{$digest}", Ok("77")),
        ("{message.topic}/{message.partition}/{message.offset}", Ok("orders/3/12")),
        ("{message.key} at {message.timestamp}", Ok("k 1 at 1970-01-01T00:00:01Z")),
        ("{header.x-tenant}", Ok("t8")),
        ("{absent}", Err("`absent` is not there")),
        ("{data.order.x, header.x-y}", Err("`data.order.x` or the header `x-y` is not there")),
        ("{data.order.none}", Err("`data.order.none` is not there")),
        ("{data.order.empty}", Err("`data.order.empty` is not there")),
        ("{data.order}", Err("`data.order` is an object, which has no text")),
        ("{data.order.lines?}", Err("`data.order.lines` is an array, which has no text")),
        ("{header.x-bytes}", Err("the header `x-bytes` is no text")),
        ("{header.x-nothing}", Err("the header `x-nothing` is not there")),
        ("{header.ce-type}", Err("the header `ce-type` is not there")),
        ("{message.peer}", Err("`message.peer` is not there")),
    ] {
        let found = set("other", template).unwrap().apply_to(&event(), &received());
        match (found, wanted) {
            (Ok(Some(found)), Ok("77")) => assert_eq!(attribute(&found, "other"), SHA),
            (Ok(Some(found)), Ok(wanted)) => {
                assert_eq!(attribute(&found, "other"), wanted, "{template}");
                assert_eq!(found.into_builder().without("other").build().unwrap(), event());
            }
            (Err(error), Err(wanted)) => {
                assert_eq!((error.kind(), error.attribute()), (ErrorKind::Refused, Some("other")));
                assert_eq!(error.detail(), format!("a rule sets it, and {wanted}"), "{template}");
            }
            (found, _) => panic!("{template}: {found:?}"),
        }
    }
}

/// `printf '%s' "$DATA" | sha256sum` of coreutils.
const SHA: &str = "187009a3e29346797d9696bdff1cff5b9a15e119e8b9814df9d227fb471efc18";

#[test]
fn an_optional_place_leaves_the_attribute_as_it_is() {
    for template in ["{data.order.x?}", "{message.topic?}", "a-{absent, header.x?}"] {
        let rules = set("subject", template).unwrap();
        assert_eq!(rules.apply(&event()).unwrap(), None, "{template}");
    }
}

#[test]
fn a_payload_that_is_not_json_has_no_places() {
    let rules = set("other", "{data.a?}").unwrap();
    let without = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    assert_eq!(rules.apply(&without).unwrap(), None);
    for (content_type, payload) in [
        ("text/plain", Payload::text(r#"{"a":1}"#)),
        ("application/json", Payload::body("{")),
        ("application/octet-stream", Payload::body(r#"{"a":1}"#)),
    ] {
        let event = without.clone().into_builder().payload(content_type, payload).build().unwrap();
        // An optional place leaves such events alone.
        assert_eq!(rules.apply(&event).unwrap(), None);
        let error = set("other", "{data.a}").unwrap().apply(&event).unwrap_err();
        assert_eq!(error.detail(), "a rule sets it, and `data.a` is not there");
    }
    // As in `data_base64`.
    let bytes =
        without.clone().into_builder().payload("application/json", Payload::binary(&br#"{"a":1}"#[..]));
    let changed = rules.apply(&bytes.build().unwrap()).unwrap().unwrap();
    assert!(changed.attributes().any(|(_, value)| value.to_canonical() == "1"));
    let scalar = without.into_builder().payload("application/json", Payload::body(" 7 ")).build().unwrap();
    let changed = set("other", "{data}").unwrap().apply(&scalar).unwrap().unwrap();
    assert_eq!((attribute(&changed, "other").as_str(), data(&changed)), ("7", " 7 "));
}

/// The types and the rules of context attributes are those of the specification.
#[test]
fn values_are_valid_for_their_attributes() {
    for (name, value, wanted) in [
        ("id", "x", None),
        ("id", "", Some(ErrorKind::EmptyAttribute)),
        ("source", "/other", None),
        ("source", "a b", Some(ErrorKind::InvalidUriReference)),
        ("type", "com.example", None),
        ("specversion", "2.0", Some(ErrorKind::UnsupportedSpecversion)),
        ("specversion", "1.0", None),
        ("subject", "a", None),
        ("time", "2026-05-17T12:00:00Z", None),
        ("time", "yesterday", Some(ErrorKind::InvalidTimestamp)),
        ("dataschema", "http://x/y", None),
        ("dataschema", "relative", Some(ErrorKind::InvalidUri)),
        ("datacontenttype", "text/plain", None),
        ("datacontenttype", "none", Some(ErrorKind::InvalidMediaType)),
        ("other", "a\u{1}b", Some(ErrorKind::InvalidString)),
    ] {
        match (set(name, value).and_then(|rules| rules.apply(&event())), wanted) {
            (Ok(changed), None) => {
                let changed = changed.unwrap_or_else(event);
                assert_eq!((attribute(&changed, name).as_str(), data(&changed)), (value, DATA));
            }
            (Err(error), Some(wanted)) => {
                assert_eq!((error.kind(), error.attribute()), (wanted, Some(name)), "{error}");
            }
            (found, _) => panic!("{name}={value}: {found:?}"),
        }
    }
    let old = Event::builder().id("1").source("/s").ty("t").specversion(SpecVersion::V03).build().unwrap();
    let changed = set("schemaurl", "x").unwrap().apply(&old).unwrap().unwrap();
    assert_eq!(attribute(&changed, "schemaurl"), "x");
}

#[test]
fn a_new_name_keeps_value_and_type() {
    let rename = |from: &str, to: &str| AttributeRules::new().rename(from, to).unwrap().apply(&event());
    let changed = rename("priority", "urgency").unwrap().unwrap();
    assert_eq!(
        (changed.attribute("priority"), changed.attribute("urgency")),
        (None, Some(Value::Integer(3)))
    );
    let changed = rename("time", "madeat").unwrap().unwrap();
    assert!(changed.time().is_none() && matches!(changed.attribute("madeat"), Some(Value::Timestamp(_))));
    let error = rename("tenant", "dataschema").unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidUri, Some("dataschema")));
    assert_eq!(rename("absent", "subject").unwrap(), None);
    let error = rename("tenant", "subject").unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::Refused, Some("subject")));
    assert_eq!(error.detail(), "`tenant` is renamed to it, and the event has both");
}

#[test]
fn computed_values_have_their_types() {
    let three = || Ok(Some(ValueBuf::from(Value::Integer(3))));
    let compute = |name: &str| AttributeRules::new().set_by(name, move |_| three()).unwrap().apply(&event());
    assert_eq!(compute("priority").unwrap(), None, "it is there");
    assert_eq!(compute("tenant").unwrap().unwrap().attribute("tenant").unwrap(), 3);
    assert_eq!(compute("subject").unwrap().unwrap().subject(), Some("3"));
    assert_eq!(compute("time").unwrap_err().kind(), ErrorKind::InvalidTimestamp);
    // A template says nothing about the type.
    assert_eq!(set("priority", "3").unwrap().apply(&event()).unwrap(), None);
    let nothing = AttributeRules::new().set_by("tenant", |_| Ok(None)).unwrap();
    assert_eq!(nothing.apply(&event()).unwrap(), None);
    let failing = AttributeRules::new().set_by("tenant", |_| Err(Error::new(ErrorKind::Refused))).unwrap();
    assert_eq!(failing.apply(&event()).unwrap_err().attribute(), Some("tenant"));
    assert!(nothing.set_by("tenant", |_| Ok(None)).is_err());
}

/// All rules read the event as it came, and all mistakes are reported.
#[test]
fn rules_together() {
    let rules = set("subject", "{tenant}").unwrap().set("note", "{subject}").unwrap();
    let rules =
        rules.rename("tenant", "customer").unwrap().remove("secret").unwrap().remove("absent").unwrap();
    let changed = rules.apply(&event()).unwrap().unwrap();
    let wanted = event().into_builder().subject("t7").extension("note", "old").extension("customer", "t7");
    assert_eq!(changed, wanted.without("tenant").without("secret").build().unwrap());
    let wrong =
        set("other", "{a}").unwrap().set("third", "{b}").unwrap().rename("tenant", "priority").unwrap();
    let error = wrong.apply(&event()).unwrap_err();
    let others: Vec<_> = error.others().iter().filter_map(Error::attribute).collect();
    assert_eq!((error.attribute(), others), (Some("other"), vec!["third", "priority"]));
    assert_eq!(AttributeRules::new().apply(&event()).unwrap(), None);
    assert!(AttributeRules::new().is_empty() && !rules.is_empty());
}

/// A rule that cannot work is found before the first event.
#[test]
fn mistakes_in_rules() {
    let new = AttributeRules::new;
    let [name, twice, form] =
        [ErrorKind::InvalidName, ErrorKind::DuplicateAttribute, ErrorKind::InvalidDocument];
    for (rules, kind, words) in [
        (set("x-tenant", "a"), name, "headers are no attributes"),
        (set("Tenant", "a"), name, "use lower-case"),
        (set("data", "a"), name, "names the payload"),
        (set("a", "{b"), form, "without its end"),
        (set("a", "{b|c}"), form, "`{a, b}`"),
        (set("a", "{X}"), form, "`X`"),
        (set("a", "{message.attempt}"), form, "key, offset, partition, peer, timestamp, topic"),
        (set("a", "{metadata.b}"), form, "`metadata.b`"),
        (set("a", "{$.b}"), form, "the payload is `data`"),
        // A text without places is the same for all events.
        (set("time", "hello"), ErrorKind::InvalidTimestamp, "`time`"),
        (set("specversion", "2.0"), ErrorKind::UnsupportedSpecversion, "`specversion`"),
        (set("source", "a b"), ErrorKind::InvalidUriReference, "`source`"),
        (set("a", "b").and_then(|rules| rules.set("a", "c")), twice, "two rules"),
        (set("a", "b").and_then(|rules| rules.remove("a")), twice, "two rules"),
        (new().rename("a", "b").and_then(|rules| rules.rename("b", "c")), twice, "two rules"),
        (new().rename("a", "b").and_then(|rules| rules.remove("b")), twice, "two rules"),
        (new().rename("a", "a"), twice, "itself"),
        (new().rename("ce_tenant", "tenant"), name, "have no prefix"),
        (new().rename("tenant", "id"), ErrorKind::Refused, "cannot be renamed"),
        (new().rename("type", "kind"), ErrorKind::Refused, "cannot be renamed"),
        (new().rename("time", "subject"), ErrorKind::InvalidType, "`time` is of another type"),
        (new().rename("dataschema", "time"), ErrorKind::InvalidType, "`dataschema` is of another type"),
        (new().remove("source"), ErrorKind::Refused, "cannot be removed"),
        (new().remove("specversion"), ErrorKind::Refused, "cannot be removed"),
    ] {
        let error = rules.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(format!("{error:#}").contains(words), "{words}: {error:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn over_a_bridge() {
    let (from, to, letters) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    let bare = Event::builder().id("2").source("/s").ty("t").build().unwrap();
    for (event, tenant) in [(event(), "t9"), (bare.clone(), "t9")] {
        from.sender().send(Outgoing::from(event).header("x-tenant", tenant)).await.unwrap();
    }
    let rules = set("subject", "{data.order.id}").unwrap().set("tenantid", "{header.x-tenant}").unwrap();
    let rules = rules.rename("tenant", "customer").unwrap().remove("secret").unwrap();
    let mut policy = BridgePolicy::default();
    policy.change = Some(Arc::new(move |event, received| rules.apply_to(event, received)));
    policy.key = KeyRule::From("{customer}".parse().unwrap());
    policy.dead_letters = Some(letters.sender());
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    bridge.run().until(tokio::time::sleep(Duration::from_secs(60))).await.unwrap();
    let arrived = to.receiver(DecodeOptions::strict()).next().await.unwrap().unwrap();
    let changed = arrived.event().unwrap();
    let wanted =
        event().into_builder().subject("4.20").extension("tenantid", "t9").extension("customer", "t7");
    assert_eq!(changed, wanted.without("tenant").without("secret").build().unwrap());
    assert_eq!((data(&changed), &*arrived.key().unwrap()), (DATA, &b"t7"[..]));
    let letter = letters.receiver(DecodeOptions::strict()).next().await.unwrap().unwrap();
    assert_eq!(letter.event().unwrap(), bare);
    assert_eq!(
        letter.header_text("dead-letter-reason").unwrap(),
        "attribute `subject` was refused: a rule sets it, and `data.order.id` is not there [refused]"
    );
}

proptest! {
    /// A set of rules that rename and remove does no more when it is applied again, and payloads stay.
    #[test]
    fn applied_twice_is_applied_once(
        event in any::event(),
        renames in prop::collection::btree_map("[ab][a-c]?|subject", "[de][a-c]?|time", 0..4),
        removals in prop::collection::vec("[ab][a-c]?|[xy]|subject|time|datacontenttype", 0..4),
        extensions in prop::collection::btree_map("[abdexy][a-c]?", "[a-z]{1,3}", 0..6),
    ) {
        let mut rules = AttributeRules::new();
        for (from, to) in &renames {
            rules = rules.clone().rename(from, to).unwrap_or(rules);
        }
        for name in &removals {
            rules = rules.clone().remove(name).unwrap_or(rules);
        }
        let event = extensions.iter().fold(event.into_builder(), |event, (name, value)| event.extension(name, value));
        let event = event.build().unwrap();
        if let Ok(Some(once)) = rules.apply(&event) {
            prop_assert_eq!(rules.apply(&once).unwrap(), None);
            prop_assert_eq!(once.data_bytes(), event.data_bytes());
            prop_assert_eq!((once.id(), once.source()), (event.id(), event.source()));
        }
    }
}
