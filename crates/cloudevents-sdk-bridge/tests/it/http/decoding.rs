//! Messages that the SDK reads.

use super::{pairs, percent_decoded};
use crate::{
    both::{Difference as EventDifference, differences},
    ledger::{Explanation, Ledger},
    seen::{Seen, SeenData, SeenValue},
    tagged, vectors,
};
use cloudevents_core::Event;
use cloudevents_sdk_bridge::from_sdk;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

#[test]
fn messages() {
    let mut ledger = Ledger::new(TABLE);
    for case in vectors::cases("http") {
        let request = &case["request"];
        let expected = &case["expect"][0];
        // The SDK has neither leniency nor batches.
        if request["op"] != "decode"
            || request["strictness"] == "lenient"
            || expected["result"]["mode"] == "batched"
        {
            continue;
        }
        // Names that no HTTP message can have do not get as far as this.
        let Some(read) = Read::new(&request["message"], expected) else { continue };
        for difference in read.differences() {
            ledger.enter(case["id"].as_str().unwrap(), &read, &difference);
        }
    }
    ledger.close();
}

/// A message, what it should be, and what it is to the SDK.
struct Read {
    headers: Vec<(String, String)>,
    expected: Option<Event>,
    theirs: Result<cloudevents::Event, String>,
}

#[derive(Debug)]
enum Difference {
    /// They read what is to be refused.
    Accepted,
    Refused,
    Event(EventDifference),
}

impl Read {
    fn new(message: &Value, expected: &Value) -> Option<Self> {
        let headers = pairs(&message["headers"]);
        let mut map = HeaderMap::new();
        for (name, value) in &headers {
            let octets: Vec<_> = value.chars().map(|octet| u8::try_from(octet).unwrap()).collect();
            map.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&octets).ok()?);
        }
        let body = vectors::bytes(&message["body"]).unwrap_or_default();
        let theirs = cloudevents::binding::http::to_event(&map, body).map_err(|error| error.to_string());
        let expected = expected["result"]["events"]
            .get(0)
            .map(|event| tagged::event(event).unwrap_or_else(|| panic!("{event}")));
        Some(Self { headers, expected, theirs })
    }

    fn differences(&self) -> Vec<Difference> {
        match (&self.expected, &self.theirs) {
            (Some(expected), Ok(theirs)) => differences(&Seen::ours(expected), &Seen::theirs(theirs))
                .into_iter()
                .map(Difference::Event)
                .collect(),
            (None, Ok(_)) => vec![Difference::Accepted],
            (Some(_), Err(_)) => vec![Difference::Refused],
            (None, Err(_)) => Vec::new(),
        }
    }

    /// The values of the headers of this name.
    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    fn content_type(&self) -> &str {
        self.all("content-type").first().copied().unwrap_or_default()
    }

    /// Whether a header that is an attribute passes the test: its name and its value.
    fn any(&self, test: impl Fn(&str, &str) -> bool) -> bool {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("ce-")?, value)))
            .any(|(name, value)| test(name, value))
    }

    /// Whether the value of an attribute, its escapes undone, passes the test.
    fn any_decoded(&self, test: impl Fn(Result<String, Vec<u8>>) -> bool) -> bool {
        self.any(|_, value| {
            percent_decoded(value.as_bytes())
                .is_some_and(|octets| test(String::from_utf8(octets).map_err(|error| error.into_bytes())))
        })
    }
}

fn accepted(difference: &Difference) -> bool {
    matches!(difference, Difference::Accepted)
}

/// The attribute that both have, with different texts: expected, theirs.
fn texts(difference: &Difference) -> Option<(&str, &str, &str)> {
    match difference {
        Difference::Event(EventDifference::Attribute {
            name,
            ours: Some(SeenValue::Text(expected)),
            theirs: Some(SeenValue::Text(theirs)),
        }) => Some((name, expected, theirs)),
        _ => None,
    }
}

fn is_quoted(text: &str) -> bool {
    text.starts_with('"')
}

