//! Envelopes that have the members of an event: no attribute and no payload of them is lost.

use crate::tools::{all, attribute, data, named, one};
use cloudevents_adapters::{Adapter, Adapters, find};
use cloudevents_core::{Data, DecodeOptions, ErrorKind, Leniency, RepairKind, Value};

/// <https://argoproj.github.io/argo-events/eventsources/setup/webhook/>, and its EventContext.
#[test]
fn argo_events() {
    let argo = r#"{"context":{"id":"38","source":"webhook","specversion":"1.0","type":"webhook","datacontenttype":"application/json",
        "subject":"example","time":"2020-07-27T02:28:03Z","extensions":{"traceparent":"00-1","n":7}},"data":DATA}"#;
    for (given, wanted) in [
        (r#""eyJuIjoxfQ==""#, r#"{"n":1}"#),
        (r#"{"header":{},"body":{"price":1.50}}"#, r#"{"header":{},"body":{"price":1.50}}"#),
        ("[1.0, 2]", "[1.0, 2]"),
        ("1.50", "1.50"),
    ] {
        let event = one("argo-events", &[], &argo.replace("DATA", given));
        assert_eq!((named(&event), data(&event)), (["38", "webhook", "webhook", "example"], wanted));
        assert_eq!([attribute(&event, "traceparent"), attribute(&event, "n")], ["00-1", "7"]);
        assert!(matches!(event.data(), Some(Data::Json(_))));
    }
    for (from, to, kind) in [
        ("DATA", r#""eyJuIjoxfQ""#, ErrorKind::InvalidBinary),
        (r#"{"traceparent":"00-1","n":7}"#, r#"["traceparent"]"#, ErrorKind::InvalidData),
        (r#""traceparent""#, r#""id""#, ErrorKind::DuplicateAttribute),
    ] {
        let mut events = all("argo-events", &[], &argo.replace(from, to).replace("DATA", "1"));
        assert_eq!(events.remove(0).unwrap_err().kind(), kind, "{to}");
    }
}

/// <https://github.com/cloudevents/spec/blob/v0.2/json-format.md#31-special-handling-of-the-data-attribute> and table 2.2 of 0.1.
#[test]
fn a_text_of_older_versions_is_base64_if_its_content_type_is_neither_json_nor_text() {
    for (name, document) in [
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"1","contentType":"TYPE","data":DATA}"#,
        ),
        (
            "cloudevents-0.2",
            r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","contenttype":"TYPE","data":DATA}"#,
        ),
    ] {
        let of = |ty: &str, data: &str| {
            all(name, &[], &document.replace("TYPE", ty).replace("DATA", data)).remove(0)
        };
        for ty in ["application/vnd.apache.thrift.binary", "image/png"] {
            let event = of(ty, r#""AAECAw==""#).unwrap();
            assert!(matches!(event.data(), Some(Data::Binary(&[0, 1, 2, 3]))), "{event:?}");
            let error = of(ty, r#""no base64""#).unwrap_err();
            assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidBinary, Some("data")));
            assert!(error.help().unwrap().contains("`charset`"), "{error:#}");
            assert!(error.help().unwrap().contains("`--map`"), "{error:#}");
        }
        // RFC 2046, section 5.1.1: a boundary begins with two hyphens, which base64 does not have.
        for ty in ["multipart/mixed; boundary=x", "message/http"] {
            let event = of(ty, r#""--x\r\n\r\na\r\n--x--""#).unwrap();
            assert_eq!(data(&event), "--x\r\n\r\na\r\n--x--");
            let event = of(ty, r#""LS14DQoNCg==""#).unwrap();
            assert!(matches!(event.data(), Some(Data::Binary(b"--x\r\n\r\n"))), "{event:?}");
        }
        for ty in [
            "text/plain",
            "application/x-python",
            "application/vnd.yaml",
            "application/sparql-query",
            "application/xml",
            "image/svg+xml",
            "application/x;charset=utf-8",
            "application/yaml",
            "application/X-YAML",
            "application/vnd.oai.openapi+yaml",
            "application/x-ndjson",
            "application/jsonl",
            "application/toml",
            "application/x-javascript",
            "application/typescript",
            "application/x-sql",
            "application/graphql",
            "application/x-sh",
            "application/jwt",
            "application/x-pem-file",
            "application/x-www-form-urlencoded",
        ] {
            assert!(matches!(of(ty, r#""AAECAw==""#).unwrap().data(), Some(Data::Text("AAECAw=="))), "{ty}");
        }
        let json = of("application/vnd.x+json", r#""AAECAw==""#).unwrap();
        assert!(matches!(json.data(), Some(Data::Json(_))) && data(&json) == r#""AAECAw==""#);
    }
}

/// Table 2.1 of <https://github.com/cloudevents/spec/blob/v0.2/json-format.md>.
#[test]
fn extensions_keep_their_types() {
    let document = r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","n":5,"yes":true,"text":"5","most":2147483648}"#;
    let event = one("cloudevents-0.2", &[], document);
    let values = ["n", "yes", "text", "most"].map(|name| event.attribute(name).unwrap());
    let expected = [Value::Integer(5), Value::Boolean(true), Value::String("5"), Value::String("2147483648")];
    assert_eq!(values, expected);
}

/// <https://github.com/cloudevents/spec/blob/v0.2/json-format.md#32-examples>
#[test]
fn an_extension_with_members_is_its_text_in_json() {
    let document = r#"{
    "specversion" : "0.2",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "id" : "C234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleextension2" : {
        "otherValue": 5
    },
    "contenttype" : "application/json",
    "data" : {
        "appinfoA" : "abc",
        "appinfoB" : 123,
        "appinfoC" : true
    }
}"#;
    let event = one("cloudevents-0.2", &[], document);
    assert_eq!(attribute(&event, "comexampleextension2"), r#"{"otherValue":5}"#);
    assert_eq!(event.extensions().count(), 2);
}

#[test]
fn repairs_reach_the_attributes() {
    let document = r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","schemaurl":"http://x/y#z","time":"yesterday"}"#;
    let read = |leniency: Leniency| {
        let with = DecodeOptions::strict().with_leniency(leniency);
        find("cloudevents-0.2").unwrap().events(&[], &document.into(), &with).remove(0)
    };
    let dropping = Leniency::strict().with(RepairKind::DroppedAttribute);
    assert_eq!(read(Leniency::strict()).unwrap_err().kind(), ErrorKind::InvalidTimestamp);
    let error = read(Leniency::strict().with(RepairKind::UriFragment)).unwrap_err();
    assert_eq!(error.attribute(), Some("time"));
    let decoded = read(dropping.with(RepairKind::UriFragment)).unwrap();
    let kinds: Vec<_> = decoded.repairs.iter().map(|repair| repair.kind()).collect();
    assert_eq!(kinds, [RepairKind::DroppedAttribute, RepairKind::UriFragment]);
    assert_eq!((attribute(&decoded.value, "dataschema"), decoded.value.time()), ("http://x/y".into(), None));
}

/// <https://github.com/cloudevents/sdk-csharp>: the names are those of its CloudEvent.
#[test]
fn pascal_case() {
    let pascal = r#"{"SpecVersion":"1.0","Id":"7","Source":"/s","Type":"t","Time":"2024-01-01T00:00:00Z","PartitionKey":"k","TraceParent":"00-1",
        "ExtensionAttributes":{"Tenant":"t7"},"DataContentType":"TYPE",DATA}"#;
    let of = |ty: &str, data: &str| {
        all("pascal-case", &[], &pascal.replace("TYPE", ty).replace("DATA", data)).remove(0)
    };
    for (ty, given, wanted) in [
        ("application/json", r#""Data":{"n":1.50}"#, r#"{"n":1.50}"#),
        ("application/json", r#""Data":null,"DataBase64":"eyJuIjoxfQ==""#, r#"{"n":1}"#),
        ("application/octet-stream", r#""DataBase64":"AAE=""#, "\0\x01"),
        ("application/octet-stream", r#""Data_Base64":"AAE=""#, "\0\x01"),
    ] {
        let event = of(ty, given).unwrap();
        assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], wanted));
        let extensions = ["partitionkey", "traceparent", "tenant"].map(|name| attribute(&event, name));
        assert_eq!((extensions, event.extensions().count()), (["k", "00-1", "t7"].map(str::to_owned), 3));
    }
    for (given, kind, name) in [
        (r#""Data":1,"DataBase64":"AAE=""#, ErrorKind::InvalidName, "data"),
        (r#""Data":1,"My_Name":"x""#, ErrorKind::InvalidName, "my_name"),
        (r#""Data":1,"tenant":"x""#, ErrorKind::DuplicateAttribute, "tenant"),
    ] {
        let error = of("application/json", given).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (kind, Some(name)), "{error}");
        assert_eq!(name == "data", error.detail().contains("which is read from `DataBase64`"), "{error}");
    }
    let class = r#"{"SpecVersion":{"VersionId":"1.0"},"Id":"7","Source":"/s","Type":"t","ExtensionAttributes":[],"IsValid":true,"Data":1}"#;
    let event = one("pascal-case", &[], class);
    assert_eq!((data(&event), event.extensions().count()), ("1", 0));
    let named = class.replace("[]", r#"[{"Name":"tenant"}]"#);
    let error = all("pascal-case", &[], &named).remove(0).unwrap_err();
    assert!(error.detail().contains("`ExtensionAttributes`"), "{error}");
}

/// `System.Text.Json` writes `byte[]` as base64:
/// <https://learn.microsoft.com/dotnet/standard/serialization/system-text-json/supported-types>. The SDK has texts under `text/*` alone.
#[test]
fn bytes_of_a_class_are_base64() {
    let of = |version: &str, ty: &str, data: &str| {
        let document = format!(
            r#"{{"SpecVersion":{version},"Id":"7","Source":"/s","Type":"t","DataContentType":"{ty}",{data}}}"#
        );
        all("pascal-case", &[], &document).remove(0)
    };
    for version in [r#""1.0""#, r#"{"VersionId":"1.0"}"#] {
        let event = of(version, "application/octet-stream", r#""Data":"AQI=""#).unwrap();
        assert!(matches!(event.data(), Some(Data::Binary(&[1, 2]))), "{event:?}");
        let event = of(version, "text/plain", r#""Data":"AQI=""#).unwrap();
        assert!(matches!(event.data(), Some(Data::Text("AQI="))), "{event:?}");
        let error = of(version, "image/png", r#""Data":"no base64""#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidBinary);
        for value in ["[137,80]", "{}", "7", "null"] {
            let error = of(version, "image/png", &format!(r#""Data":{value}"#)).unwrap_err();
            assert_eq!((error.kind(), error.clause()), (ErrorKind::InvalidData, Some("JSON-3.1.1-k")));
        }
        assert_eq!(data(&of(version, "application/json", r#""Data":[137,80]"#).unwrap()), "[137,80]");
    }
    for name in ["DataBase64", "Data_Base64"] {
        for ty in ["image/png", "application/json"] {
            let error = of(r#""1.0""#, ty, &format!(r#""{name}":[137,80]"#)).unwrap_err();
            let detail = format!("`{name}` is bytes in base64, and its value is no text");
            assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidData, detail.as_str()));
        }
    }
}

/// <https://github.com/cloudevents/spec/blob/v0.2/json-format.md#23-mapping-any-typed-attributes>: a Map is an object, and bytes are a
/// text.
#[test]
fn a_payload_of_older_versions_has_the_form_of_its_type() {
    for (name, document) in [
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"1","contentType":"TYPE","data":DATA}"#,
        ),
        (
            "cloudevents-0.2",
            r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","contenttype":"TYPE","data":DATA}"#,
        ),
    ] {
        let document = |ty: &str, data: &str| document.replace("TYPE", ty).replace("DATA", data);
        for value in ["[137,80]", "7", "true"] {
            for ty in ["image/png", "text/plain"] {
                let error = all(name, &[], &document(ty, value)).remove(0).unwrap_err();
                assert_eq!((error.kind(), error.clause()), (ErrorKind::InvalidData, Some("JSON-3.1.1-k")));
            }
        }
        let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::DataAsText));
        let png = document("image/png", "[137,80]").into();
        let decoded = find(name).unwrap().events(&[], &png, &with).remove(0).unwrap();
        assert_eq!((data(&decoded.value), decoded.repairs[0].kind()), ("[137,80]", RepairKind::DataAsText));
        // Under a type that is known to have JSON in it, a text is JSON, too, and no base64.
        for (ty, value) in [
            ("application/x-record", r#"{"a":1.50}"#),
            ("application/geo+json-seq", "[1.50]"),
            ("application/json-seq", r#""AQI=""#),
            ("application/JSON-seq; charset=utf-8", r#""no base64""#),
            ("application/geo+json-seq", r#""\ud800""#),
        ] {
            let event = one(name, &[], &document(ty, value));
            assert!(matches!(event.data(), Some(Data::Text(text)) if text == value), "{event:?}");
        }
        // A charset of text.
        let binary = one(name, &[], &document("application/octet-stream; charset=binary", r#""AQI=""#));
        assert!(matches!(binary.data(), Some(Data::Binary(&[1, 2]))), "{binary:?}");
    }
}

/// RFC 8259, section 8.2: a text of JSON may have half of a pair of surrogates. JSON keeps it; neither text nor base64 has it.
#[test]
fn a_payload_that_is_not_unicode_is_one_of_json_alone() {
    let half = r#""\ud800""#;
    let lenient = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::DataAsText));
    for (name, document) in [
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"1","contentType":"TYPE","data":DATA}"#,
        ),
        (
            "cloudevents-0.2",
            r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","contenttype":"TYPE","data":DATA}"#,
        ),
        (
            "pascal-case",
            r#"{"SpecVersion":"1.0","Type":"t","Source":"/s","Id":"1","DataContentType":"TYPE","Data":DATA}"#,
        ),
        (
            "argo-events",
            r#"{"context":{"specversion":"1.0","type":"t","source":"s","id":"1","datacontenttype":"TYPE","time":"2020-01-01T00:00:00Z"},
            "data":DATA}"#,
        ),
    ] {
        let document = |ty: &str| document.replace("TYPE", ty).replace("DATA", half);
        let is_base64 = name == "argo-events";
        if !is_base64 {
            assert_eq!(data(&one(name, &[], &document("application/json"))), half, "{name}");
        }
        let others = ["text/plain", "image/png"].into_iter();
        for ty in others.chain(is_base64.then_some("application/json")) {
            for with in [&DecodeOptions::strict(), &lenient] {
                let error =
                    find(name).unwrap().events(&[], &document(ty).into(), with).remove(0).unwrap_err();
                let wanted = (ErrorKind::InvalidData, "the payload is not a text of Unicode");
                assert_eq!((error.kind(), error.detail()), wanted, "{name} {ty}");
            }
        }
    }
}

/// A text has escapes, so that a place within it is none of the document.
#[test]
fn an_error_of_an_event_in_an_envelope_has_its_place_in_the_document() {
    let message =
        r#"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"My_Ext\":\"x\"}"#;
    let sns = format!(
        r#"{{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":"{message}"}}"#
    );
    let error = all("aws-sns", &[], &sns).remove(0).unwrap_err();
    assert_eq!(error.attribute(), Some("My_Ext"));
    assert_eq!(error.offset(), sns.find("\"{").map(|at| at as u64), "{error:#}");
    let inner = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","My_Ext":"x"}"#;
    let good = inner.replace("My_Ext", "ext");
    let bulk = |second: &str| {
        format!(r#"{{"entries":[{{"entryId":"1","event":{good}}},{{"entryId":"2","event":{second}}}]}}"#)
    };
    let (bulk, alone) = (bulk(inner), cloudevents_json::decode(inner).unwrap_err().offset().unwrap());
    let error = all("dapr-bulk", &[], &bulk).remove(1).unwrap_err();
    assert_eq!(error.offset(), Some(bulk.rfind("{\"specversion").unwrap() as u64 + alone), "{error:#}");
}

/// S3 notifies a topic of SNS, and SNS a queue of SQS: the usual way of AWS.
#[test]
fn a_document_of_a_known_system_in_a_notification_of_sns_is_read() {
    let sns = |message: &str| {
        let message = serde_json::json!(message);
        format!(
            r#"{{"Type":"Notification","MessageId":"22b80b92","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":{message}}}"#
        )
    };
    let record = |id: &str| {
        format!(
            r#"{{"eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
            "responseElements":{{"x-amz-request-id":"C3","x-amz-id-2":"{id}"}},"s3":{{"bucket":{{"name":"b"}},"object":{{"key":"k"}}}}}}"#
        )
    };
    let s3 = format!(r#"{{"Records":[{},{}]}}"#, record("a"), record("b"));
    let with = DecodeOptions::strict();
    let read = |adapters: &Adapters, document: &str| {
        adapters.events(&[("x-amz-sns-message-id", "7")], &document.to_owned().into(), &with).unwrap()
    };
    let ids = |document: &str| {
        let events = read(&Adapters::known(), document).into_iter();
        events.map(|event| event.unwrap().value.id().to_owned()).collect::<Vec<_>>()
    };
    for document in [sns(&s3), sns(&sns(&s3)), sns(&sns(&sns(&s3)))] {
        assert_eq!(ids(&document), ["C3.a", "C3.b"]);
    }
    let message = Adapters::known().message_of(&[], &sns(&s3).into(), &with).unwrap().unwrap().value;
    assert_eq!(message.events(&with).unwrap().value.len(), 2);
    // Four documents within each other, and no more.
    assert_eq!(
        read(&Adapters::known(), &sns(&sns(&sns(&sns(&s3)))))[0].as_ref().unwrap().value.ty(),
        "com.amazonaws.sns.Notification"
    );
    // What is read only as itself, what is unknown, and what has no event stays the notification.
    let only = Adapters::known().only("aws-sns").unwrap();
    let ty = |adapters: &Adapters, document: &str| {
        read(adapters, document)[0].as_ref().unwrap().value.ty().to_owned()
    };
    assert_eq!(ty(&only, &sns(&s3)), "com.amazonaws.sns.Notification");
    for other in [
        "Hello world!",
        r#"{"n":1}"#,
        r#"{"Event":"s3:TestEvent","Bucket":"b"}"#,
        r#"{"zen":"x","hook_id":1}"#,
    ] {
        assert_eq!(ty(&Adapters::known(), &sns(other)), "com.amazonaws.sns.Notification", "{other}");
    }
    // An error has the place of the text in the document.
    let broken = sns(&s3.replace(r#","x-amz-id-2":"b""#, ""));
    let events = read(&Adapters::known(), &broken);
    assert!(events[0].is_ok());
    let error = events[1].as_ref().unwrap_err();
    assert_eq!(error.attribute(), Some("id"));
    assert_eq!(error.offset(), broken.find(r#""{\"#).map(|at| at as u64), "{error:#}");
}

/// <https://cloud.google.com/pubsub/docs/push>: an event of an older version is read as within SNS.
#[test]
fn an_event_of_an_older_version_in_another_envelope() {
    let events = [
        ("1", r#"{"specversion":"0.2","id":"1","source":"/s","type":"t"}"#),
        ("A", r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"A"}"#),
    ];
    let push = |data: &str, attributes: &str| {
        let data = base64_simd::STANDARD.encode_to_string(data);
        format!(
            r#"{{"message":{{"data":"{data}","attributes":{{{attributes}}},"messageId":"7","orderingKey":"k"}},"subscription":"projects/p/subscriptions/s"}}"#
        )
    };
    let read = |document: String| {
        let events = Adapters::known().events(&[], &document.into(), &DecodeOptions::strict());
        events.unwrap().remove(0)
    };
    for (id, event) in events {
        let made = read(push(event, r#""tenant":"t7""#)).unwrap().value;
        assert_eq!(named(&made), [id, "/s", "t", ""]);
        assert_eq!([attribute(&made, "tenant"), attribute(&made, "partitionkey")], ["t7", "k"]);
        // In binary mode, the data is the payload.
        let binary = r#""ce-specversion":"1.0","ce-id":"b1","ce-source":"/b","ce-type":"t","content-type":"application/json""#;
        let made = read(push(event, binary)).unwrap().value;
        assert_eq!((named(&made), data(&made)), (["b1", "/b", "t", ""], event));
        let version = if id == "1" { "0.2" } else { "0.1" };
        let text = serde_json::json!(event);
        let base64 = base64_simd::STANDARD.encode_to_string(event);
        let structure = format!(r#"{{"schema":{{"type":"struct","fields":[]}},"payload":{event}}}"#);
        let error = read(structure).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        assert!(error.help().unwrap().contains(&format!("`--from cloudevents-{version}`")), "{error:#}");
        for connect in [
            format!(r#"{{"schema":{{"type":"string"}},"payload":{text}}}"#),
            format!(r#"{{"schema":{{"type":"bytes"}},"payload":"{base64}"}}"#),
            format!(r#"{{"schema":null,"payload":{event}}}"#),
        ] {
            assert_eq!(named(&read(connect.clone()).unwrap().value), [id, "/s", "t", ""], "{connect}");
            let error = all("kafka-connect", &[], &connect).remove(0).unwrap_err();
            assert!(error.help().unwrap().contains("`--from auto`"), "{error:#}");
        }
    }
}

/// The envelope has an event of a version that its adapter does not read: an error, which names the adapter that does.
#[test]
fn an_event_of_version_0_2_in_an_envelope_names_its_adapter() {
    let event = r#"{"specversion":"0.2","id":"1","source":"/s","type":"t"}"#;
    let bridge = format!(r#"{{"id":"e","detail-type":"d","source":"s","account":"1","detail":{event}}}"#);
    let text = serde_json::json!(event);
    let sns = format!(
        r#"{{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":{text}}}"#
    );
    for (name, document, help) in
        [("aws-eventbridge", bridge, "`--from cloudevents-0.2`"), ("aws-sns", sns, "`--from auto`")]
    {
        let error = all(name, &[], &document).remove(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedSpecversion, "{error:#}");
        assert!(error.help().unwrap().contains(help), "{error:#}");
    }
}

/// RFC 8259, section 8.1: it must not be there.
#[test]
fn a_byte_order_mark_is_named() {
    let document = "\u{feff}{\"specversion\":\"0.2\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"}";
    let events = find("cloudevents-0.2").unwrap().events(&[], &document.into(), &DecodeOptions::strict());
    assert!(events[0].as_ref().unwrap_err().help().unwrap().contains("byte order mark"), "{events:?}");
}

/// These adapters do not keep the document: a value that no attribute can have would be lost.
#[test]
fn a_value_that_no_attribute_can_have_is_an_error() {
    for (name, document, attributes) in [
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"1","MEMBER":{"a":1}}"#,
            &[
                ("eventTime", "time"),
                ("contentType", "datacontenttype"),
                ("schemaURL", "dataschema"),
                ("eventTypeVersion", "eventtypeversion"),
            ][..],
        ),
        (
            "cloudevents-0.2",
            r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","MEMBER":{"a":1}}"#,
            &[("time", "time"), ("contenttype", "datacontenttype"), ("schemaurl", "dataschema")],
        ),
        (
            "pascal-case",
            r#"{"SpecVersion":"1.0","Type":"t","Source":"/s","Id":"1","MEMBER":[1]}"#,
            &[
                ("Subject", "subject"),
                ("Time", "time"),
                ("DataSchema", "dataschema"),
                ("DataContentType", "datacontenttype"),
            ],
        ),
        (
            "event-grid",
            r#"{"topic":"/s","subject":"x","eventType":"t","eventTime":"2017-06-26T18:41:00Z","id":"1","MEMBER":[1]}"#,
            &[("dataVersion", "dataversion"), ("metadataVersion", "metadataversion")],
        ),
        (
            "argo-events",
            r#"{"context":{"id":"1","source":"s","specversion":"1.0","type":"t","MEMBER":{"a":1}},"data":"AA=="}"#,
            &[("subject", "subject"), ("dataschema", "dataschema")],
        ),
    ] {
        for (member, attribute) in attributes {
            let error = all(name, &[], &document.replace("MEMBER", member)).remove(0).unwrap_err();
            assert_eq!(
                (error.kind(), error.attribute()),
                (ErrorKind::InvalidData, Some(*attribute)),
                "{name}"
            );
            assert!(error.detail().contains(member) && error.detail().contains("no text"), "{error:#}");
        }
    }
}

/// As a member of an event that is there twice: a reader before this one may have read the other.
#[test]
fn a_member_that_is_there_twice_is_an_error() {
    for (name, document, twice) in [
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"1","data":"a","data":"b"}"#,
            "data",
        ),
        (
            "cloudevents-0.2",
            r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","id":"2","contenttype":null}"#,
            "id",
        ),
        ("cloudevents-0.2", r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","a":null,"a":1}"#, "a"),
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"1","extensions":{"a":1,"a":2}}"#,
            "extensions.a",
        ),
        (
            "google-pubsub-push",
            r#"{"message":{"data":"","data":"AA==","messageId":"1"},"subscription":"projects/p/subscriptions/s"}"#,
            "message.data",
        ),
        (
            "aws-s3",
            r#"{"Records":[{"eventSource":"aws:s3","s3":{}}],"Records":[{"eventSource":"aws:s3","s3":{}}]}"#,
            "Records",
        ),
        (
            "aws-s3",
            r#"{"Records":[{"eventSource":"aws:s3","s3":{"object":{"key":"a"},"object":{"key":"b"}}}]}"#,
            "s3.object",
        ),
    ] {
        let error = all(name, &[], document).remove(0).unwrap_err();
        assert_eq!(
            (error.kind(), error.detail()),
            (ErrorKind::InvalidData, &*format!("`{twice}` is there twice"))
        );
    }
    // A payload stays as it is.
    let event = one(
        "cloudevents-0.2",
        &[],
        r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","data":{"a":1,"a":2}}"#,
    );
    assert_eq!(data(&event), r#"{"a":1,"a":2}"#);
    // The envelope of a document of another system.
    let sns = r#"{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:us-west-2:1:T","Message":"{}",
        "Message":"{\"specversion\":\"0.2\",\"type\":\"t\",\"source\":\"/s\",\"id\":\"1\"}"}"#;
    let events = Adapters::known().events(&[], &sns.into(), &DecodeOptions::strict()).unwrap();
    assert_eq!(events[0].as_ref().unwrap_err().detail(), "`Message` is there twice");
}

/// `data` that is null is JSON (JSON-3.1.1-k), and `data` that is absent is no payload: each document is read as its twin in the JSON
/// format.
#[test]
fn a_payload_that_is_null_is_one_of_json() {
    for (name, document) in [
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","source":"/s","eventID":"1"DATA}"#,
        ),
        ("cloudevents-0.2", r#"{"specversion":"0.2","type":"t","source":"/s","id":"1"DATA}"#),
        ("pascal-case", r#"{"SpecVersion":"1.0","Type":"t","Source":"/s","Id":"1"DATA}"#),
        ("pascal-case", r#"{"SpecVersion":{"VersionId":"1.0"},"Type":"t","Source":"/s","Id":"1"DATA}"#),
        (
            "event-grid",
            r#"{"topic":"/s","subject":"x","eventType":"t","eventTime":"2017-06-26T18:41:00Z","id":"1"DATA}"#,
        ),
    ] {
        let member = if name == "pascal-case" { "Data" } else { "data" };
        let of = |data: &str| {
            let twin = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{data}}}"#);
            let event = one(name, &[], &document.replace("DATA", &data.replace("data", member)));
            let twin = cloudevents_json::decode(twin).unwrap();
            assert_eq!(event.data(), twin.data(), "{name}");
            // Event Grid has no place for it, and its payloads are JSON.
            if name != "event-grid" {
                assert_eq!(event.datacontenttype(), twin.datacontenttype(), "{name}");
            }
            event.data_bytes().map(|bytes| bytes.to_vec())
        };
        assert_eq!(of(r#","data":null"#), Some(b"null".to_vec()), "{name}");
        assert_eq!(of(""), None, "{name}");
    }
    let typed =
        r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","contenttype":"image/png","data":null}"#;
    let error = all("cloudevents-0.2", &[], typed).remove(0).unwrap_err();
    assert_eq!((error.kind(), error.clause()), (ErrorKind::InvalidData, Some("JSON-3.1.1-k")));
    let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::DataAsText));
    let decoded = find("cloudevents-0.2").unwrap().events(&[], &typed.into(), &with).remove(0).unwrap();
    assert_eq!((data(&decoded.value), decoded.repairs[0].kind()), ("null", RepairKind::DataAsText));
}

/// <https://github.com/cloudevents/spec/blob/v0.2/spec.md> has neither `subject` nor `datacontenttype`: there, both are extensions.
#[test]
fn an_extension_of_older_versions_may_have_the_name_of_an_attribute() {
    let document = r#"{"specversion":"0.2","type":"t","source":"/s","id":"1","contenttype":"application/json","data":1,EXTENSION}"#;
    let of =
        |extension: &str| all("cloudevents-0.2", &[], &document.replace("EXTENSION", extension)).remove(0);
    assert_eq!(of(r#""subject":"orders/7""#).unwrap().subject(), Some("orders/7"));
    let from_type = "the mapping reads the attribute from `contenttype`";
    for (extension, kind, name, words) in [
        (r#""datacontenttype":"text/plain""#, ErrorKind::DuplicateAttribute, "datacontenttype", from_type),
        (r#""dataschema":"http://x/y""#, ErrorKind::InvalidName, "dataschema", "from `schemaurl`"),
        (r#""subject":{"n":1}"#, ErrorKind::InvalidName, "subject", "attribute of CloudEvents 1.0"),
    ] {
        let error = of(extension).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (kind, Some(name)), "{error:#}");
        assert!(error.detail().contains(words) && error.help().unwrap().contains("`--map`"), "{error:#}");
    }
    // As the help says.
    let map = r#"{"name": "old", "what": "w", "reference": "r", "mappings": [{"where": {"specversion": "0.2"}, "id": "{id}",
        "source": "{source}", "type": "{type}", "datacontenttype": "{contenttype?}", "spread": "", "except": ["datacontenttype", "specversion"],
        "extensions": {"mediatype": "{datacontenttype?}"}, "data": "data?"}]}"#;
    let document = document.replace("EXTENSION", r#""datacontenttype":"text/plain""#);
    let events = Adapter::parse(map).unwrap().events(&[], &document.into(), &DecodeOptions::strict());
    let event = &events[0].as_ref().unwrap().value;
    assert_eq!(
        ["datacontenttype", "mediatype"].map(|name| attribute(event, name)),
        ["application/json", "text/plain"]
    );
}

/// <https://github.com/cloudevents/spec/blob/v0.1/spec.md>: "if present, MUST be a non-empty string". Systems write an empty text for an
/// attribute that they do not have. An extension may be empty.
#[test]
fn an_empty_attribute_that_may_be_absent_is_left_out() {
    for (name, document) in [
        (
            "cloudevents-0.1",
            r#"{"cloudEventsVersion":"0.1","eventType":"t","eventTypeVersion":"","source":"/s","eventID":"7","eventTime":"","schemaURL":"",
                "contentType":"","extensions":{"x":""}}"#,
        ),
        (
            "cloudevents-0.2",
            r#"{"specversion":"0.2","type":"t","source":"/s","id":"7","time":"","schemaurl":"","contenttype":"","x":""}"#,
        ),
        (
            "pascal-case",
            r#"{"SpecVersion":"1.0","Type":"t","Source":"/s","Id":"7","Subject":"","Time":"","DataSchema":"","DataContentType":"",
                "ExtensionAttributes":{"X":""}}"#,
        ),
    ] {
        let event = one(name, &[], document);
        let attributes: Vec<_> = event.attributes().map(|(name, _)| name.as_str().to_owned()).collect();
        assert_eq!(named(&event), ["7", "/s", "t", ""], "{name}");
        assert_eq!(attributes, ["id", "source", "type", "x"], "{name}");
        assert!(event.data_bytes().is_none(), "{name}");
    }
}
