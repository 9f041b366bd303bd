//! Faults of reading messages.

use cloudevents_vectors::{BodyForm, Carrier};
use serde_json::{Value, json};

use super::MutantProfile::{Base, Should, Strict, Verbatim};
use super::edit::{
    add_attribute, add_header, change_body, change_document, content_type, each_attribute, each_value,
    events, headers, is_json_document, is_op, is_percent_encoded, message, name, percent_decoded, reads_from,
    reads_via, refuse, set_content_type,
};
use super::{CRASH, Mutant};

/// Changes the members of the JSON document that a request reads, if it reads one.
fn document(request: &mut Value, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    let via = reads_via(request).to_owned();
    if let Some(message) = message(request).filter(|message| is_json_document(&via, message)) {
        change_document(message, change);
    }
}

/// Changes the text of the JSON document that a request reads.
fn text(request: &mut Value, change: impl FnOnce(&str) -> Option<String>) {
    let via = reads_via(request).to_owned();
    if let Some(message) = message(request).filter(|message| is_json_document(&via, message)) {
        change_body(message, change);
    }
}

fn header_values(request: &mut Value, change: impl Fn(&str) -> Option<String>) {
    if let Some(carrier) = reads_from(request).filter(|carrier| is_percent_encoded(carrier))
        && let Some(message) = message(request)
    {
        each_value(message, |name, value| if carrier.is_of_attribute(name) { change(value) } else { None });
    }
}

/// Keeps one of the headers that appear more than once.
fn without_duplicates(request: &mut Value, last: bool) {
    let Some(headers) = message(request).and_then(headers) else { return };
    let mut kept: Vec<Value> = Vec::new();
    for header in headers.drain(..) {
        match kept.iter_mut().find(|other| name(other) == name(&header)) {
            Some(other) if last => *other = header,
            Some(_) => (),
            None => kept.push(header),
        }
    }
    *headers = kept;
}

