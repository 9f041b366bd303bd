//! Faults of writing messages.

use cloudevents_vectors::BodyForm;
use serde_json::{Value, json};

use super::Mutant;
use super::MutantProfile::{Base, Should, Verbatim};
use super::edit::{
    add_header, body, change_body, change_document, content_type, each_value, headers, is_json_document,
    is_op, is_percent_encoded, name, percent_decoded, set_body, set_content_type, writes_to, writes_via,
    written,
};
use crate::compare::bytes::decode;

fn on<'a>(
    via: &str,
    request: &Value,
    answer: &'a mut Value,
) -> Option<&'a mut serde_json::Map<String, Value>> {
    written(answer).filter(|_| writes_via(request) == via)
}

/// The message that was written to a carrier with percent-encoded values.
fn encoded<'a>(request: &Value, answer: &'a mut Value) -> Option<&'a mut serde_json::Map<String, Value>> {
    written(answer).filter(|_| writes_to(request).is_some_and(is_percent_encoded))
}

/// Changes the members of the JSON document that was written.
fn document(request: &Value, answer: &mut Value, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    if let Some(message) = written(answer).filter(|message| is_json_document(writes_via(request), message)) {
        change_document(message, change);
    }
}

fn is_binary(message: &serde_json::Map<String, Value>) -> bool {
    content_type(message).is_none_or(|text| !text.to_lowercase().starts_with("application/cloudevents"))
}

