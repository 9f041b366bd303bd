//! Where each carrier keeps headers, content type and body.

use std::fmt;

use crate::compare::bytes;
use crate::compare::document::Notation;
use crate::tree::json::Json;

/// The member that holds [`ContentType::Property`].
pub(super) const PROPERTIES: &str = "properties";

/// Where a carrier keeps what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carrier {
    /// The member with the list of names and values, if there are any.
    pub(super) headers: Option<&'static str>,
    /// What may stand before the name of an attribute in that of a header.
    pub(super) prefixes: &'static [&'static str],
    /// Whether the case of header names says nothing.
    pub(super) ignore_case: bool,
    /// Where the content type is.
    pub(super) content_type: ContentType,
    /// The notation of the body of a message without any list of headers.
    pub(super) bare: Notation,
    /// The member with the body.
    pub(super) body: &'static str,
    /// Whether no body and an empty one differ.
    pub(super) null_body: bool,
    /// Whether values of attributes are percent-encoded in headers.
    pub(super) percent_encoded: bool,
}

/// Where a carrier keeps the content type.
#[derive(Clone, Copy, Debug)]
pub(super) enum ContentType {
    /// Nowhere: the body is of this notation.
    Fixed(Notation),
    /// In a header.
    Header(&'static str),
    /// In a member of the message.
    Member(&'static str),
    /// In a member of the properties.
    Property(&'static str),
    /// In the name of the subprotocol, `cloudevents.<format>`.
    Subprotocol,
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body<'a> {
    /// None, where that is not the same as an empty one.
    Null,
    Bytes(Vec<u8>),
    /// A body of another shape, such as an AMQP value.
    Other(&'a Json),
}

impl Carrier {
    /// The carrier that a format or a binding is.
    pub(super) fn of(via: &str) -> Option<Self> {
        let document = Carrier {
            headers: None,
            prefixes: &[],
            ignore_case: false,
            content_type: ContentType::Fixed(Notation::of_format(via)),
            bare: Notation::Opaque,
            body: "body",
            null_body: false,
            percent_encoded: false,
        };
        Some(match via {
            "json" | "json-batch" | "protobuf" | "protobuf-batch" | "avro" | "avro-compact" | "xml"
            | "xml-batch" | "cbor" => document,
            "http" => Carrier {
                headers: Some("headers"),
                prefixes: &["ce-"],
                ignore_case: true,
                content_type: ContentType::Header("content-type"),
                percent_encoded: true,
                ..document
            },
            // Kafka before 0.11 had no headers, and only structured JSON.
            "kafka" => Carrier {
                bare: Notation::Json,
                headers: Some("headers"),
                prefixes: &["ce_"],
                content_type: ContentType::Header("content-type"),
                body: "value",
                null_body: true,
                ..document
            },
            "amqp" => Carrier {
                headers: Some("application-properties"),
                prefixes: &["cloudEvents:", "cloudEvents_"],
                content_type: ContentType::Property("content-type"),
                null_body: true,
                ..document
            },
            "rabbitmq" => Carrier {
                headers: Some("headers"),
                prefixes: &["ce-"],
                content_type: ContentType::Property("content-type"),
                ..document
            },
            // MQTT 3.1.1 has no place for a content type: its events are structured JSON.
            "mqtt3" => {
                Carrier { content_type: ContentType::Fixed(Notation::Json), body: "payload", ..document }
            }
            "mqtt5" => Carrier {
                headers: Some("user-properties"),
                content_type: ContentType::Member("content-type"),
                body: "payload",
                ..document
            },
            // NATS before 2.2 had no headers either.
            "nats" => Carrier {
                bare: Notation::Json,
                headers: Some("headers"),
                prefixes: &["ce-"],
                ignore_case: true,
                content_type: ContentType::Header("content-type"),
                body: "payload",
                percent_encoded: true,
                ..document
            },
            "websockets" => Carrier { content_type: ContentType::Subprotocol, body: "payload", ..document },
            _ => return None,
        })
    }

    /// Whether two header names are one.
    pub(super) fn same_name(&self, one: &str, other: &str) -> bool {
        if self.ignore_case { one.eq_ignore_ascii_case(other) } else { one == other }
    }

    /// Whether a header of this name belongs to the event: it carries an attribute, as the binding names them, or the content type. The
    /// binding says nothing about others, such as the length of the body. In MQTT, every name may be that of an attribute.
    pub(super) fn is_of_event(&self, header: &str) -> bool {
        let starts = |start: &str| header.get(..start.len()).is_some_and(|text| self.same_name(text, start));
        match self.content_type {
            ContentType::Member(_) => true,
            ContentType::Header(name) if header.eq_ignore_ascii_case(name) => true,
            _ => self.prefixes.iter().any(|prefix| starts(prefix)),
        }
    }

    /// Whether a header of this name carries an attribute other than the content type.
    pub(super) fn is_of_attribute(&self, header: &str) -> bool {
        self.is_of_event(header) && !header.eq_ignore_ascii_case("content-type")
    }

    /// The attribute that a header of this name carries, if it carries one.
    pub(super) fn attribute(&self, header: &str) -> String {
        let header = if self.ignore_case { header.to_ascii_lowercase() } else { header.to_owned() };
        let name = self.prefixes.iter().find_map(|prefix| header.strip_prefix(prefix));
        name.map_or_else(|| header.clone(), str::to_owned)
    }

    /// Returns the body that a member describes, or the reason why it describes none.
    pub(super) fn read_body<'a>(&self, member: Option<&'a Json>) -> Result<Body<'a>, String> {
        let Some(member) = member.filter(|member| !member.is_null()) else {
            return Ok(if self.null_body { Body::Null } else { Body::Bytes(Vec::new()) });
        };
        let sections = member.get("data").and_then(Json::items);
        match (sections, member.get("value"), member.get("sequence")) {
            // How many data sections there are says nothing.
            (Some(sections), None, None) => {
                let read: Result<Vec<_>, _> = sections.iter().map(bytes::read).collect();
                read.map(|sections| Body::Bytes(sections.concat()))
            }
            (None, None, None) => bytes::read(member).map(Body::Bytes),
            // Without sections there is no body in AMQP (1.0, messaging, section 3.2), so many clients write this for none.
            (None, Some(value), None) if self.null_body && is_amqp_null(value) => Ok(Body::Null),
            _ => Ok(Body::Other(member)),
        }
    }
}

/// Whether an AMQP value is null.
fn is_amqp_null(value: &Json) -> bool {
    value.get("type").and_then(Json::as_str) == Some("null")
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Null => f.write_str("no body"),
            Body::Bytes(bytes) => f.write_str(&bytes::show(bytes)),
            Body::Other(value) => write!(f, "{value}"),
        }
    }
}