/// Gives a message an attribute that it lacks.
fn invented(request: &mut Value, attribute: &'static str, value: &'static str) {
    document(request, |members| {
        members.entry(attribute).or_insert_with(|| json!(value));
    });
    let via = reads_via(request).to_owned();
    let Some(message) = message(request).filter(|message| !is_json_document(&via, message)) else { return };
    let (Some(carrier), Some(list)) = (Carrier::of(&via), headers(message)) else { return };
    let own = |header: &Value| header[0].as_str().is_some_and(|name| carrier.is_of_attribute(name));
    if list.iter().any(own) && !list.iter().any(|header| name(header).ends_with(attribute)) {
        add_header(carrier, message, attribute, value);
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::of_request("read-invents-a-missing-id", &["core", "http", "kafka", "amqp"], Base, |request| {
        invented(request, "id", "mutant");
    }),
    Mutant::of_request(
        "read-invents-a-missing-specversion",
        &["core", "http", "kafka", "amqp"],
        Base,
        |request| invented(request, "specversion", "1.0"),
    ),
    // No sentence forbids a receiver to set one.
    Mutant::of_answer(
        "read-invents-a-time",
        &["http", "json", "kafka", "protobuf"],
        Verbatim,
        |_, answer| {
            add_attribute(answer, "time", "Timestamp", "2026-01-01T00:00:00Z");
        },
    ),
    Mutant::of_answer(
        "read-invents-a-content-type",
        &["http", "json", "kafka", "amqp", "protobuf", "avro", "xml", "carriers"],
        Base,
        |_, answer| add_attribute(answer, "datacontenttype", "String", "application/json"),
    ),
    Mutant::of_request("header-decoded-twice", &["http"], Base, |request| {
        header_values(request, |value| {
            value
                .contains("%25")
                .then(|| value.replace("%25", "%"))
                .filter(|new| percent_decoded(new) != *new)
        });
    }),
    Mutant::of_request("header-not-decoded", &["http"], Base, |request| {
        header_values(request, |value| value.contains('%').then(|| value.replace('%', "%25")));
    }),
    Mutant::of_request("header-plus-is-a-space", &["http"], Base, |request| {
        header_values(request, |value| value.contains('+').then(|| value.replace('+', "%20")));
    }),
    Mutant::of_request("header-keeps-quotation-marks", &["http"], Base, |request| {
        header_values(request, |value| {
            let inner = value.strip_prefix('"')?.strip_suffix('"')?;
            Some(format!("%22{inner}%22"))
        });
    }),
    Mutant::of_request("header-invalid-utf-8-replaced", &["http"], Base, |request| {
        header_values(request, |value| {
            let octets: Vec<u8> = percent_decoded(value).chars().map(|c| c as u8).collect();
            str::from_utf8(&octets).is_err().then(|| "%EF%BF%BD".to_owned())
        });
    }),
    Mutant::of_request("header-names-have-a-case", &["http"], Base, |request| {
        if reads_from(request)
            .and_then(|carrier| carrier.headers.as_ref())
            .is_some_and(|known| known.any_case)
            && let Some(headers) = message(request).and_then(headers)
        {
            headers.retain(|header| {
                header[0].as_str().is_some_and(|name| name == name.to_lowercase() || !name.contains('-'))
            });
        }
    }),
    Mutant::of_request(
        "structured-read-as-binary-when-headers-are-there",
        &["http", "kafka"],
        Base,
        |request| {
            if let Some(message) = message(request)
                && content_type(message).is_some_and(|text| text.starts_with("application/cloudevents+json"))
                && headers(message)
                    .is_some_and(|headers| headers.iter().any(|header| name(header).ends_with("specversion")))
            {
                set_content_type(message, Some("application/json"));
            }
        },
    ),
    Mutant::of_request("media-type-has-a-case", &["http", "kafka", "amqp"], Base, |request| {
        if let Some(message) = message(request)
            && content_type(message).is_some_and(|text| {
                text.to_lowercase().starts_with("application/cloudevents")
                    && !text.starts_with("application/cloudevents")
            })
        {
            set_content_type(message, Some("text/plain"));
        }
    }),
    Mutant::of_request(
        "media-type-parameters-not-stripped",
        &["http", "kafka", "amqp", "carriers"],
        Base,
        |request| {
            if let Some(message) = message(request)
                && content_type(message)
                    .is_some_and(|text| text.starts_with("application/cloudevents") && text.contains(';'))
            {
                set_content_type(message, Some("application/cloudevents+unknown"));
            }
        },
    ),
    // That JSON travels under its media type binds producers.
    Mutant::of_request("media-type-told-by-its-beginning", &["http", "kafka"], Strict, |request| {
        if let Some(message) = message(request)
            && let Some(text) = content_type(message)
            && text.starts_with("application/cloudevents+json")
            && !text.trim_end().ends_with("json")
            && !text.contains(';')
        {
            set_content_type(message, Some("application/cloudevents+json"));
        }
    }),
    Mutant::of_request("unknown-format-read-as-binary", &["http", "kafka"], Base, |request| {
        if let Some(message) = message(request)
            && content_type(message).is_some_and(|text| {
                let text = text.to_lowercase();
                text.starts_with("application/cloudevents+")
                    && !["json", "xml", "avro", "protobuf", "cbor"].iter().any(|known| text.contains(known))
            })
        {
            set_content_type(message, Some("application/octet-stream"));
        }
    }),
    Mutant::of_request(
        "last-of-duplicate-headers-wins",
        &["http", "kafka", "amqp", "carriers"],
        Strict,
        |request| {
            without_duplicates(request, true);
        },
    ),
    Mutant::of_request(
        "first-of-duplicate-headers-wins",
        &["http", "kafka", "amqp", "carriers"],
        Strict,
        |request| {
            without_duplicates(request, false);
        },
    ),
    Mutant::of_request("last-of-duplicate-members-wins", &["json"], Strict, |request| {
        text(request, |text| {
            let document: Value = serde_json::from_str(text).ok()?;
            let members = document.as_object()?.len();
            let tree = crate::tree::json::parse(text).ok()?;
            (tree.members().len() > members).then(|| document.to_string())
        });
    }),
    Mutant::of_request("null-attribute-is-the-word-null", &["core", "json"], Base, |request| {
        document(request, |members| {
            let null =
                members.iter_mut().filter(|(name, value)| value.is_null() && !name.starts_with("data"));
            null.for_each(|(_, value)| *value = json!("null"));
        });
    }),
    Mutant::of_answer("null-attribute-refused", &["core", "json"], Base, |request, answer| {
        let body = request["message"]["body"]["text"].as_str().unwrap_or_default();
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        let null = |(name, value): (&String, &Value)| value.is_null() && !name.starts_with("data");
        if document.as_object().is_some_and(|members| members.iter().any(null)) {
            refuse(answer);
        }
    }),
    Mutant::of_request("data-and-data-base64-accepted", &["json"], Strict, |request| {
        document(request, |members| {
            if members.contains_key("data") {
                members.remove("data_base64");
            }
        });
    }),
    Mutant::of_request("base64-of-another-alphabet-accepted", &["json"], Base, |request| {
        document(request, |members| {
            if let Some(Value::String(text)) = members.get_mut("data_base64") {
                *text = text.replace('-', "+").replace('_', "/").trim().to_owned();
                while !text.len().is_multiple_of(4) {
                    text.push('=');
                }
            }
        });
    }),
    Mutant::of_request("fraction-cut-to-an-integer", &["core"], Strict, |request| {
        document(request, |members| {
            let own = members.iter_mut().filter(|(name, value)| *name != "data" && value.is_f64());
            own.for_each(|(_, value)| *value = json!(value.as_f64().unwrap_or_default() as i32));
        });
    }),
    Mutant::of_request("integer-beyond-its-range-cut", &["core", "json"], Strict, |request| {
        document(request, |members| {
            let own = members.iter_mut().filter(|(name, value)| *name != "data" && value.is_number());
            own.for_each(|(_, value)| {
                if value.as_i64().is_none_or(|number| i32::try_from(number).is_err()) && !value.is_f64() {
                    *value = json!(1);
                }
            });
        });
    }),
    Mutant::of_request("object-as-an-attribute-becomes-text", &["core"], Strict, |request| {
        document(request, |members| {
            let own = members.iter_mut().filter(|(name, value)| *name != "data" && value.is_object());
            own.for_each(|(_, value)| *value = json!(value.to_string()));
        });
    }),
    Mutant::of_request("number-as-a-string-attribute-accepted", &["core"], Strict, |request| {
        document(request, |members| {
            for name in ["id", "type", "subject", "source", "specversion"] {
                if let Some(value) = members.get_mut(name).filter(|value| value.is_number()) {
                    *value = json!(value.to_string());
                }
            }
        });
    }),
    Mutant::of_request("upper-case-name-changed-silently", &["core", "json"], Strict, |request| {
        if request["strictness"] != "lenient" {
            document(request, |members| {
                let names: Vec<_> =
                    members.keys().filter(|name| **name != name.to_lowercase()).cloned().collect();
                for name in names {
                    if let Some(value) = members.remove(&name) {
                        members.entry(name.to_lowercase()).or_insert(value);
                    }
                }
            });
        }
    }),
    Mutant::of_request("empty-name-ignored", &["json"], Strict, |request| {
        document(request, |members| drop(members.remove("")));
    }),
    Mutant::of_request("specversion-not-looked-at", &["core", "http"], Strict, |request| {
        document(request, |members| {
            if let Some(Value::String(text)) = members.get_mut("specversion") {
                "1.0".clone_into(text);
            }
        });
        if let Some(message) = message(request) {
            each_value(message, |name, value| {
                (name == "ce-specversion" && value != "0.3").then(|| "1.0".to_owned())
            });
        }
    }),
    Mutant::of_request("control-characters-accepted", &["core", "http"], Strict, |request| {
        let is_escape =
            |text: &str| text.contains("\\u0007") || text.contains("\\n") || text.contains("\\u007f");
        text(request, |text| {
            is_escape(text).then(|| text.replace("\\u0007", "").replace("\\n", "").replace("\\u007f", ""))
        });
        header_values(request, |value| {
            let new = ["%0A", "%0D", "%00", "%09", "%7F"]
                .iter()
                .fold(value.to_owned(), |text, escape| text.replace(escape, ""));
            (new != value).then_some(new)
        });
    }),
    Mutant::of_request("time-not-looked-at", &["core", "http", "kafka"], Strict, |request| {
        let good = "2018-04-05T17:31:00Z";
        document(request, |members| {
            if members.get("time").is_some_and(Value::is_string) {
                members.insert("time".to_owned(), json!(good));
            }
        });
        if let Some(message) = message(request) {
            each_value(message, |name, _| name.ends_with("time").then(|| good.to_owned()));
        }
    }),
    Mutant::of_request("source-not-looked-at", &["core"], Strict, |request| {
        document(request, |members| {
            if members.get("source").and_then(Value::as_str).is_some_and(|text| !text.is_empty()) {
                members.insert("source".to_owned(), json!("/s"));
            }
        });
    }),
    Mutant::of_request("dataschema-not-looked-at", &["core"], Strict, |request| {
        document(request, |members| drop(members.remove("dataschema")));
    }),
    Mutant::of_request("content-type-not-looked-at", &["core"], Strict, |request| {
        document(request, |members| {
            if members.get("datacontenttype").is_some_and(Value::is_string) {
                members.insert("datacontenttype".to_owned(), json!("application/json"));
            }
        });
    }),
    Mutant::of_request("text-after-the-document-ignored", &["json"], Strict, |request| {
        text(request, |text| {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            let first = values.next()?.ok()?;
            let end = values.byte_offset();
            (first.is_object() && end < text.trim_end().len())
                .then(|| text.get(..end).unwrap_or_default().to_owned())
        });
    }),
    Mutant::of_answer(
        "empty-batch-refused",
        &["http", "json", "protobuf", "xml"],
        Base,
        |request, answer| {
            if is_op(request, "decode") && answer["result"]["events"] == json!([]) {
                refuse(answer);
            }
        },
    ),
    Mutant::of_answer("batch-reversed", &["http", "json", "protobuf", "xml"], Base, |_, answer| {
        if let Some(Value::Array(events)) =
            answer.get_mut("result").and_then(|result| result.get_mut("events"))
        {
            events.reverse();
        }
    }),
    Mutant::of_answer(
        "structured-called-binary",
        &["http", "kafka", "amqp", "carriers"],
        Base,
        |_, answer| {
            if answer["result"]["mode"] == "structured" {
                answer["result"]["mode"] = json!("binary");
            }
        },
    ),
    Mutant::of_answer(
        "foreign-message-accepted",
        &["http", "kafka", "amqp", "carriers"],
        Base,
        |request, answer| {
            if answer["error"]["kind"] == "not-a-cloudevent" {
                *answer = json!({"seq": answer["seq"], "result": {"mode": "binary", "events": [
                    {"specversion": "1.0", "attributes": {"id": {"type": "String", "value": "x"}}, "data": request["message"]["body"]}
                ]}});
            }
        },
    ),
    Mutant::of_request("prefix-of-another-carrier-read", &["carriers"], Base, |request| {
        let carrier = reads_from(request).filter(|carrier| carrier.area() == "carriers");
        let prefix = carrier.and_then(|carrier| carrier.headers.as_ref()?.prefixes.first());
        let (Some(prefix), Some(headers)) = (prefix, message(request).and_then(headers)) else { return };
        for header in headers {
            if let Some(attribute) = header[0].as_str().and_then(|name| name.strip_prefix("CE-")) {
                header[0] = json!(format!("{prefix}{attribute}"));
            }
        }
    }),
    Mutant::of_answer("no-payload-read-as-a-byte", &["carriers"], Base, |request, answer| {
        if reads_via(request) == "rocketmq" && request["message"]["body"]["base64"] == "AA==" {
            events(answer).for_each(|event| drop(event.insert("data".to_owned(), json!({"binary": "AA=="}))));
        }
    }),
    Mutant::of_answer("base64-of-a-document-refused", &["carriers"], Base, |request, answer| {
        let is_encoded = reads_from(request).is_some_and(|carrier| carrier.body.form == BodyForm::Base64);
        let text = request["message"]["body"]["text"].as_str().unwrap_or_default();
        if is_encoded && !text.trim_start().starts_with('{') {
            refuse(answer);
        }
    }),
    Mutant::of_answer("tombstone-has-an-empty-payload", &["kafka"], Base, |request, answer| {
        if reads_via(request) == "kafka" && request["message"]["value"].is_null() {
            events(answer).for_each(|event| drop(event.insert("data".to_owned(), json!({"binary": ""}))));
        }
    }),
    Mutant::of_answer("record-key-replaces-partitionkey", &["kafka"], Base, |request, answer| {
        if reads_via(request) == "kafka"
            && let Some(key) = request["message"]["key"]["text"].as_str()
        {
            each_attribute(answer, |name, attribute| {
                if name == "partitionkey" {
                    attribute.insert("value".to_owned(), json!(key));
                }
                true
            });
        }
    }),
    Mutant::of_answer("null-header-crashes", &["kafka"], Base, |request, answer| {
        let headers = request["message"]["headers"].as_array();
        if headers.is_some_and(|headers| headers.iter().any(|header| header[1].is_null())) {
            *answer = json!(CRASH);
        }
    }),
    Mutant::of_request("colon-properties-not-understood", &["amqp"], Base, |request| {
        if let Some(headers) = message(request).and_then(headers) {
            headers.retain(|header| !name(header).starts_with("cloudevents:"));
        }
    }),
    Mutant::of_request("underscore-properties-not-understood", &["amqp"], Should, |request| {
        if let Some(headers) = message(request).and_then(headers) {
            headers.retain(|header| !name(header).starts_with("cloudevents_"));
        }
    }),
    Mutant::of_request("milliseconds-taken-for-seconds", &["amqp"], Base, |request| {
        for header in message(request).and_then(headers).into_iter().flatten() {
            if header[1]["type"] == "timestamp"
                && header[1]["value"].as_i64().is_some_and(|number| number > 1000)
            {
                header[1]["value"] = json!(header[1]["value"].as_i64().unwrap_or_default() / 1000);
            }
        }
    }),
    Mutant::of_request("only-the-first-data-section-read", &["amqp"], Base, |request| {
        if reads_via(request) == "amqp"
            && let Some(Value::Array(sections)) =
                message(request).and_then(|message| message.get_mut("body")?.get_mut("data"))
        {
            sections.truncate(1);
        }
    }),
    Mutant::of_request("null-property-is-empty-text", &["amqp"], Base, |request| {
        for header in message(request).and_then(headers).into_iter().flatten() {
            if header[1]["type"] == "null" {
                header[1] = json!({"type": "string", "value": ""});
            }
        }
    }),
    Mutant::of_request("trailing-bytes-ignored", &["cbor", "avro", "avro-compact"], Strict, |request| {
        let trailing = request["op"] == "decode"
            && reads_from(request).is_some_and(Carrier::is_format)
            && !matches!(reads_via(request), "json" | "xml" | "protobuf");
        if let Some(message) = message(request).filter(|_| trailing)
            && let Some(bytes) = super::edit::body(message)
            && let Some(shorter) = bytes.strip_suffix(b"\0")
        {
            super::edit::set_body(message, shorter);
        }
    }),
];
