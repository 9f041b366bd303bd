//! Documents that are none, and those that are too much.

use cloudevents_adapters::{Adapter, Headers, adapters, find, recognize};
use cloudevents_core::{DecodeOptions, ErrorKind};
use proptest::prelude::*;

const WITH: &str = r#"{"version":"0","id":"1","detail-type":"t","source":"s","account":"1","detail":{}}"#;

#[test]
fn what_is_none_of_the_system() {
    let bridge = find("aws-eventbridge").unwrap();
    for document in [
        &b""[..],
        b"{",
        b"{}",
        b"null",
        b"[]",
        b"\xff",
        b"[{}]",
        br#"{"detail-type":null,"detail":1,"source":"s"}"#,
    ] {
        assert!(recognize(document).is_none(), "{}", document.escape_ascii());
        let events = bridge.events(&[], &document.to_vec().into(), &DecodeOptions::strict());
        let all_fail = events.iter().all(|event| event.is_err());
        assert!(all_fail, "{}", document.escape_ascii());
    }
    let behind = format!("{WITH} {WITH}");
    let events = bridge.events(&[], &behind.into(), &DecodeOptions::strict());
    assert_eq!((events.len(), events[0].is_err()), (1, true));
    // What is an event is no notification, whatever else it has.
    for version in ["1.0", "0.3"] {
        let event = WITH.replacen('{', &format!(r#"{{"specversion":"{version}","#), 1);
        assert!(recognize(event.as_bytes()).is_none(), "{event}");
    }
}

/// <https://docs.github.com/webhooks/using-webhooks/creating-webhooks>: the content type of a webhook may be that of a form.
/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers>
#[test]
fn a_webhook_without_its_header_names_the_header() {
    let of = |name: &str, headers: Headers<'_>| {
        let events = find(name).unwrap().events(headers, &"{\"ref\":\"r\"}".into(), &DecodeOptions::strict());
        let error = events.into_iter().next().unwrap().unwrap_err();
        error.help().unwrap_or_default().contains("the header `x-github-event`")
    };
    assert!(of("github", &[]) && of("github", &[("x-gitea-event", "push")]));
    // It is recognised by its members, too.
    assert!(!of("gitlab", &[]));
}

#[test]
fn a_form_is_named() {
    let github = find("github").unwrap();
    let form = "payload=%7B%22zen%22%3A%22x%22%7D";
    let headers = &[("X-GitHub-Event", "ping"), ("Content-Type", "application/x-www-form-urlencoded")][..];
    for (headers, body) in [(headers, form), (&headers[..1], form), (headers, "a=b")] {
        let error = github.events(headers, &body.into(), &DecodeOptions::strict()).remove(0).unwrap_err();
        assert!(error.help().unwrap().contains("`application/json`"), "{error:#}");
    }
    let error = github.unread_message(headers, form.as_bytes(), "how");
    assert!(error.detail().contains("its body is a form") && !error.detail().contains("how"), "{error}");
    let error = github.events(&[], &"x=%7B".into(), &DecodeOptions::strict()).remove(0).unwrap_err();
    assert!(!error.help().unwrap_or_default().contains("form"), "{error:#}");
}

/// <https://docs.github.com/webhooks/webhook-events-and-payloads>: `repository` is an object, and a delivery has each header once.
#[test]
fn a_webhook_of_another_form_is_an_error() {
    let github = find("github").unwrap();
    let of = |headers: &[(&str, &str)], repository: &str| {
        let body = format!(r#"{{"ref":"r","repository":{repository}}}"#);
        github.events(headers, &body.into(), &DecodeOptions::strict()).remove(0)
    };
    let object = r#"{"url":"https://github.com/o/r"}"#;
    let headers = [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "d0")];
    assert_eq!(of(&headers, object).unwrap().value.source().as_str(), "https://github.com/o/r");
    let error = of(&headers, &format!("[{object}]")).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidData, Some("source")));
    assert_eq!(
        error.detail(),
        "`repository.url` cannot be there: `repository` is an array, and not an object"
    );
    for (name, value) in [("x-github-event", "issues"), ("x-github-delivery", "d1")] {
        let twice = [headers[0], headers[1], (name, value)];
        let error = of(&twice, object).unwrap_err();
        assert_eq!(error.detail(), format!("the header `{name}` is there twice, with different values"));
    }
}

