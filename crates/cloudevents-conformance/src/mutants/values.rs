//! Faults of the parts of an event that are understood: types, values, payloads.

use cloudevents_vectors::{Headers, Values};
use serde_json::{Value, json};

use super::Mutant;
use super::MutantProfile::{Base, Lenient, Should, Strict, Verbatim};
use super::edit::{each_attribute, each_payload, events, is_op, reads_from, reads_via, refuse};
use crate::compare::bytes::{decode, encode};

const EVERY: &[&str] =
    &["core", "http", "json", "kafka", "amqp", "protobuf", "avro", "avro-compact", "xml", "cbor"];
const TYPED: &[&str] = &["json", "amqp", "protobuf", "avro", "avro-compact", "xml", "cbor"];

/// A JSON payload, changed as a value; `None` leaves it.
fn json_payload(answer: &mut Value, change: impl Fn(Value) -> Option<Value>) {
    each_payload(answer, |data| {
        let Some(value) = data["json"].as_str().and_then(|text| serde_json::from_str(text).ok()) else {
            return Some(data.clone());
        };
        Some(change(value).map_or_else(|| data.clone(), |value| json!({"json": value.to_string()})))
    });
}

fn attribute_text(answer: &mut Value, change: impl Fn(&str, &str, &str) -> Option<String>) {
    each_attribute(answer, |name, typed| {
        let ty = typed.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let new = typed.get("value").and_then(Value::as_str).and_then(|value| change(name, &ty, value));
        if let Some(new) = new {
            typed.insert("value".to_owned(), json!(new));
        }
        true
    });
}

/// Changes each number.
fn numbers(value: &mut Value, change: fn(f64) -> f64) {
    match value {
        Value::Number(number) => *value = json!(number.as_f64().map(change)),
        Value::Array(items) => items.iter_mut().for_each(|item| numbers(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| numbers(member, change)),
        _ => (),
    }
}

/// A time with another form: the part before the fraction, the fraction with its point, and the offset.
fn time(text: &str, form: impl Fn(&str, &str, &str) -> Option<String>) -> Option<String> {
    let second = text.get(..19)?;
    let rest = text.get(19..)?;
    let digits =
        rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count() + 1);
    form(second, rest.get(..digits)?, rest.get(digits..)?)
}

/// Changes the values of the attributes that are to be written; `None` leaves one.
fn given_text(request: &mut Value, change: impl Fn(&str) -> Option<String>) {
    let events = request.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten();
    let attributes = events.filter_map(|event| event.get_mut("attributes")?.as_object_mut());
    for typed in attributes.flat_map(|attributes| attributes.values_mut()) {
        let new = typed.get("value").and_then(Value::as_str).and_then(&change);
        if let (Some(new), Some(typed)) = (new, typed.as_object_mut()) {
            typed.insert("value".to_owned(), json!(new));
        }
    }
}

/// A text with é, å and 한 as one character each.
fn composed(text: &str) -> Option<String> {
    let pairs = [("e\u{301}", "\u{e9}"), ("\u{212b}", "\u{c5}"), ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}")];
    let new = pairs.iter().fold(text.to_owned(), |text, (parts, whole)| text.replace(parts, whole));
    (new != text).then_some(new)
}

/// A URI in which an escaped separator is one.
fn unescaped(uri: &str) -> Option<String> {
    let new = uri.replace("%2F", "/").replace("%26", "&");
    (new != uri).then_some(new)
}

