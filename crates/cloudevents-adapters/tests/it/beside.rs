//! The parts of envelopes beside the events in them: none of them is lost in silence.

use crate::tools::{all, attribute, named, one};
use cloudevents_adapters::{Adapter, Adapters};
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Value};

fn extensions(event: &Event) -> Vec<(String, String)> {
    let all = event.extensions();
    all.map(|(name, value)| (name.as_str().to_owned(), value.to_canonical().into_owned())).collect()
}

fn pairs<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// <https://cloud.google.com/pubsub/docs/push>, and `orderingKey` of
/// <https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage>.
#[test]
fn a_push_of_pubsub() {
    let push = |attributes: &str, data: &str| {
        format!(
            r#"{{"message":{{"attributes":{{{attributes}}},"data":"{data}","messageId":"1","orderingKey":"customer-7"}},
            "subscription":"projects/p/subscriptions/s"}}"#
        )
    };
    let binary =
        r#""ce-specversion":"1.0","ce-id":"g1","ce-source":"/s","ce-type":"t","Region":"eu","my_key":"x""#;
    let event = one("google-pubsub-push", &[], &push(binary, ""));
    assert_eq!(named(&event), ["g1", "/s", "t", ""]);
    assert_eq!(extensions(&event), pairs([("partitionkey", "customer-7"), ("region", "eu")]));
    // The attribute of the event comes first.
    let own = format!(r#"{binary},"ce-partitionkey":"own","ce-region":"us""#);
    let event = one("google-pubsub-push", &[], &push(&own, ""));
    assert_eq!(extensions(&event), pairs([("partitionkey", "own"), ("region", "us")]));
    let structured = base64_simd::STANDARD
        .encode_to_string(r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","region":"us"}"#);
    let media_type = r#""content-type":"application/cloudevents+json","tenant":"t7""#;
    let event = one("google-pubsub-push", &[], &push(media_type, &structured));
    let wanted = pairs([("partitionkey", "customer-7"), ("region", "us"), ("tenant", "t7")]);
    assert_eq!((named(&event), extensions(&event)), (["7", "/s", "t", ""], wanted));
    // A message that is no event is the payload, with its attributes.
    let event = one("google-pubsub-push", &[], &push(r#""tenant":"t7""#, "SGVsbG8="));
    assert_eq!(extensions(&event), pairs([("partitionkey", "customer-7")]));
}

/// <https://cloud.google.com/pubsub/docs/publisher#using-attributes>: keys of publishers do not begin with `goog`. A topic with a schema
/// adds `googclient_schemaencoding`: <https://cloud.google.com/pubsub/docs/schemas>.
#[test]
fn attributes_of_pubsub_itself_are_no_part_of_the_message() {
    let push = r#"{"message":{"attributes":{"ce-specversion":"1.0","ce-id":"g1","ce-source":"/s","ce-type":"t","n":7,"flag":true,
        "googclient_schemaencoding":"JSON","googclient_schemaname":"projects/p/schemas/s"},"messageId":"1"},"subscription":"s"}"#;
    let of = |push: &str| {
        let events = Adapters::known().exact().events(&[], &push.to_owned().into(), &DecodeOptions::strict());
        events.unwrap().remove(0).map(|decoded| decoded.value)
    };
    let event = of(push).unwrap();
    assert_eq!(extensions(&event), pairs([("flag", "true"), ("n", "7")]));
    assert_eq!(event.attribute("n"), Some(Value::Integer(7)));
    assert_eq!(event.attribute("flag"), Some(Value::Boolean(true)));
    let error = of(&push.replace("googclient_schemaname", "my_schema")).unwrap_err();
    assert!(error.detail().contains("`message.attributes.my_schema`"), "{error:#}");
}

