//! The rules of each document, with the values of its text.

use cloudevents_core::{ErrorKind, Event, Value};
use cloudevents_extensions::check;

/// An event with these attributes; text is a String, as it is from carriers without types.
pub(crate) fn event(attributes: &[(&str, Value<'_>)]) -> Event {
    let start = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00Z");
    let builder = attributes.iter().fold(start, |builder, (name, value)| match (*name, value.as_str()) {
        ("type", Some(ty)) => builder.ty(ty),
        ("subject", subject @ Some(_)) => builder.subject(subject),
        ("dataschema", schema @ Some(_)) => builder.dataschema(schema),
        (name, _) => builder.extension(name, *value),
    });
    builder.build().unwrap()
}

/// Checks the attributes, and expects these violations: attribute, clause, and words of the reason.
fn expect(attributes: &[(&str, Value<'_>)], expected: &[(&str, &str, &str)]) {
    let found = check(&event(attributes));
    let places: Vec<_> =
        found.iter().map(|error| (error.attribute().unwrap(), error.clause().unwrap())).collect();
    let wanted: Vec<_> = expected.iter().map(|(attribute, clause, _)| (*attribute, *clause)).collect();
    assert_eq!(places, wanted, "{attributes:?}: {found:?}");
    for (error, (.., words)) in found.iter().zip(expected) {
        assert_eq!(error.kind(), ErrorKind::InvalidExtension);
        assert!(error.detail().contains(words), "{error}");
        assert!(error.others().is_empty());
    }
}

fn text(text: &str) -> Value<'_> {
    Value::String(text)
}

const MISSING: &str = "it is missing";

#[test]
fn auth_context() {
    for ty in
        ["app_user", "user", "service_account", "api_key", "system", "unauthenticated", "unknown", "robot"]
    {
        expect(&[("authtype", text(ty)), ("authid", text("8f14e45f")), ("authclaims", text("{}"))], &[]);
    }
    expect(&[("authid", text("8f14e45f"))], &[("authtype", "AUTHCTX-authtype-a", MISSING)]);
    expect(
        &[
            ("authtype", Value::Integer(1)),
            ("authid", Value::Boolean(true)),
            ("authclaims", text("role=editor")),
        ],
        &[
            ("authtype", "AUTHCTX-authtype-a", "String is expected, and this is Integer"),
            ("authid", "AUTHCTX-authid-a", "String is expected, and this is Boolean"),
            ("authclaims", "AUTHCTX-authclaims-a", "not JSON"),
        ],
    );
}

const BAM: [(&str, Value<'_>); 4] = [
    ("bamtxid", Value::String("7f3a-0001")),
    ("bampid", Value::String("order_to-cash.2")),
    ("bamptxid", Value::String("payment")),
    ("bamptxsid", Value::String("start")),
];

#[test]
fn bam() {
    expect(&BAM, &[]);
    for completed in [Value::Boolean(true), text("false")] {
        expect(
            &[&BAM[..], &[("bamptxsstatus", text("waiting")), ("bamptxcompleted", completed)]].concat(),
            &[],
        );
    }
    expect(
        &[("bamptxsstatus", text("")), ("bamptxcompleted", text("yes"))],
        &[
            ("bamtxid", "BAM-bamtxid-a", MISSING),
            ("bampid", "BAM-bampid-a", MISSING),
            ("bamptxid", "BAM-bamptxid-a", MISSING),
            ("bamptxsid", "BAM-bamptxsid-a", MISSING),
            ("bamptxsstatus", "BAM-bamptxsstatus-b", "it is empty"),
            ("bamptxcompleted", "BAM-bamptxcompleted-b", "only `true` and `false`"),
        ],
    );
    expect(
        &BAM.map(|(name, _)| (name, text(""))),
        &[
            ("bamtxid", "BAM-bamtxid-b", "it is empty"),
            ("bampid", "BAM-bampid-b", "it is empty"),
            ("bamptxid", "BAM-bamptxid-b", "it is empty"),
            ("bamptxsid", "BAM-bamptxsid-b", "it is empty"),
        ],
    );
}

#[test]
fn correlation() {
    expect(&[("correlationid", text("txn-abc-123"))], &[]);
    expect(&[("causationid", text("order-123"))], &[]);
    expect(
        &[("correlationid", text("")), ("causationid", text(""))],
        &[
            ("correlationid", "CORR-correlationid-b", "it is empty"),
            ("causationid", "CORR-causationid-b", "it is empty"),
        ],
    );
    expect(
        &[("causationid", Value::Integer(7))],
        &[("causationid", "CORR-causationid-a", "String is expected, and this is Integer")],
    );
}

#[test]
fn data_classification() {
    for regulations in ["GDPR", " GDPR ", "GDPR,HIPAA,PCI-DSS,ISO-27001,NIST-800-53,CCPA", "GDPR , HIPAA"] {
        expect(&[("dataclassification", text("confidential")), ("dataregulation", text(regulations))], &[]);
    }
    for (regulations, words) in [
        ("", "an entry of the list is empty"),
        (" ", "an entry of the list is empty"),
        ("GDPR,,HIPAA", "an entry of the list is empty"),
        ("ISO 27001", "the entry `ISO 27001` has a space inside"),
    ] {
        expect(
            &[("dataclassification", text("public")), ("dataregulation", text(regulations))],
            &[("dataregulation", "DATACLASS-dataregulation-b", words)],
        );
    }
    expect(
        &[("dataregulation", Value::Boolean(true)), ("datacategory", text(""))],
        &[
            ("dataclassification", "DATACLASS-dataclassification-a", MISSING),
            ("dataregulation", "DATACLASS-dataregulation-a", "String is expected"),
            ("datacategory", "DATACLASS-datacategory-b", "it is empty"),
        ],
    );
}

#[test]
fn dataref() {
    for reference in
        ["https://github.com/cloudevents/spec/pull/123/events/A234-1234-1234.xml", "../events/A-1.xml"]
    {
        expect(&[("dataref", text(reference))], &[]);
    }
    expect(&[("dataref", text("not a reference"))], &[("dataref", "DATAREF-dataref-a", "")]);
    expect(
        &[("dataref", Value::Integer(1))],
        &[("dataref", "DATAREF-dataref-a", "URI-reference is expected, and this is Integer")],
    );
}

#[test]
fn deprecation() {
    let deprecated = ("deprecated", Value::Boolean(true));
    expect(&[deprecated], &[]);
    expect(
        &[
            ("deprecated", text("true")),
            ("deprecationfrom", text("2024-10-11T00:00:00Z")),
            ("deprecationsunset", text("2024-11-12T00:00:00Z")),
            ("deprecationmigration", text("https://example.com/migrate-to-new-evt")),
        ],
        &[],
    );
    // The same moment in two offsets is not earlier.
    expect(
        &[
            deprecated,
            ("deprecationfrom", text("2024-10-11T00:00:00Z")),
            ("deprecationsunset", text("2024-10-11T02:00:00+02:00")),
        ],
        &[],
    );
    expect(
        &[
            deprecated,
            ("deprecationfrom", text("2024-10-11T00:00:00Z")),
            ("deprecationsunset", text("2024-10-11T01:59:59+02:00")),
        ],
        &[("deprecationsunset", "DEPREC-deprecationsunset-b", "it is before deprecationfrom")],
    );
    expect(
        &[("deprecated", Value::Boolean(false))],
        &[("deprecated", "DEPREC-deprecated-b", "only `true` is allowed")],
    );
    expect(
        &[
            ("deprecationfrom", text("yesterday")),
            ("deprecationsunset", text("2024-11-12")),
            ("deprecationmigration", text("/migrate")),
        ],
        &[
            ("deprecated", "DEPREC-deprecated-a", MISSING),
            ("deprecationfrom", "DEPREC-deprecationfrom-a", ""),
            ("deprecationsunset", "DEPREC-deprecationsunset-a", ""),
            ("deprecationmigration", "DEPREC-deprecationmigration-a", ""),
        ],
    );
    expect(
        &[("deprecated", text("yes"))],
        &[("deprecated", "DEPREC-deprecated-a", "only `true` and `false`")],
    );
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";

#[test]
fn traceparent() {
    for parent in [
        PARENT,
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like",
    ] {
        expect(&[("traceparent", text(parent))], &[]);
    }
    for parent in [
        // As the document of OPC UA has it, without a version.
        "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00000011",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-é",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
        "é",
    ] {
        expect(&[("traceparent", text(parent))], &[("traceparent", "TRACE-traceparent-a", "")]);
    }
    expect(&[("traceparent", text(""))], &[("traceparent", "TRACE-traceparent-b", "it is empty")]);
    expect(&[("tracestate", text("congo=t61rcWkgMzE"))], &[("traceparent", "TRACE-traceparent-a", MISSING)]);
}

#[test]
fn tracestate() {
    let parent = ("traceparent", text(PARENT));
    let entries = |number| (0..number).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join(",");
    let long = format!("{}={}", "k".repeat(256), "v".repeat(256));
    for state in [
        "rojo=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01,congo=lZWRzIHRoNhcm5hbCBwbGVhc3VyZS4",
        "",
        " , rojo=1 ,, 0key@system/a*b-c_d= ~v",
        &entries(32),
        &long,
    ] {
        expect(&[parent, ("tracestate", text(state))], &[]);
    }
    for (state, words) in [
        ("rojo", "no `=`"),
        ("Rojo=1", "`Rojo` is not a key"),
        ("=1", "`` is not a key"),
        ("rojo=", "the value of `rojo`"),
        ("rojo=a=b", "the value of `rojo`"),
        ("rojo=é", "the value of `rojo`"),
        ("rojo=1,congo=2,rojo=3", "appears twice"),
        (&entries(33), "more than 32"),
        (&format!("k{long}"), "is not a key"),
        (&format!("{long}v"), "the value of"),
    ] {
        expect(&[parent, ("tracestate", text(state))], &[("tracestate", "TRACE-tracestate-a", words)]);
    }
}

#[test]
fn timestamps() {
    for name in ["expirytime", "recordedtime"] {
        expect(&[(name, text("2018-04-05T18:31:00Z"))], &[]);
        // Before `time` is against a recommendation only.
        expect(&[(name, text("2018-04-05T17:30:59Z"))], &[]);
    }
    expect(
        &[("expirytime", text("2026-02-30T10:00:00Z")), ("recordedtime", Value::Integer(1_522_949_460))],
        &[
            ("expirytime", "EXPIRY-expirytime-a", "February 2026 has 28 days"),
            ("recordedtime", "RECTIME-recordedtime-b", "Timestamp is expected, and this is Integer"),
        ],
    );
}

#[test]
fn opc_ua() {
    let versions = [
        ("opcuametadatamajorversion", text("672338910")),
        ("opcuametadataminorversion", Value::Integer(672_341_762)),
    ];
    let subject = ("subject", text("energy-consumption-asset"));
    let others = [
        ("sequence", text("7")),
        ("traceparent", text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        ("recordedtime", text("2024-03-28T21:56:43Z")),
    ];
    let schema = ("dataschema", text("http://example.com/schemas/energy-consumption-asset/v1.8"));
    expect(&[("type", text("ua-metadata")), subject], &[]);
    expect(&[&[("type", text("ua-deltaframe")), subject], &others[..], &versions].concat(), &[]);
    expect(&[&[("type", text("ua-keyframe")), subject, schema], &others[..]].concat(), &[]);
    let id = ("subject", text("energy-consumption-asset/444321"));
    expect(&[&[("type", text("ua-event")), id], &others[..]].concat(), &[]);
    // The attributes alone, in an event of another kind.
    expect(&versions, &[]);
    expect(&[("opcuastatus", text("Good"))], &[("opcuastatus", "OPCUA-opcuastatus-a", "digits")]);
    expect(
        &[&[schema], &versions[..]].concat(),
        &[
            ("opcuametadatamajorversion", "OPCUA-opcuametadatamajorversion-a", "beside dataschema"),
            ("opcuametadataminorversion", "OPCUA-opcuametadataminorversion-a", "beside dataschema"),
        ],
    );
    for subject in ["energy-consumption-asset", "energy-consumption-asset/", "/444321"] {
        expect(
            &[&[("type", text("ua-event")), ("subject", text(subject))], &others[..]].concat(),
            &[("subject", "OPCUA-subject-b", "the id of the event")],
        );
    }
    expect(
        &[("type", text("ua-keyframe"))],
        &[
            ("subject", "OPCUA-subject-a", MISSING),
            ("sequence", "OPCUA-Other-a", MISSING),
            ("traceparent", "OPCUA-Other-a", MISSING),
            ("recordedtime", "OPCUA-Other-a", MISSING),
        ],
    );
}

#[test]
fn one_attribute_each() {
    expect(&[("partitionkey", text("order-42")), ("sequence", text("001"))], &[]);
    expect(
        &[("partitionkey", text("")), ("sequence", text(""))],
        &[
            ("partitionkey", "PART-partitionkey-b", "it is empty"),
            ("sequence", "SEQ-sequence-b", "it is empty"),
        ],
    );
    expect(
        &[("partitionkey", Value::Integer(42)), ("sequence", Value::Integer(1))],
        &[
            ("partitionkey", "PART-partitionkey-a", "String is expected, and this is Integer"),
            ("sequence", "SEQ-sequence-a", "String is expected, and this is Integer"),
        ],
    );
    expect(&[("dssematerial", Value::Binary(b"{}"))], &[]);
    expect(&[("dssematerial", text("eyJwYXlsb2FkIjoiZTMwPSJ9"))], &[]);
    expect(&[("dssematerial", text("{}"))], &[("dssematerial", "VERIFY-dssematerial-a", "base64")]);
}

#[test]
fn sampled_rate() {
    for rate in [Value::Integer(1), Value::Integer(i32::MAX), text("30")] {
        expect(&[("sampledrate", rate)], &[]);
    }
    for rate in [Value::Integer(0), Value::Integer(-1), text("0"), text("-0")] {
        expect(
            &[("sampledrate", rate)],
            &[("sampledrate", "SAMPLE-sampledrate-b", "is not greater than zero")],
        );
    }
    for rate in [text("1/30"), text("030"), text("2147483648"), Value::Boolean(true)] {
        expect(&[("sampledrate", rate)], &[("sampledrate", "SAMPLE-sampledrate-a", "")]);
    }
}

#[test]
fn severity() {
    for number in [Value::Integer(0), Value::Integer(17), text("24"), Value::Integer(i32::MAX)] {
        expect(&[("severitynumber", number), ("severitytext", text("ERROR"))], &[]);
    }
    expect(
        &[("severitytext", text(""))],
        &[
            ("severitynumber", "SEV-severitynumber-a", MISSING),
            ("severitytext", "SEV-severitytext-c", "it is empty"),
        ],
    );
    expect(
        &[("severitynumber", text("-1")), ("severitytext", Value::Integer(17))],
        &[
            ("severitynumber", "SEV-severitynumber-d", "-1 is negative"),
            ("severitytext", "SEV-severitytext-a", "String is expected, and this is Integer"),
        ],
    );
    expect(&[("severitynumber", text("ERROR"))], &[("severitynumber", "SEV-severitynumber-a", "digits")]);
}

#[test]
fn an_event_without_extensions_breaks_nothing() {
    expect(&[], &[]);
    expect(&[("priority", Value::Integer(0)), ("comexampleother", text(""))], &[]);
}

/// A clause that is not in the inventory could not be explained.
#[test]
fn every_clause_is_known() {
    let known: Vec<_> =
        cloudevents_vectors::load_requirements().unwrap().into_iter().map(|rule| rule.id).collect();
    let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    let mut found = 0;
    for source in sources {
        let source = std::fs::read_to_string(source.unwrap().path()).unwrap();
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        for quoted in code.flat_map(|line| line.split('"').skip(1).step_by(2)) {
            let is_clause = quoted.split('-').count() == 3
                && quoted.starts_with(|first: char| first.is_ascii_uppercase());
            if is_clause && quoted != "PCI-DSS" {
                found += 1;
                assert!(known.iter().any(|id| id == quoted), "{quoted}");
            }
        }
    }
    assert!(found > 50, "{found}");
}