/// The number of characters of a request to pass on an event that is nearly as large as intermediaries have to forward.
const LARGE: usize = 60_000;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant::of_answer("subject-lost", EVERY, Base, |_, answer| {
        each_attribute(answer, |name, _| name != "subject")
    }),
    Mutant::of_answer("time-lost", EVERY, Base, |_, answer| each_attribute(answer, |name, _| name != "time")),
    Mutant::of_answer("extensions-lost", EVERY, Base, |_, answer| {
        const CORE: [&str; 8] =
            ["id", "source", "type", "specversion", "datacontenttype", "dataschema", "subject", "time"];
        each_attribute(answer, |name, _| CORE.contains(&name));
    }),
    Mutant::of_answer("payload-lost", EVERY, Base, |_, answer| each_payload(answer, |_| None)),
    Mutant::of_answer("id-and-type-exchanged", &["avro-compact", "protobuf"], Base, |_, answer| {
        for event in events(answer) {
            let (id, ty) = (event["attributes"]["id"].clone(), event["attributes"]["type"].clone());
            event["attributes"]["id"] = ty;
            event["attributes"]["type"] = id;
        }
    }),
    Mutant::of_answer(
        "digits-below-milliseconds-lost",
        &["core", "http", "json", "amqp"],
        Verbatim,
        |_, answer| {
            let cut = |text: &str| {
                time(text, |second, fraction, offset| {
                    (fraction.len() > 4)
                        .then(|| format!("{second}{}{offset}", fraction.get(..4).unwrap_or_default()))
                })
            };
            attribute_text(answer, |_, ty, value| if ty == "Timestamp" { cut(value) } else { None });
            for name in ["value", "canonical"] {
                let new = answer["result"][name].as_str().and_then(cut);
                if let Some(new) = new {
                    answer["result"][name] = json!(new);
                }
            }
        },
    ),
    Mutant::of_answer("offset-turned-into-utc", &["core", "http"], Verbatim, |_, answer| {
        // Times that stay within the day are enough.
        let utc = |text: &str| {
            time(text, |second, fraction, offset| {
                let number = |range: std::ops::Range<usize>, text: &str| text.get(range)?.parse::<i64>().ok();
                let sign = if offset.starts_with('-') { -1 } else { 1 };
                let offset = sign * (number(1..3, offset)? * 60 + number(4..6, offset)?);
                let minutes = number(11..13, second)? * 60 + number(14..16, second)? - offset;
                let (hour, minute) = (0..1440).contains(&minutes).then_some((minutes / 60, minutes % 60))?;
                let (day, rest) = (second.get(..11)?, second.get(16..)?);
                Some(format!("{day}{hour:02}:{minute:02}{rest}{fraction}Z"))
            })
        };
        attribute_text(answer, |_, ty, value| if ty == "Timestamp" { utc(value) } else { None });
        for name in ["value", "canonical"] {
            let new = answer["result"][name].as_str().and_then(utc);
            if let Some(new) = new {
                answer["result"][name] = json!(new);
            }
        }
    }),
    Mutant::of_answer(
        "time-off-by-a-second",
        &["core", "json", "protobuf", "avro-compact", "amqp"],
        Base,
        |_, answer| {
            attribute_text(answer, |_, ty, value| {
                (ty == "Timestamp").then(|| value.replace(":00Z", ":01Z").replace(":24Z", ":25Z"))
            });
        },
    ),
    // "An appropriate JSON type mapping for the runtime" (JSON-3.1.2-d), which may have doubles only.
    Mutant::of_answer("numbers-become-doubles", &["json"], Verbatim, |_, answer| {
        json_payload(answer, |mut value| {
            numbers(&mut value, |number| number);
            Some(value)
        });
    }),
    Mutant::of_answer("numbers-lose-digits", &["json"], Base, |_, answer| {
        json_payload(answer, |mut value| {
            numbers(&mut value, |number| (number * 8.0).round() / 8.0);
            Some(value)
        });
    }),
    Mutant::of_answer("null-payload-lost", &["json"], Base, |_, answer| {
        each_payload(answer, |data| (data["json"] != "null").then(|| data.clone()));
    }),
    Mutant::of_answer("false-and-zero-payload-lost", &["json"], Base, |_, answer| {
        each_payload(answer, |data| {
            (!["0", "false", "\"\""].contains(&data["json"].as_str().unwrap_or_default()))
                .then(|| data.clone())
        });
    }),
    Mutant::of_answer("json-string-parsed-again", &["json"], Base, |_, answer| {
        json_payload(answer, |value| value.as_str().and_then(|text| serde_json::from_str(text).ok()));
    }),
    Mutant::of_answer("bytes-without-content-type-taken-for-json", &["json"], Base, |request, answer| {
        if reads_via(request) == "json" {
            for event in events(answer) {
                let bytes = event.get("data").and_then(|data| decode(data["binary"].as_str()?));
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                if event["attributes"].get("datacontenttype").is_none()
                    && let Some(text) = text.filter(|text| text.starts_with('{'))
                {
                    event.insert("data".to_owned(), json!({"json": text}));
                }
            }
        }
    }),
    // In Protobuf, bytes that are characters may be presented as these.
    Mutant::of_answer("bytes-become-text", &["json"], Base, |_, answer| {
        each_payload(answer, |data| {
            let text = decode(data["binary"].as_str().unwrap_or("x"))
                .and_then(|bytes| String::from_utf8(bytes).ok());
            Some(text.map_or_else(|| data.clone(), |text| json!({"text": text})))
        });
    }),
    Mutant::of_answer(
        "a-byte-of-the-payload-lost",
        &["http", "kafka", "amqp", "json", "avro", "cbor"],
        Base,
        |_, answer| {
            each_payload(answer, |data| {
                let mut bytes = decode(data["binary"].as_str().unwrap_or("x"))?;
                bytes.pop();
                Some(json!({"binary": encode(&bytes)}))
            });
        },
    ),
    Mutant::of_answer("line-ends-of-text-changed", &["json", "xml"], Should, |_, answer| {
        each_payload(answer, |data| {
            let text = data["text"].as_str().map(|text| text.replace("\r\n", "\n").replace('\n', " "));
            Some(text.map_or_else(|| data.clone(), |text| json!({"text": text})))
        });
    }),
    // A value may come as its canonical string (CE-Type-System-n).
    Mutant::of_answer("types-of-extensions-lost", TYPED, Verbatim, |_, answer| {
        each_attribute(answer, |_, typed| {
            if typed["type"] == "Integer" || typed["type"] == "Boolean" {
                let text = typed["value"].to_string();
                *typed = json!({"type": "String", "value": text}).as_object().cloned().unwrap_or_default();
            }
            true
        });
    }),
    // A text in a header may be the canonical string of a value of another type.
    Mutant::of_answer(
        "types-of-extensions-guessed",
        &["http", "kafka", "mqtt"],
        Verbatim,
        |request, answer| {
            let of_texts = |headers: &Headers| !matches!(headers.values, Values::Typed(_));
            if !reads_from(request).and_then(|carrier| carrier.headers.as_ref()).is_some_and(of_texts)
                || answer["result"]["mode"] != "binary"
            {
                return;
            }
            each_attribute(answer, |name, typed| {
                let text = typed["value"].as_str().unwrap_or_default();
                let (of_type, value) = match (text.parse::<i32>(), text.parse::<bool>()) {
                    (Ok(number), _) if number.to_string() == text => ("Integer", json!(number)),
                    (_, Ok(flag)) => ("Boolean", json!(flag)),
                    _ => return true,
                };
                if !["id", "subject", "type"].contains(&name) {
                    *typed =
                        json!({"type": of_type, "value": value}).as_object().cloned().unwrap_or_default();
                }
                true
            });
        },
    ),
    // Parsers of media types write an equivalent one.
    Mutant::of_answer(
        "content-type-spelled-otherwise",
        &["http", "amqp", "mqtt"],
        Verbatim,
        |request, answer| {
            if is_op(request, "decode") {
                attribute_text(answer, |name, _, value| {
                    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
                    let spelled = format!("{};{}", essence.to_ascii_lowercase(), parameters.trim_start());
                    (name == "datacontenttype").then(|| spelled.trim_end_matches(';').to_owned())
                });
            }
        },
    ),
    Mutant::of_answer("uri-becomes-a-string", &["protobuf", "xml"], Verbatim, |_, answer| {
        each_attribute(answer, |name, typed| {
            let known = ["source", "dataschema"].contains(&name);
            if !known && typed["type"].as_str().is_some_and(|ty| ty.starts_with("URI")) {
                typed.insert("type".to_owned(), json!("String"));
            }
            true
        });
    }),
    Mutant::of_answer("source-becomes-a-string", EVERY, Verbatim, |_, answer| {
        each_attribute(answer, |name, typed| {
            if name == "source" {
                typed.insert("type".to_owned(), json!("String"));
            }
            true
        });
    }),
    Mutant::of_answer(
        "binary-attribute-shown-as-text",
        &["protobuf", "avro", "avro-compact", "xml", "cbor", "amqp"],
        Verbatim,
        |_, answer| {
            each_attribute(answer, |_, typed| {
                if typed["type"] == "Binary" {
                    typed.insert("type".to_owned(), json!("String"));
                }
                true
            });
        },
    ),
    Mutant::of_answer("strings-trimmed", &["http", "xml", "json"], Base, |_, answer| {
        attribute_text(answer, |_, ty, value| (ty == "String").then(|| value.trim().to_owned()));
    }),
    Mutant::of_answer(
        "letter-case-of-values-lost",
        &["http", "kafka", "core", "carriers"],
        Base,
        |_, answer| {
            attribute_text(answer, |_, _, value| Some(value.to_lowercase()));
        },
    ),
    Mutant::of_answer("uri-normalised", &["core"], Verbatim, |_, answer| {
        let value =
            answer["result"]["value"].as_str().filter(|text| text.contains("://")).map(str::to_lowercase);
        if let Some(value) = value {
            answer["result"]["value"] = json!(value);
            answer["result"]["canonical"] = json!(value);
        }
    }),
    Mutant::of_answer("empty-extension-lost", &["protobuf", "xml", "cbor"], Base, |_, answer| {
        each_attribute(answer, |_, typed| typed["value"] != "");
    }),
    Mutant::of_answer("namespaces-of-the-payload-dropped", &["xml"], Base, |_, answer| {
        each_payload(answer, |data| {
            let Some(text) = data["xml"].as_str() else { return Some(data.clone()) };
            let mut kept = String::new();
            let mut rest = text;
            while let Some((before, after)) = rest.split_once(" xmlns") {
                kept += before;
                let end = after.find(['"', '\'']).and_then(|open| {
                    let quote = after.get(open..=open)?;
                    Some(open + 2 + after.get(open + 1..)?.find(quote)?)
                });
                rest = end.and_then(|end| after.get(end..)).unwrap_or_default();
            }
            Some(json!({"xml": kept + rest}))
        });
    }),
    Mutant::of_answer("comments-of-the-payload-dropped", &["xml"], Base, |_, answer| {
        each_payload(answer, |data| {
            let Some((before, rest)) = data["xml"].as_str().and_then(|text| text.split_once("<!--")) else {
                return Some(data.clone());
            };
            let after = rest.split_once("-->").map_or("", |(_, after)| after);
            Some(json!({"xml": format!("{before}{after}")}))
        });
    }),
    Mutant::of_answer("type-url-dropped", &["protobuf"], Base, |_, answer| {
        each_payload(answer, |data| {
            let mut data = data.clone();
            if data["proto"].is_object() {
                data["proto"]["typeurl"] = json!("");
            }
            Some(data)
        });
    }),
    Mutant::of_answer("native-item-unpacked", &["cbor"], Base, |_, answer| {
        each_payload(answer, |data| {
            Some(data.get("cbor").map_or_else(|| data.clone(), |item| json!({"binary": item})))
        });
    }),
    Mutant::of_answer(
        "repairs-not-reported",
        &["http", "json", "kafka", "amqp", "protobuf", "cbor", "carriers"],
        Lenient,
        |_, answer| {
            if let Some(result) = answer.get_mut("result").and_then(Value::as_object_mut) {
                result.remove("repairs");
            }
        },
    ),
    Mutant::of_answer(
        "lenient-where-strict-is-due",
        &["http", "json", "protobuf"],
        Strict,
        |request, answer| {
            // The event that it would read is not known here. Any answer but a refusal will do.
            if is_op(request, "decode") && answer.get("error").is_some() && request["strictness"] != "lenient"
            {
                *answer = json!({"seq": answer["seq"], "result": {"events": [], "mode": "structured"}});
            }
        },
    ),
    Mutant::of_answer("upgrade-keeps-the-content-encoding", &["core"], Should, |request, answer| {
        if is_op(request, "upgrade") && request["event"]["data"]["binary"].is_string() {
            events(answer).for_each(|event| {
                event["attributes"]["datacontentencoding"] = json!({"type": "String", "value": "base64"});
            });
        }
    }),
    Mutant::of_answer("upgrade-copies-the-content-encoding", &["core"], Should, |request, answer| {
        let kept = &request["event"]["attributes"]["datacontentencoding"];
        if is_op(request, "upgrade") && kept.is_object() {
            events(answer).for_each(|event| event["attributes"]["datacontentencoding"] = kept.clone());
        }
    }),
    Mutant::of_answer("cbor-payload-put-in-as-it-came", &["cbor"], Base, |request, answer| {
        // A body under a CBOR content type as the item of the payload, without a look at it.
        let is_cbor = request["from"]["message"]["headers"].to_string().contains("\"application/cbor\"");
        if !is_op(request, "transcode") || !is_cbor {
            return;
        }
        let octets =
            request["from"]["message"]["body"]["base64"].as_str().and_then(decode).unwrap_or_default();
        let Some(Value::String(text)) =
            answer.get_mut("result").and_then(|result| result["message"]["body"].get_mut("base64"))
        else {
            return;
        };
        // A byte string of less than 24 bytes: its major type is 2, and its length is in the same byte.
        let item = [&[0x40 | octets.len() as u8][..], &octets].concat();
        let document = decode(text).unwrap_or_default();
        if let Some(at) = document.windows(item.len()).position(|some| some == item) {
            *text = encode(&[&document[..at], &octets, &document[at + item.len()..]].concat());
        }
    }),
    Mutant::of_answer("upgrade-keeps-the-name-schemaurl", &["core"], Should, |request, answer| {
        if is_op(request, "upgrade") {
            for event in events(answer) {
                if let Some(Value::Object(attributes)) = event.get_mut("attributes")
                    && let Some(schema) = attributes.remove("dataschema")
                {
                    attributes.insert("schemaurl".to_owned(), schema);
                }
            }
        }
    }),
    Mutant::of_answer("upgrade-keeps-the-version", &["core"], Should, |request, answer| {
        if is_op(request, "upgrade") {
            events(answer).for_each(|event| drop(event.insert("specversion".to_owned(), json!("0.3"))));
        }
    }),
    Mutant::of_answer("upgrade-renames-an-extension-of-1-0", &["core"], Should, |request, answer| {
        if is_op(request, "upgrade") && request["event"]["specversion"] == "1.0" {
            for event in events(answer) {
                if let Some(Value::Object(attributes)) = event.get_mut("attributes")
                    && let Some(schema) = attributes.remove("schemaurl")
                {
                    attributes.insert("dataschema".to_owned(), schema);
                }
            }
        }
    }),
    Mutant::of_request("boolean-text-has-no-case", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "Boolean" {
            request["text"] = json!(request["text"].as_str().unwrap_or_default().to_lowercase());
        }
    }),
    Mutant::of_request("integer-text-with-a-plus-sign", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "Integer" {
            request["text"] = json!(request["text"].as_str().unwrap_or_default().trim_start_matches('+'));
        }
    }),
    Mutant::of_request("integer-text-with-leading-zeros", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "Integer" {
            let text = request["text"].as_str().unwrap_or_default();
            if text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_digit()) {
                request["text"] = json!(text.trim_start_matches('0'));
            }
        }
    }),
    Mutant::of_request("time-without-a-zone-is-utc", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "Timestamp" {
            let text = request["text"].as_str().unwrap_or_default();
            if text.len() == 19 {
                request["text"] = json!(format!("{text}Z"));
            }
        }
    }),
    Mutant::of_request("leap-day-of-every-year", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "Timestamp" {
            let text = request["text"].as_str().unwrap_or_default();
            request["text"] = json!(text.replace("-02-29", "-02-28").replace("-02-30", "-02-28"));
        }
    }),
    Mutant::of_request("base64-text-without-padding", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "Binary" {
            let mut text = request["text"].as_str().unwrap_or_default().to_owned();
            while !text.is_empty() && !text.len().is_multiple_of(4) {
                text.push('=');
            }
            request["text"] = json!(text);
        }
    }),
    Mutant::of_request("uri-text-with-a-fragment", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "URI" {
            let text = request["text"].as_str().unwrap_or_default();
            request["text"] = json!(text.split('#').next());
        }
    }),
    Mutant::of_request("noncharacters-accepted", &["core"], Strict, |request| {
        if is_op(request, "parse") && request["type"] == "String" {
            let text = request["text"].as_str().unwrap_or_default();
            request["text"] = json!(text.replace(['\u{fffe}', '\u{ffff}', '\u{fdd0}', '\u{1fffe}'], ""));
        }
    }),
    Mutant::of_request("attribute-names-have-no-case", &["core"], Strict, |request| {
        if is_op(request, "name") {
            request["text"] = json!(request["text"].as_str().unwrap_or_default().to_lowercase());
        }
    }),
    Mutant::of_request("attribute-names-with-hyphens", &["core"], Strict, |request| {
        if is_op(request, "name") {
            request["text"] = json!(request["text"].as_str().unwrap_or_default().replace(['-', '_'], ""));
        }
    }),
    Mutant::of_answer("long-attribute-names-cut", &["core"], Should, |request, answer| {
        if let (true, Some(start)) =
            (is_op(request, "name"), answer["result"]["name"].as_str().and_then(|name| name.get(..20)))
        {
            answer["result"]["name"] = json!(start);
        }
    }),
    Mutant::of_answer("text-of-attributes-not-looked-at", &["core"], Strict, |request, answer| {
        if is_op(request, "parse") && answer.get("error").is_some() {
            let text = &request["text"];
            *answer = json!({"seq": answer["seq"], "result": {"value": text, "canonical": text}});
        }
    }),
    Mutant::of_answer("text-of-attributes-refused", &["core"], Base, |request, answer| {
        if is_op(request, "parse") {
            refuse(answer);
        }
    }),
    Mutant::of_answer("attribute-names-not-looked-at", &["core"], Strict, |request, answer| {
        if is_op(request, "name") && answer.get("error").is_some() {
            *answer = json!({"seq": answer["seq"], "result": {"name": request["text"]}});
        }
    }),
    Mutant::of_answer("attribute-names-refused", &["core"], Base, |request, answer| {
        if is_op(request, "name") {
            refuse(answer);
        }
    }),
    Mutant::of_answer("lenient-is-strict", &["http", "json", "protobuf", "cbor"], Base, |request, answer| {
        if request["strictness"] == "lenient" {
            refuse(answer);
        }
    }),
    Mutant::of_answer(
        "lenient-accepts-everything",
        &["http", "json", "kafka", "protobuf", "cbor"],
        Strict,
        |request, answer| {
            if request["strictness"] == "lenient" && answer.get("error").is_some() {
                *answer = json!({"seq": answer["seq"], "result": {"events": [], "mode": "structured"}});
            }
        },
    ),
    Mutant::of_answer("large-events-refused", &["core"], Base, |request, answer| {
        if is_op(request, "transcode") && request.to_string().len() > LARGE {
            refuse(answer);
        }
    }),
    Mutant::of_answer("long-attributes-cut", &["core"], Base, |_, answer| {
        attribute_text(answer, |_, _, value| value.get(..255).map(str::to_owned));
    }),
    Mutant::of_request("long-attributes-cut-when-written", &["core"], Base, |request| {
        given_text(request, |value| value.get(..255).map(str::to_owned));
    }),
    Mutant::of_answer("text-normalised", &["core"], Base, |_, answer| {
        attribute_text(answer, |_, _, value| composed(value));
    }),
    Mutant::of_request("text-normalised-when-written", &["core"], Base, |request| {
        given_text(request, composed);
    }),
    Mutant::of_answer("uri-unescaped", &["core", "protobuf", "avro", "xml", "cbor"], Base, |_, answer| {
        attribute_text(answer, |_, ty, value| ty.starts_with("URI").then(|| unescaped(value)).flatten());
    }),
    Mutant::of_request("uri-unescaped-when-written", &["core", "protobuf", "avro", "xml"], Base, |request| {
        given_text(request, unescaped);
    }),
    Mutant::of_answer("time-cut-to-seconds", &["core", "http", "json", "xml"], Base, |_, answer| {
        attribute_text(answer, |_, ty, text| {
            let cut = |second: &str, fraction: &str, offset: &str| {
                (!fraction.is_empty()).then(|| format!("{second}{offset}"))
            };
            (ty == "Timestamp").then(|| time(text, cut)).flatten()
        });
    }),
    Mutant::of_answer(
        "transcoding-refused",
        &["http", "json", "kafka", "amqp", "carriers"],
        Base,
        |request, answer| {
            if is_op(request, "transcode") {
                refuse(answer);
            }
        },
    ),
    Mutant::of_answer("transcoding-never-refused", &["http", "json", "kafka"], Strict, |request, answer| {
        if is_op(request, "transcode") && answer.get("error").is_some() {
            *answer =
                json!({"seq": answer["seq"], "result": {"message": {"headers": [], "body": {"text": ""}}}});
        }
    }),
];