/// <https://github.com/cloudevents/spec/tree/main/cloudevents/formats> has the media types.
#[test]
fn a_push_with_an_event_in_another_format_is_named() {
    for media_type in [
        "application/cloudevents+xml",
        "application/cloudevents+protobuf; charset=utf-8",
        "application/cloudevents+avro",
        "application/cloudevents+cbor",
        "application/cloudevents-batch+json",
    ] {
        let push = format!(
            r#"{{"message":{{"data":"PGV2ZW50Lz4=","messageId":"1","attributes":{{"content-type":"{media_type}"}}}},
            "subscription":"projects/p/subscriptions/s"}}"#
        );
        let error = all("google-pubsub-push", &[], &push).remove(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent, "{error:#}");
        assert!(error.help().unwrap().contains(&format!("`{media_type}`")), "{error:#}");
    }
}

/// The content type of an array of events does not decide whether it is read.
#[test]
fn a_marked_batch_is_read_as_the_same_array_without_a_mark() {
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    let data = base64_simd::STANDARD.encode_to_string(format!("[{event},{event}]"));
    let mut read = Vec::new();
    for attributes in [
        r#"{"tenant":"t7"}"#,
        r#"{"tenant":"t7","content-type":"application/cloudevents-batch+json","ce-id":"1"}"#,
    ] {
        let message = format!(r#"{{"data":"{data}","messageId":"1","attributes":{attributes}}}"#);
        for document in [
            format!(r#"{{"message":{message},"subscription":"projects/p/subscriptions/s"}}"#),
            format!(r#"[{{"ackId":"a","message":{message}}}]"#),
        ] {
            let events = Adapters::known().events(&[], &document.into(), &DecodeOptions::strict()).unwrap();
            read.push(events.into_iter().map(|event| event.unwrap().value).collect::<Vec<_>>());
        }
    }
    assert_eq!((read[0].len(), attribute(&read[0][0], "tenant")), (2, "t7".to_owned()));
    assert!(read.iter().all(|events| *events == read[0]), "{read:?}");
}

#[test]
fn adapters_that_are_exact_refuse_parts_that_are_not_carried() {
    let sns = |message: &str, attribute: &str| {
        let message = serde_json::json!(message);
        format!(
            r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":{message},
            "MessageAttributes":{{"{attribute}":{{"Type":"String","Value":"v"}}}}}}"#
        )
    };
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    let adapters = Adapters::known().exact();
    for message in [event, r#"{"specversion":"0.2","id":"7","source":"/s","type":"t"}"#] {
        for adapters in [adapters.clone(), adapters.only("aws-sns").unwrap()] {
            let of = |attribute: &str| {
                let document = sns(message, attribute).into();
                adapters.events(&[], &document, &DecodeOptions::strict()).unwrap().remove(0)
            };
            // `only` has no adapter for the version of the document within the message.
            if message != event && adapters.find("cloudevents-0.2").is_none() {
                assert_eq!(of("tenant").unwrap_err().kind(), ErrorKind::UnsupportedSpecversion);
                continue;
            }
            assert!(of("tenant").is_ok(), "{message}");
            let error = of("my_key").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Inexact, "{message}");
            assert!(error.detail().contains("`MessageAttributes.my_key`"), "{error:#}");
        }
    }
    let document: bytes::Bytes = sns(event, "my_key").into();
    let by = |adapters: Adapters| adapters.events_by("aws-sns", &[], &document, &DecodeOptions::strict());
    assert_eq!(by(adapters).unwrap().remove(0).unwrap_err().kind(), ErrorKind::Inexact);
    assert!(by(Adapters::known()).unwrap().remove(0).is_ok());
}