/// Adds a time to the written event, if it has none.
fn add_time(request: &Value, answer: &mut Value) {
    let now = "2026-01-01T00:00:00Z";
    document(request, answer, |members| {
        members.entry("time").or_insert_with(|| json!(now));
    });
    if let Some(carrier) = writes_to(request)
        && let Some(message) = written(answer).filter(|message| is_binary(message))
    {
        let is_time =
            |header: &Value| header[0].as_str().is_some_and(|name| carrier.attribute(name) == "time");
        if headers(message).is_some_and(|headers| !headers.iter().any(is_time)) {
            add_header(carrier, message, "time", now);
        }
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::of_answer("header-written-raw", &["http"], Base, |request, answer| {
        if let Some(message) = encoded(request, answer) {
            each_value(message, |name, value| name.starts_with("ce-").then(|| percent_decoded(value)));
        }
    }),
    Mutant::of_answer("percent-sign-not-escaped", &["http"], Base, |request, answer| {
        if let Some(message) = encoded(request, answer) {
            each_value(message, |_, value| value.contains("%25").then(|| value.replace("%25", "%")));
        }
    }),
    Mutant::of_answer("space-not-escaped", &["http"], Base, |request, answer| {
        if let Some(message) = encoded(request, answer) {
            each_value(message, |_, value| value.contains("%20").then(|| value.replace("%20", " ")));
        }
    }),
    Mutant::of_answer("hexadecimal-digits-in-lower-case", &["http"], Should, |request, answer| {
        if let Some(message) = encoded(request, answer) {
            each_value(message, |name, value| {
                (name.starts_with("ce-") && value.contains('%')).then(|| {
                    let mut parts = value.split('%');
                    let first = parts.next().unwrap_or_default().to_owned();
                    parts.fold(first, |text, part| {
                        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
                        format!("{text}%{}{rest}", digits.to_lowercase())
                    })
                })
            });
        }
    }),
    Mutant::of_answer("content-type-twice", &["http"], Base, |request, answer| {
        if let Some(message) = on("http", request, answer).filter(|message| is_binary(message))
            && let (Some(carrier), Some(text)) = (writes_to(request), content_type(message))
        {
            add_header(carrier, message, "datacontenttype", &text);
        }
    }),
    // The bindings of Kafka and MQTT do not forbid the same content type in a header of an attribute.
    Mutant::of_answer(
        "two-content-types",
        &["http", "kafka", "mqtt", "carriers"],
        Base,
        |request, answer| {
            if let (Some(carrier), Some(message)) = (writes_to(request), written(answer))
                && content_type(message).is_some_and(|text| !text.starts_with("application/cloudevents"))
            {
                add_header(carrier, message, "datacontenttype", "text/mutant");
            }
        },
    ),
    Mutant::of_answer(
        "content-type-not-written",
        &["http", "kafka", "amqp", "carriers"],
        Base,
        |_, answer| {
            if let Some(message) = written(answer) {
                set_content_type(message, None);
            }
        },
    ),
    Mutant::of_answer("content-type-invented", &["http", "kafka", "amqp", "carriers"], Base, |_, answer| {
        if let Some(message) = written(answer).filter(|message| content_type(message).is_none()) {
            set_content_type(message, Some("application/octet-stream"));
        }
    }),
    Mutant::of_answer(
        "batch-under-the-media-type-of-an-event",
        &["http", "xml", "protobuf"],
        Base,
        |_, answer| {
            if let Some(message) = written(answer)
                && let Some(text) = content_type(message).filter(|text| text.contains("cloudevents-batch"))
            {
                set_content_type(message, Some(&text.replace("cloudevents-batch", "cloudevents")));
            }
        },
    ),
    Mutant::of_answer(
        "json-string-written-without-quotation-marks",
        &["http", "kafka"],
        Base,
        |_, answer| {
            if let Some(message) = written(answer).filter(|message| is_binary(message)) {
                change_body(message, |text| serde_json::from_str::<String>(text).ok());
            }
        },
    ),
    Mutant::of_answer("json-spliced", &["http", "json"], Base, |request, answer| {
        // Bytes that are not JSON under a JSON content type are written into the document unchanged.
        if let Some(message) =
            written(answer).filter(|message| is_json_document(writes_via(request), message))
        {
            change_body(message, |text| {
                let document: Value = serde_json::from_str(text).ok()?;
                let base64 = document["data_base64"].as_str()?;
                document["datacontenttype"].as_str().filter(|content_type| content_type.ends_with("json"))?;
                let spliced = String::from_utf8(decode(base64)?).ok()?;
                Some(text.replace(&format!("\"data_base64\":\"{base64}\""), &format!("\"data\":{spliced}")))
            });
        }
    }),
    Mutant::of_answer("json-payload-written-as-base64", &["json", "http"], Base, |request, answer| {
        document(request, answer, |members| {
            if let Some(data) = members.remove("data") {
                members.insert(
                    "data_base64".to_owned(),
                    json!(crate::compare::bytes::encode(data.to_string().as_bytes())),
                );
            }
        });
    }),
    Mutant::of_answer("json-payload-written-as-a-string", &["json", "http"], Base, |request, answer| {
        document(request, answer, |members| {
            if let Some(data) = members.get_mut("data").filter(|data| data.is_object() || data.is_array()) {
                *data = json!(data.to_string());
            }
        });
    }),
    Mutant::of_answer("attributes-written-as-strings", &["json"], Verbatim, |request, answer| {
        document(request, answer, |members| {
            for (_, value) in members.iter_mut().filter(|(name, _)| *name != "data") {
                if value.is_number() || value.is_boolean() {
                    *value = json!(value.to_string());
                }
            }
        });
    }),
    Mutant::of_answer("extension-written-twice", &["json"], Base, |request, answer| {
        if let Some(message) =
            written(answer).filter(|message| is_json_document(writes_via(request), message))
        {
            change_body(message, |text| Some(text.replacen('{', "{\"id\":\"A-1001\",", 1)));
        }
    }),
    Mutant::of_answer("payload-of-no-data-written-as-null", &["json", "http"], Base, |request, answer| {
        let without = request["events"][0].get("data").is_none();
        if is_op(request, "encode") && without {
            document(request, answer, |members| drop(members.insert("data".to_owned(), Value::Null)));
        }
    }),
    Mutant::of_answer(
        "time-written-although-there-is-none",
        &["http", "kafka", "json"],
        Verbatim,
        |request, answer| {
            // The producer may set it.
            if is_op(request, "encode") {
                add_time(request, answer);
            }
        },
    ),
    Mutant::of_answer(
        "time-added-to-what-is-passed-on",
        &["http", "amqp", "protobuf", "cbor", "xml"],
        Verbatim,
        |request, answer| {
            if is_op(request, "transcode") {
                add_time(request, answer);
            }
        },
    ),
    Mutant::of_answer(
        "invalid-event-written",
        &["http", "json", "kafka", "amqp", "protobuf", "avro", "xml", "cbor", "carriers"],
        Should,
        |request, answer| {
            if is_op(request, "encode") && answer.get("error").is_some() {
                *answer = json!({"seq": answer["seq"], "result": {"message": {"headers": [], "body": {"text": "{}"}}}});
            }
        },
    ),
    Mutant::of_answer("last-event-of-a-batch-not-written", &["http", "json"], Base, |request, answer| {
        if let Some(message) =
            written(answer).filter(|message| is_json_document(writes_via(request), message))
        {
            change_body(message, |text| {
                let mut items: Vec<Value> = serde_json::from_str(text).ok()?;
                items.pop()?;
                Some(json!(items).to_string())
            });
        }
    }),
    Mutant::of_answer("empty-payload-written-as-a-tombstone", &["kafka"], Base, |request, answer| {
        if let Some(message) =
            on("kafka", request, answer).filter(|message| body(message).is_some_and(|bytes| bytes.is_empty()))
        {
            message.insert("value".to_owned(), Value::Null);
        }
    }),
    Mutant::of_answer("record-key-not-written", &["kafka"], Base, |request, answer| {
        if let Some(message) = on("kafka", request, answer) {
            message.insert("key".to_owned(), Value::Null);
        }
    }),
    Mutant::of_answer("partition-key-taken-out-of-the-event", &["kafka"], Base, |request, answer| {
        if let Some(headers) = on("kafka", request, answer).and_then(headers) {
            headers.retain(|header| name(header) != "ce_partitionkey");
        }
    }),
    Mutant::of_answer("integer-written-as-int", &["amqp"], Base, |request, answer| {
        for header in on("amqp", request, answer).and_then(headers).into_iter().flatten() {
            if header[1]["type"] == "long" {
                header[1]["type"] = json!("int");
            }
        }
    }),
    Mutant::of_answer("separators-mixed", &["amqp"], Base, |request, answer| {
        if let Some(header) =
            on("amqp", request, answer).and_then(headers).and_then(|headers| headers.first_mut())
        {
            let other = match header[0].as_str() {
                Some(name) if name.contains('_') => name.replacen('_', ":", 1),
                Some(name) => name.replacen(':', "_", 1),
                None => String::new(),
            };
            header[0] = json!(other);
        }
    }),
    Mutant::of_answer("time-written-as-a-number", &["amqp"], Base, |request, answer| {
        for header in on("amqp", request, answer).and_then(headers).into_iter().flatten() {
            if header[1]["type"] == "timestamp" {
                header[1]["type"] = json!("long");
            }
        }
    }),
    Mutant::of_answer(
        "a-byte-of-the-document-lost",
        &["protobuf", "avro", "avro-compact", "cbor", "xml"],
        Base,
        |_, answer| {
            if let Some(message) = written(answer)
                && let Some(mut bytes) = body(message)
            {
                bytes.pop();
                set_body(message, &bytes);
            }
        },
    ),
    Mutant::of_answer(
        "losses-not-reported",
        // HTTP loses only characters that a charset does not have, and to keep to it is a SHOULD.
        &["json", "xml", "avro", "avro-compact", "protobuf", "cbor"],
        Base,
        |_, answer| {
            if let Some(result) = answer.get_mut("result").and_then(Value::as_object_mut) {
                result.remove("losses");
            }
        },
    ),
    Mutant::of_answer(
        "loss-accepted-where-none-is-allowed",
        // JSON loses nothing but the type URL, which the cases of Protobuf judge.
        &["protobuf", "avro-compact"],
        Base,
        |request, answer| {
            if request["exact"] == true && answer["error"]["kind"] == "inexact" {
                *answer = json!({"seq": answer["seq"], "result": {"message": {"body": {"text": "{}"}, "headers": []}, "losses": []}});
            }
        },
    ),
    Mutant::of_answer("prefix-of-another-carrier", &["carriers"], Base, |request, answer| {
        let carrier = writes_to(request).filter(|carrier| carrier.area() == "carriers");
        let prefix = carrier.and_then(|carrier| carrier.headers.as_ref()?.prefixes.first());
        let (Some(prefix), Some(headers)) = (prefix, written(answer).and_then(headers)) else { return };
        let other = if prefix == "ce-" { "ce_" } else { "ce-" };
        for header in headers {
            if let Some(attribute) = header[0].as_str().and_then(|name| name.strip_prefix(prefix)) {
                header[0] = json!(format!("{other}{attribute}"));
            }
        }
    }),
    Mutant::of_answer("document-not-in-base64", &["carriers"], Base, |request, answer| {
        if writes_to(request).is_some_and(|carrier| carrier.body.form == BodyForm::Base64)
            && let Some(message) = written(answer)
        {
            change_body(message, |text| String::from_utf8(decode(text)?).ok());
        }
    }),
    Mutant::of_answer("no-payload-written-as-an-empty-body", &["carriers"], Base, |request, answer| {
        if let Some(message) =
            on("rocketmq", request, answer).filter(|message| body(message).is_some_and(|bytes| bytes == [0]))
        {
            set_body(message, &[]);
        }
    }),
    Mutant::of_answer("stray-text-in-the-document", &["xml"], Base, |request, answer| {
        if let Some(message) = on("xml", request, answer) {
            change_body(message, |text| {
                Some(text.replacen("</ce:id>", "</ce:id>x", 1).replacen("</id>", "</id>x", 1))
            });
        }
    }),
];