#[test]
fn an_event_must_be_valid() {
    let bridge = find("aws-eventbridge").unwrap();
    let read = |document: String| {
        let mut events = bridge.events(&[], &document.into(), &DecodeOptions::strict());
        events.remove(0).map(|decoded| decoded.value).unwrap_err().kind()
    };
    assert_eq!(read(WITH.replace(r#""s""#, r#""not a reference""#)), ErrorKind::InvalidUriReference);
    assert_eq!(read(WITH.replace(r#""t""#, r#""a\u0000""#)), ErrorKind::InvalidString);
    assert_eq!(read(WITH.replace(r#""id":"1""#, r#""id":"""#)), ErrorKind::InvalidData);
}

#[test]
fn a_document_is_bounded() {
    let records = format!(r#"{{"Records":[{}]}}"#, vec![r#"{"eventSource":"aws:s3","s3":1}"#; 100].join(","));
    let s3 = find("aws-s3").unwrap();
    let mut with = DecodeOptions::strict();
    with.limits.batch = 99;
    let mut events = s3.events(&[], &records.clone().into(), &with);
    assert_eq!((events.len(), events.remove(0).unwrap_err().kind()), (1, ErrorKind::TooMany));
    with.limits.batch = 100;
    assert_eq!(s3.events(&[], &records.clone().into(), &with).len(), 100);
    with.limits.bytes = 1000;
    assert_eq!(s3.events(&[], &records.into(), &with).remove(0).unwrap_err().kind(), ErrorKind::TooLarge);
    // However deep it is.
    let deep = format!(r#"{{"a":{}}}"#, "[".repeat(1 << 16));
    assert!(recognize(deep.as_bytes()).is_none());
    let deep = WITH.replace("{}", &format!("{}{}", "[".repeat(1 << 16), "]".repeat(1 << 16)));
    assert!(recognize(deep.as_bytes()).is_some());
    let events = find("aws-eventbridge").unwrap().events(&[], &deep.into(), &DecodeOptions::strict());
    assert_eq!(events.len(), 1);
}

#[test]
fn a_mapping_that_is_wrong() {
    let of = |mapping: &str| {
        format!(
            r#"{{"name":"n","what":"w","reference":"r",
"mappings":[{mapping}]}}"#
        )
    };
    let right = r#"{"where":{"a":"*"},"id":"{a}","source":"/s","type":"t"}"#;
    assert!(Adapter::parse(&of(right)).is_ok());
    for (wrong, at, words) in [
        ("{}", "}", "missing field `where`"),
        (r#"{"where":{},"id":"{","type":"t"}"#, r#""{""#, "a brace without its end"),
        (r#"{"where":{},"idd":"x"}"#, r#""idd""#, "unknown field `idd`"),
        (r#"{"where":{"a":1}}"#, "1", "expected a string"),
        (r#"{"where":{},"id":"1","type":"t"}"#, "}", "a mapping has no `source`"),
        (r#"{"where":{},"help":"h","extensions":{"a_b":"x"}}"#, "}", "a_b"),
        (
            r#"{"where":{"header.x":null},"help":"h"}"#,
            "}",
            "`header.x` is a header, which is never null; `.header.x`",
        ),
        (r#"{"where":{"$header.x":null},"help":"h"}"#, "}", "`.header.x` is a place of the document"),
    ] {
        for text in [of(wrong), of(&format!("{wrong},{right}"))] {
            let error = Adapter::parse(&text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{wrong}");
            assert!(error.detail().contains(words) && !error.detail().contains(" at line"), "{error}");
            let offset = usize::try_from(error.offset().unwrap()).unwrap();
            assert!(text[offset..].starts_with(at), "{error}: {}", &text[offset..]);
        }
    }
    assert!(Adapter::parse(&of("")).unwrap_err().detail().contains("there is no mapping"));
    // One, or a list; a name once.
    let one = of(right);
    assert_eq!(Adapter::parse_all(&one).unwrap().len(), 1);
    assert_eq!(Adapter::parse_all(&format!("[{one},{}]", one.replace(r#""n""#, r#""m""#))).unwrap().len(), 2);
    let error = Adapter::parse_all(&format!("[{one},{one}]")).unwrap_err();
    assert_eq!(
        (error.kind(), error.detail()),
        (ErrorKind::InvalidDocument, "two adapters have the name `n`")
    );
    for none in ["", "1", "{", "[", "[1]", "null", "[{}]"] {
        assert_eq!(Adapter::parse_all(none).unwrap_err().kind(), ErrorKind::InvalidDocument, "{none}");
    }
    assert_eq!(Adapter::parse_all(" [] ").unwrap().len(), 0);
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just(r#""1.0""#.to_owned()),
        Just(r#""aws:s3""#.to_owned()),
        Just(r#""Notification""#.to_owned()),
        "[0-9]{1,3}",
        r#""[ -!#-\[\]-~é]{0,6}""#,
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let name = "Records|s3|eventSource|Type|TopicArn|MessageId|Message|message|messageId|subscription|attributes|data|ce-specversion|entries|entryId|event|[a-z]";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec((name, inner), 0..5).prop_map(|all| {
                let all: Vec<_> = all.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
                format!("{{{}}}", all.join(","))
            }),
        ]
    })
}

proptest! {
    /// Nothing panics, and each event can be written.
    #[test]
    fn any_document(document in json(), cut in 0_usize..200) {
        let cut = document.get(..cut.min(document.len())).unwrap_or(&document).to_owned();
        for document in [document, cut] {
            let document = bytes::Bytes::from(document);
            for adapter in adapters() {
                let events = adapter.events(&[("x-gitlab-event-uuid", "7")], &document, &DecodeOptions::strict());
                prop_assert!(!events.is_empty() || adapter.fits(&document) || document.starts_with(b"["));
                for event in events.into_iter().flatten() {
                    let mut written = Vec::new();
                    let _ = cloudevents_core::Format::encode(&cloudevents_json::Json::new(), &event.value, &mut written)?;
                }
            }
        }
    }
}