/// S3 writes one `Subject` on each of its notifications. AWS does not document it. Recorded messages of many accounts have it.
#[test]
fn a_subject_that_says_nothing_new_is_no_loss() {
    let sns = |subject: &str, message: &str| {
        let (subject, message) = (serde_json::json!(subject), serde_json::json!(message));
        format!(
            r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Subject":{subject},"Message":{message}}}"#
        )
    };
    let record = |key: &str| {
        format!(
            r#"{{"eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
            "responseElements":{{"x-amz-request-id":"C3","x-amz-id-2":"a"}},"s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}"}}}}}}"#
        )
    };
    let s3 = format!(r#"{{"Records":[{},{}]}}"#, record("k"), record("l"));
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","subject":"S"}"#;
    let of = |subject: &str, message: &str| {
        let document = sns(subject, message).into();
        let events = Adapters::known().exact().events(&[], &document, &DecodeOptions::strict()).unwrap();
        events.into_iter().map(|event| event.map(|decoded| decoded.value)).collect::<Result<Vec<_>, _>>()
    };
    for (subject, message, count) in
        [("Amazon S3 Notification", s3.as_str(), 2), ("", s3.as_str(), 2), ("S", event, 1), ("", event, 1)]
    {
        assert_eq!(of(subject, message).unwrap().len(), count, "{subject} {message}");
    }
    // Of two events, one has another subject.
    for (subject, message) in
        [("k", s3.as_str()), ("Amazon S3 Notifications", s3.as_str()), ("Amazon S3 Notification", event)]
    {
        let error = of(subject, message).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inexact, "{subject}");
        // Responses and lines of a bridge have the detail alone.
        let words = ["not carried: `Subject`", "`--losses log`", "a map"];
        assert!(words.iter().all(|words| error.detail().contains(words)), "{error:#}");
        // A bridge has no such flag.
        assert!(!format!("{error:#}").contains("--exact"), "{error:#}");
    }
}