const TABLE: &[Explanation<Read, Difference>] = &[
    Explanation {
        trap: "H12",
        clause: "CE-Naming-c",
        reason: "the SDK takes the header `ce-` for an extension without a name",
        applies: |read, difference| accepted(difference) && read.any(|name, _| name.is_empty()),
    },
    Explanation {
        trap: "H13",
        clause: "CE-Naming-a",
        reason: "the SDK does not check names",
        applies: |read, difference| {
            accepted(difference)
                && read.any(|name, _| !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        },
    },
    Explanation {
        trap: "H13",
        clause: "CE-Naming-f",
        reason: "the SDK takes the header `ce-data` for an extension",
        applies: |read, difference| accepted(difference) && read.any(|name, _| name == "data"),
    },
    Explanation {
        trap: "H14",
        clause: "CE-Context-Attributes-d",
        reason: "the SDK takes one of several headers of a name",
        applies: |read, difference| {
            accepted(difference) && read.headers.iter().any(|(name, _)| read.all(name).len() > 1)
        },
    },
    Explanation {
        trap: "H11",
        clause: "HTTP-3.1.1-b",
        reason: "the SDK takes the header `ce-datacontenttype`",
        applies: |read, difference| accepted(difference) && !read.all("ce-datacontenttype").is_empty(),
    },
    Explanation {
        trap: "-",
        clause: "HTTP-3-e",
        reason: "the SDK takes empty id, source, type and subject",
        applies: |read, difference| {
            accepted(difference)
                && read.any(|name, value| {
                    ["id", "source", "type", "subject"].contains(&name) && ["", "\"\""].contains(&value)
                })
        },
    },
    Explanation {
        trap: "H8",
        clause: "HTTP-3-c",
        reason: "the SDK takes every media type that begins with application/cloudevents+json for it",
        applies: |read, difference| {
            accepted(difference) && read.content_type().starts_with("application/cloudevents+json")
        },
    },
    Explanation {
        trap: "H9",
        clause: "HTTP-3-c",
        reason: "the SDK takes the document of a format it does not know for data",
        applies: |read, difference| {
            accepted(difference) && read.content_type().starts_with("application/cloudevents")
        },
    },
    Explanation {
        trap: "J30",
        clause: "CE-datacontenttype-b",
        reason: "the SDK takes any text for a media type",
        applies: |read, difference| {
            accepted(difference)
                && !read.all("content-type").is_empty()
                && read.content_type().split_once('/').is_none_or(|(_, subtype)| subtype.is_empty())
        },
    },
    Explanation {
        trap: "J29",
        clause: "CE-Type-System-j",
        reason: "the SDK takes a URI with a fragment",
        applies: |read, difference| {
            accepted(difference) && read.any(|name, value| name == "dataschema" && value.contains('#'))
        },
    },
    Explanation {
        trap: "H4",
        clause: "HTTP-3.1.3.2-e",
        reason: "the SDK takes a quoted string without its end",
        applies: |read, difference| {
            accepted(difference) && read.any(|_, value| is_quoted(value) && !value.contains('%'))
        },
    },
    Explanation {
        trap: "H3",
        clause: "HTTP-3.1.3.2-f",
        reason: "the SDK takes a percent sign that begins no escape",
        applies: |read, difference| {
            accepted(difference) && read.any(|_, value| percent_decoded(value.as_bytes()).is_none())
        },
    },
    Explanation {
        trap: "H3",
        clause: "HTTP-3.1.3.2-r",
        reason: "the SDK does not look at what escapes stand for, which may be no UTF-8",
        applies: |read, difference| accepted(difference) && read.any_decoded(|text| text.is_err()),
    },
    Explanation {
        trap: "H23",
        clause: "CE-Type-System-f",
        reason: "the SDK takes control characters, escaped or raw",
        applies: |read, difference| {
            accepted(difference)
                && read.any_decoded(|text| text.is_ok_and(|text| text.chars().any(char::is_control)))
        },
    },
    Explanation {
        trap: "J31",
        clause: "CE-Type-System-g",
        reason: "the SDK takes escaped noncharacters",
        applies: |read, difference| {
            accepted(difference)
                && read.any_decoded(|text| {
                    text.is_ok_and(|text| {
                        text.chars()
                            .any(|c| matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe)
                    })
                })
        },
    },
    Explanation {
        trap: "H1",
        clause: "CE-source-b",
        reason: "the SDK does not decode the source, which is then no URI-reference",
        applies: |read, difference| {
            accepted(difference)
                && read.any(|name, value| {
                    name == "source"
                        && percent_decoded(value.as_bytes()).is_some_and(|octets| octets.contains(&b' '))
                })
        },
    },
    Explanation {
        trap: "H6",
        clause: "HTTP-3-c",
        reason: "the SDK wants the media type of structured mode in lower case",
        applies: |read, difference| {
            matches!(difference, Difference::Refused)
                && read.content_type().to_ascii_lowercase().starts_with("application/cloudevents+json")
                && !read.content_type().starts_with("application/cloudevents+json")
        },
    },
    Explanation {
        trap: "H1",
        clause: "HTTP-3.1.3.2-q",
        reason: "the SDK refuses timestamps and versions with escapes or in quotation marks",
        applies: |read, difference| {
            matches!(difference, Difference::Refused)
                && read.any(|name, value| {
                    ["time", "specversion"].contains(&name) && (is_quoted(value) || value.contains('%'))
                })
        },
    },
    Explanation {
        trap: "-",
        clause: "SDK-Acceptance-a",
        reason: "the SDK refuses a schemaurl that is no URL; 0.3 has URI-references there",
        applies: |read, difference| {
            matches!((difference, &read.expected, &read.theirs), (Difference::Refused, Some(expected), Err(error))
                if expected.schemaurl().is_some() && error.contains("relative URL"))
        },
    },
    Explanation {
        trap: "H4",
        clause: "HTTP-3.1.3.2-g",
        reason: "the SDK keeps the quotation marks and backslashes of quoted strings",
        applies: |read, difference| {
            texts(difference).is_some_and(|(name, _, theirs)| {
                is_quoted(theirs) && read.all(&format!("ce-{name}")) == [theirs]
            })
        },
    },
    Explanation {
        trap: "H1",
        clause: "HTTP-3.1.3.2-f",
        reason: "the SDK keeps percent-escapes",
        applies: |read, difference| {
            texts(difference).is_some_and(|(name, expected, theirs)| {
                read.all(&format!("ce-{name}")) == [theirs]
                    && percent_decoded(theirs.as_bytes()) == Some(expected.into())
            })
        },
    },
    Explanation {
        trap: "J27",
        clause: "CE-time-b",
        reason: "the SDK turns every timestamp into UTC",
        applies: |_, difference| {
            texts(difference).is_some_and(|(name, expected, _)| name == "time" && !expected.ends_with('Z'))
        },
    },
    Explanation {
        trap: "J17",
        clause: "HTTP-3.1.2-a",
        reason: "to the SDK every body is bytes; the bridge reads them by their content type",
        applies: |read, difference| match (difference, &read.expected, &read.theirs) {
            (
                Difference::Event(EventDifference::Data { theirs: Some(SeenData::Bytes(bytes)), .. }),
                Some(expected),
                Ok(theirs),
            ) => {
                expected.data_bytes().is_some_and(|expected| expected == bytes)
                    && from_sdk(theirs).is_ok_and(|event| event.data() == expected.data())
            }
            _ => false,
        },
    },
];