/// The document in an envelope may imply each part that is named otherwise, also of envelopes around its own.
#[test]
fn a_part_that_the_document_implies_is_no_loss() {
    let map = |implies: &str| {
        format!(
            r#"{{"name":"order","what":"w","reference":"r","mappings":[{{"where":{{"order":"*"}},"implies":{{{implies}}},
            "id":"{{order}}","source":"/o","type":"o"}}]}}"#
        )
    };
    let push = |attribute: &str| {
        format!(
            r#"{{"message":{{"data":"eyJvcmRlciI6N30=","attributes":{{{attribute},"tenant":"t7"}},"messageId":"1"}},
            "subscription":"projects/p/subscriptions/s"}}"#
        )
    };
    let of = |implies: &str, document: &str| {
        let adapters = Adapters::known().with(Adapter::parse_all(&map(implies)).unwrap()).exact();
        let document = document.to_owned().into();
        let events = adapters.events(&[], &document, &DecodeOptions::strict()).unwrap();
        events.into_iter().next().unwrap().map(|decoded| extensions(&decoded.value))
    };
    let named = push(r#""my_key":"x""#);
    for implies in [r#""message.attributes.my_key":"*""#, r#""message.attributes.my_key":"x""#] {
        assert_eq!(of(implies, &named).unwrap(), pairs([("tenant", "t7")]), "{implies}");
    }
    for implies in ["", r#""message.attributes.my_key":"y""#, r#""my_key":"*""#] {
        assert_eq!(of(implies, &named).unwrap_err().kind(), ErrorKind::Inexact, "{implies}");
    }
    // A part that an extension has is carried.
    let both = pairs([("region", "eu"), ("tenant", "t7")]);
    assert_eq!(of(r#""message.attributes.region":"*""#, &push(r#""region":"eu""#)).unwrap(), both);
    let sns = |message: &str| {
        let message = serde_json::json!(message);
        format!(
            r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Subject":"S","Message":{message}}}"#
        )
    };
    let inner = sns(r#"{"order":7}"#);
    assert!(of(r#""Subject":"S""#, &sns(&inner)).is_ok());
    assert_eq!(of(r#""Subject":"T""#, &sns(&inner)).unwrap_err().kind(), ErrorKind::Inexact);
}

/// A map like that of `docs/adapters.md` leaves the `Subject` out, and nothing else.
#[test]
fn a_map_agrees_to_one_part() {
    let map = r#"{"name":"sns-without-subject","what":"w","reference":"r","mappings":[{"where":{"Type":"Notification","TopicArn":"*"},
        "unwrap":[{"at":"Message","documents":true,"beside":{"spread":"MessageAttributes","unsigned":true,"typed":true}}],
        "id":"{MessageId}","source":"{TopicArn}","type":"com.amazonaws.sns.Notification","subject":"{Subject?}"}]}"#;
    let adapters = Adapters::known().with(Adapter::parse_all(map).unwrap()).exact();
    let of = |members: &str, message: &str| {
        let message = serde_json::json!(message);
        let document = format!(
            r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":{message}{members}}}"#
        );
        let events = adapters.events(&[], &document.into(), &DecodeOptions::strict()).unwrap();
        events.into_iter().next().unwrap().map(|decoded| decoded.value)
    };
    let subject = r#","Subject":"S""#;
    for (message, id) in [
        (r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#, "7"),
        (r#"{"specversion":"0.2","id":"8","source":"/s","type":"t"}"#, "8"),
        ("Hello", "1"),
    ] {
        assert_eq!(of(subject, message).unwrap().id(), id);
    }
    let attributes =
        |name: &str| format!(r#"{subject},"MessageAttributes":{{"{name}":{{"Type":"String","Value":"v"}}}}"#);
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    assert_eq!(extensions(&of(&attributes("tenant"), event).unwrap()), pairs([("tenant", "v")]));
    let error = of(&attributes("my_key"), event).unwrap_err();
    assert!(error.detail().contains("not carried: `MessageAttributes.my_key`"), "{error:#}");
}

/// No extension can have such a part, and the envelope is not kept.
#[test]
fn a_part_of_another_form_is_an_error() {
    let push = |members: &str| {
        let data = base64_simd::STANDARD
            .encode_to_string(r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#);
        format!(
            r#"{{"message":{{"data":"{data}","messageId":"1",{members}}},"subscription":"projects/p/subscriptions/s"}}"#
        )
    };
    let sns = |attributes: &str| {
        let message = r#"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/s\",\"type\":\"t\"}"#;
        format!(
            r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":"{message}","MessageAttributes":{attributes}}}"#
        )
    };
    for (name, document, detail) in [
        (
            "google-pubsub-push",
            push(r#""orderingKey":{"a":1}"#),
            "`message.orderingKey` is an object, which has no text",
        ),
        ("google-pubsub-push", push(r#""attributes":["x"]"#), "`message.attributes` is no object"),
        ("aws-sns", sns(r#"["x"]"#), "`MessageAttributes` is no object"),
        ("aws-sns", sns(r#""x""#), "`MessageAttributes` is no object"),
        ("aws-sns", sns(r#"{"a":null,"a":null}"#), "`MessageAttributes.a` is there twice"),
        (
            "aws-sns",
            sns(r#"{"k":{"Type":"String","Value":"1","Value":"2"}}"#),
            "`MessageAttributes.k.Value` is there twice",
        ),
        (
            "aws-sns",
            sns(r#"{"k":{"Type":"String","Type":"Binary","Value":"aGk="}}"#),
            "`MessageAttributes.k.Type` is there twice",
        ),
    ] {
        let error = all(name, &[], &document).remove(0).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidData, detail), "{error:#}");
    }
    assert_eq!(named(&one("aws-sns", &[], &sns("null"))), ["7", "/s", "t", ""]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
#[test]
fn a_notification_of_sns() {
    let sns = |message: &str| {
        let message = serde_json::json!(message);
        format!(
            r#"{{"Type":"Notification","MessageId":"22b80b92","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":{message},
            "MessageAttributes":{{"tenant":{{"Type":"String","Value":"t7"}},"size":{{"Type":"Number","Value":"12"}},
            "ce-type":{{"Type":"String","Value":"t"}}}}}}"#
        )
    };
    let wanted = pairs([("size", "12"), ("tenant", "t7")]);
    let event = one("aws-sns", &[], &sns(r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#));
    assert_eq!((named(&event), extensions(&event)), (["7", "/s", "t", ""], wanted.clone()));
    // SNS does not sign them: behind a check of the signature, they get into no event.
    let signed = |document: String| {
        let with = DecodeOptions::strict();
        let message = Adapters::known().signed_message_of(&document.into(), &with).unwrap().unwrap().value;
        message.events(&with).unwrap().value
    };
    let events = signed(sns(r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#));
    assert_eq!((named(&events[0]), extensions(&events[0])), (["7", "/s", "t", ""], vec![]));
    // The events of a document of another system get them, too.
    let record = r#"{"eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
        "responseElements":{"x-amz-request-id":"C3","x-amz-id-2":"a"},"s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}"#;
    let document = sns(&format!(r#"{{"Records":[{record},{record}]}}"#));
    let events = Adapters::known().events(&[], &document.clone().into(), &DecodeOptions::strict()).unwrap();
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(extensions(&event.unwrap().value), wanted);
    }
    let events = signed(document);
    assert!(events.len() == 2 && events.iter().all(|event| extensions(event).is_empty()), "{events:?}");
}

#[test]
fn an_event_of_event_grid() {
    let document = r#"{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":1,"dataVersion":"2",
        "metadataVersion":"1","Region":"eu"}"#;
    let event = one("event-grid", &[], document);
    let wanted = pairs([("dataversion", "2"), ("metadataversion", "1"), ("region", "eu")]);
    assert_eq!(extensions(&event), wanted);
    assert_eq!(attribute(&event, "subject"), "s");
    let error = all("event-grid", &[], &document.replace("Region", "my_key")).remove(0).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidName, Some("my_key")));
}

#[test]
fn a_map_has_parts_beside_events() {
    let map = |name: &str| {
        format!(
            r#"{{"name": "bus", "what": "w", "reference": "r", "mappings": [{{"where": {{"event": "*"}}, "unwrap": [{{"at": "event",
            "beside": {{"extensions": {{"{name}": "{{key?}}"}}, "spread": "meta"}}}}]}}]}}"#
        )
    };
    let document = r#"{"key": "k1", "meta": {"tenant": "t7"}, "event": {"specversion":"1.0","id":"7","source":"/s","type":"t"}}"#;
    let adapter = Adapter::parse(&map("partitionkey")).unwrap();
    let events = adapter.events(&[], &document.into(), &DecodeOptions::strict());
    let event = &events[0].as_ref().unwrap().value;
    assert_eq!(extensions(event), pairs([("partitionkey", "k1"), ("tenant", "t7")]));
    assert!(Adapter::parse(&map("partition-key")).is_err());
    // A place without `?` has to be there.
    let strict = Adapter::parse(&map("partitionkey").replace("key?", "key")).unwrap();
    let of = |document: String| strict.events(&[], &document.into(), &DecodeOptions::strict()).remove(0);
    assert!(of(document.to_owned()).is_ok());
    let error = of(document.replace(r#""key""#, r#""other""#)).unwrap_err();
    assert_eq!(
        (error.kind(), error.attribute(), error.detail(), error.help()),
        (
            ErrorKind::InvalidData,
            Some("partitionkey"),
            "`key` is not there",
            Some("`{key?}` leaves `partitionkey` out then")
        )
    );
}

/// The mapping and its parts are those of the message, also for a document of another system within the envelope.
#[test]
fn a_part_beside_an_event_may_be_a_header() {
    let map = r#"{"name":"sns-of-us","what":"w","reference":"r","mappings":[
        {"where":{"Type":"Notification","header.x-lane":"slow"},"unwrap":[{"at":"Other"}]},
        {"where":{"Type":"Notification","header.x-lane":"*"},
        "unwrap":[{"at":"Message","documents":true,"beside":{"extensions":{"lane":"{header.x-lane}","trace":"{$header.x-trace?}"}}}]}]}"#;
    let adapters = Adapters::known().with([Adapter::parse(map).unwrap()]);
    let of = |headers: &[(&str, &str)], version: &str| {
        let message =
            serde_json::json!(format!(r#"{{"specversion":"{version}","id":"7","source":"/s","type":"t"}}"#));
        let document = format!(
            r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":{message}}}"#
        );
        let events = adapters.events(headers, &document.into(), &DecodeOptions::strict()).unwrap();
        events.into_iter().next().unwrap().map(|decoded| decoded.value)
    };
    for version in ["1.0", "0.2"] {
        let event = of(&[("X-Lane", "fast"), ("X-Trace", "a1")], version).unwrap();
        assert_eq!(extensions(&event), pairs([("lane", "fast"), ("trace", "a1")]), "{version}");
        let event = of(&[("x-lane", "fast")], version).unwrap();
        assert_eq!(extensions(&event), pairs([("lane", "fast")]), "{version}");
        // The mapping for this header has another place.
        assert_eq!(of(&[("x-lane", "slow")], version).unwrap_err().kind(), ErrorKind::InvalidData);
        // Without the header, the document is one of the known adapter.
        assert!(extensions(&of(&[("x-trace", "a1")], version).unwrap()).is_empty(), "{version}");
        let error = of(&[("x-lane", "fast"), ("x-trace", "a1"), ("x-trace", "a2")], version).unwrap_err();
        assert_eq!(error.detail(), "the header `x-trace` is there twice, with different values");
    }
}

/// As in other templates: a place of the document, also around the elements of `each`.
#[test]
fn a_part_beside_an_event_may_be_of_the_document() {
    let map = |each: &str, tenant: &str| {
        let map = format!(
            r#"{{"name":"bus","what":"w","reference":"r","mappings":[{{"where":{{"tenant":"*"}},{each}
            "unwrap":[{{"at":"event","documents":{},"beside":{{"extensions":{{"tenant":"{{$.{tenant}}}"}}}}}}]}}]}}"#,
            each.is_empty()
        );
        Adapter::parse(&map).unwrap()
    };
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    let alone = format!(r#"{{"tenant":"t7","event":{event}}}"#);
    let lines =
        format!(r#"{{"tenant":"t7","lines":[{{"event":{event}}},{{"tenant":"t8","event":{event}}}]}}"#);
    // A document of another adapter gets the part, too.
    let older = alone.replace("1.0", "0.2");
    let each = r#""each":"lines","#;
    for (each, document, count) in
        [("", alone.as_str(), 1), (each, lines.as_str(), 2), ("", older.as_str(), 1)]
    {
        for tenant in ["tenant", "tenant?", "none, $.tenant"] {
            let adapters = Adapters::known().with([map(each, tenant)]);
            let events = adapters.events(&[], &document.to_owned().into(), &DecodeOptions::strict()).unwrap();
            assert_eq!(events.len(), count, "{document}");
            for event in events {
                assert_eq!(
                    extensions(&event.unwrap().value),
                    pairs([("tenant", "t7")]),
                    "{document} {tenant}"
                );
            }
        }
    }
    let of = |document: String, tenant: &str| {
        map(each, tenant).events(&[], &document.into(), &DecodeOptions::strict()).remove(0)
    };
    let error = of(lines.clone(), "none").unwrap_err();
    assert_eq!((error.attribute(), error.detail()), (Some("tenant"), "`$.none` is not there"));
    assert!(extensions(&of(lines.clone(), "none?").unwrap().value).is_empty());
    let error = of(lines.replacen("{", r#"{"no":1,"no":2,"#, 1), "no?").unwrap_err();
    assert_eq!(error.detail(), "`no` is there twice");
}

/// Its members would be nowhere, and no warning would name them.
#[test]
fn a_value_in_place_of_the_object_around_the_parts_is_an_error() {
    let map = r#"{"name":"bus","what":"w","reference":"r","mappings":[{"where":{"event":"*"},
        "unwrap":[{"at":"event","beside":{"spread":"meta.all","report":["sender.name"]}}]}]}"#;
    let adapters = Adapters::known().with([Adapter::parse(map).unwrap()]).exact();
    let of = |members: &str| {
        let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
        let document = format!(r#"{{"event":{event}{members}}}"#).into();
        adapters.events(&[], &document, &DecodeOptions::strict()).unwrap().remove(0)
    };
    assert!(of("").is_ok() && of(r#","meta":null,"sender":{}"#).is_ok());
    let error = of(r#","meta":"x""#).unwrap_err();
    let detail = "`meta.all` cannot be there: `meta` is a text, and not an object";
    assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidData, detail));
    let error = of(r#","sender":"Bob""#).unwrap_err();
    assert!(error.kind() == ErrorKind::Inexact && error.detail().contains("`sender.name`"), "{error:#}");
}
