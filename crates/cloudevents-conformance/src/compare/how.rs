//! How answers are compared where comparing the text is not enough.

use cloudevents_vectors::{
    BodyForm, Carrier, Case, ContentType, Expected, JsonComparison, Level, Outcome, PayloadComparison,
    Revision, TimestampComparison,
};
use serde_json::{Map, Value};

use crate::infoset;
use crate::tree::json::{self, Json, Kind};
use crate::tree::node::Node;

use super::added::{self, TIME, is_timestamp};
use super::document::Notation;
use super::instant::Instant;
use super::{Path, bytes, forms, media_type};

/// How answers are compared where comparing the text is not enough.
#[derive(Clone, Debug, Default)]
pub(crate) struct How {
    /// How `json` payloads compare.
    pub(super) json: JsonComparison,
    /// Whether a `json` payload may be presented as another kind.
    pub(super) payload: PayloadComparison,
    /// How timestamps compare.
    pub(super) timestamp: TimestampComparison,
    /// The attributes that the request calls timestamps.
    pub(super) timestamps: Vec<String>,
    /// Whether a message is passed on from a format that says which extensions are timestamps.
    pub(super) any_timestamps: bool,
    /// The reports of the testee beyond the specification. `losses`, `repairs` and `notes` are compared only if this names them.
    pub(super) reports: Vec<String>,
    /// Whether every payload of the request is JSON, as far as it says, and not bytes or characters.
    pub(super) json_given: bool,
    /// Whether the carrier cannot distinguish a payload of no bytes from no payload.
    pub(super) empty_is_none: bool,
    /// Whether a message without a body may have a body of no bytes instead, if its carrier distinguishes the two.
    pub(super) null_is_empty: bool,
    /// Whether an attribute may come as its canonical string (`CE-Type-System-n`).
    pub(super) canonical_strings: bool,
    /// Whether more of a header value may be percent-encoded than has to be, and with digits of either case.
    pub(super) any_escapes: bool,
    /// Which events that are read may have the content type that their format implies.
    pub(super) implied: Implied,
    /// Whether an event may have a `time` that the request does not have: a producer may set it (`CE-time-c`), and no sentence says that a
    /// receiver must not.
    pub(super) may_add_time: bool,
    /// The documents of the JSON format that may state the content type that it implies, if the expected document states none.
    pub(super) may_state: Implied,
    /// Whether each header of an attribute beside a structured message may be there or not: the case has an outcome without any.
    pub(super) may_mirror: bool,
    /// Whether every payload of the request is an element of XML, or a document in XML is passed on. The writer may choose the text of an
    /// element.
    pub(super) xml_given: bool,
    /// Whether every payload of the request is a JSON value. The writer may choose the text of such a payload, too.
    pub(super) json_encoded: bool,
    /// Whether the payload of a message that is passed on is a JSON value, if the message states a media type that is JSON.
    pub(super) json_passed: bool,
    /// Whether an event of the JSON format without a content type is passed on. A writer that states JSON may state a charset with it.
    pub(super) json_supplied: bool,
    /// Whether numbers of JSON payloads may have another text of the same number, and media types another spelling.
    ///
    /// For example, a runtime that holds numbers as doubles writes other texts.
    pub(super) any_spelling: bool,
    /// Whether the texts that are read are values of attributes, and their carrier does not say the types.
    pub(super) untyped: bool,
    /// The types that an extension may have if it is stated as a String.
    ///
    /// Its carrier writes values of these types in the same way as a String.
    pub(super) written_alike: &'static [&'static str],
    /// Whether the value `null` may be read as a payload or as no payload.
    pub(super) null_is_none: bool,
    /// Whether an attribute may be written as its canonical string if the carrier has a type for it.
    pub(super) any_form: bool,
    /// Whether an extension may be written as its canonical string if the format has a type for it.
    pub(super) any_form_in_documents: bool,
}

/// The types that the text of a header may have. Headers do not say types.
const TEXTS: &[&str] = &["Integer", "Boolean", "Timestamp", "URI", "URI-reference", "Binary"];

/// The types that a string of the JSON format may have.
const JSON_STRINGS: &[&str] = &["Timestamp", "URI", "URI-reference", "Binary"];

/// The types that a string of the Avro format may have.
const AVRO_STRINGS: &[&str] = &["Timestamp", "URI", "URI-reference"];

/// The events that may have the content type that their format implies, if they state none.
///
/// They are "exactly equivalent" (spec.md, `datacontenttype`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Implied {
    /// None: the format implies no content type.
    #[default]
    None,
    /// Events of the JSON format whose payload is not bytes. In `main`, they have no content type unless they state one.
    NoBytes,
    /// All events of the JSON format.
    All,
}

impl How {
    /// Creates it for a case that is judged by these revisions.
    ///
    /// With `text`, times are compared by their text, even if the case requires another comparison. With `verbatim`, events are written
    /// with the attributes that they have, and read with the types of their attributes.
    pub(crate) fn of(
        case: &Case,
        revisions: &[Revision],
        reports: &[String],
        text: bool,
        verbatim: bool,
    ) -> Self {
        let produced = case.request.get("event").filter(|_| case.op() == Some("produce"));
        let events = case.request.get("events").and_then(Value::as_array).into_iter().flatten();
        let events = events.chain(produced);
        let attributes = events.filter_map(|event| event.get("attributes")?.as_object()).flatten();
        let has_time = attributes.clone().any(|(name, _)| name == TIME) || added::leaves_out_time(case);
        let writes = matches!(case.op(), Some("encode" | "send" | "produce"));
        let stated =
            attributes.filter(|(_, attribute)| attribute.get("type").is_some_and(|name| name == TIMESTAMP));
        let timestamps = stated.map(|(name, _)| name.clone()).collect();
        let timestamp = if text { TimestampComparison::Text } else { case.compare.timestamp };
        How {
            json: case.compare.json,
            payload: case.compare.payload,
            timestamp,
            timestamps,
            any_timestamps: Self::passes_on_types(case),
            reports: reports.to_vec(),
            json_given: gives_json(case),
            empty_is_none: Self::reads_octets(case)
                || is_released(case, revisions) && Self::reads_null_value(case),
            null_is_empty: is_released(case, revisions) && Self::writes_record(case),
            canonical_strings: !verbatim,
            any_escapes: case.level == Level::Must,
            implied: match (Self::reads_json_events(case), is_released(case, revisions)) {
                (false, _) => Implied::None,
                (true, false) => Implied::NoBytes,
                (true, true) => Implied::All,
            },
            may_add_time: !has_time && !verbatim,
            may_state: match (writes || case.op() == Some("transcode"), is_released(case, revisions)) {
                (true, false) if !verbatim => Implied::NoBytes,
                (true, true) if !verbatim => Implied::All,
                _ => Implied::None,
            },
            may_mirror: Self::has_outcome_without_headers(case),
            xml_given: case.op() == Some("encode") && gives_only(case, "xml")
                || matches!(source(case), Some("xml" | "xml-batch")),
            json_encoded: case.op() == Some("encode") && gives_only(case, "json"),
            json_passed: case.op() == Some("transcode") && gives_json(case),
            json_supplied: passes_on_json_without_type(case) && !verbatim,
            any_spelling: !verbatim,
            untyped: Self::reads_texts(case) && !verbatim,
            written_alike: if verbatim { &[] } else { Self::written_alike(case) },
            null_is_none: Self::reads_avro(case),
            any_form: case.level == Level::Must,
            any_form_in_documents: (writes || case.op() == Some("transcode")) && !verbatim && !is_exact(case),
        }
    }

    /// Numbers of JSON are doubles, and times are instants.
    pub(crate) fn doubles() -> Self {
        How { json: JsonComparison::Double, ..How::default() }
    }

    /// Whether the case reads a message in binary mode, of a binding whose body is the payload.
    fn reads_octets(case: &Case) -> bool {
        let always_a_body =
            |carrier: &Carrier| carrier.has_mode(BINARY) && carrier.body.form != BodyForm::Nullable;
        let binary = |outcome: &Outcome| matches!(&outcome.expected, Expected::Result(result) if result.get("mode").is_some_and(|mode| mode == "binary"));
        case.op() == Some("decode")
            && carrier(&case.request).is_some_and(always_a_body)
            && case.expect.iter().any(binary)
    }

    /// Whether the case reads a message in binary mode, of a binding in whose headers attributes can be texts.
    fn reads_texts(case: &Case) -> bool {
        let source = case.request.get("from").and_then(Value::as_object).unwrap_or(&case.request);
        let is_document = |message: &Value| message.to_string().contains("application/cloudevents");
        matches!(case.op(), Some("decode" | "transcode"))
            && carrier(source).is_some_and(|carrier| carrier.has_mode(BINARY))
            && source.get("message").is_some_and(|message| !is_document(message))
    }

    /// Whether the case can only read events of the JSON format.
    fn reads_json_events(case: &Case) -> bool {
        let of_json = |carrier: &Carrier| matches!(&carrier.content_type, ContentType::Always(format) if matches!(&**format, "json" | "json-batch"));
        let is_json = carrier(&case.request).is_some_and(of_json);
        case.op() == Some("decode")
            && case.expect.iter().all(|outcome| match &outcome.expected {
                Expected::Result(result) => {
                    is_json || result.get("format").is_some_and(|format| format == "json")
                }
                Expected::Error(_) => true,
            })
    }

    /// Whether the case reads an event of the Avro format, whose branch `null` is both no payload and the JSON value.
    fn reads_avro(case: &Case) -> bool {
        case.op() == Some("decode")
            && (case.request.get("via").is_some_and(|via| via == "avro")
                || case.expect.iter().any(|outcome| match &outcome.expected {
                    Expected::Result(result) => result.get("format").is_some_and(|format| format == "avro"),
                    Expected::Error(_) => false,
                }))
    }

    /// The types whose values the carrier of the input writes in the same way as a String.
    fn written_alike(case: &Case) -> &'static [&'static str] {
        if Self::reads_texts(case) {
            TEXTS
        } else if Self::reads_json_events(case) {
            JSON_STRINGS
        } else if Self::reads_avro(case) {
            AVRO_STRINGS
        } else {
            &[]
        }
    }

    /// Whether the case reads a message without a body, of a carrier that distinguishes it from a body of no bytes.
    fn reads_null_value(case: &Case) -> bool {
        let message = case.request.get("message");
        case.op() == Some("decode")
            && carrier(&case.request).filter(|carrier| carrier.body.form == BodyForm::Nullable).is_some_and(
                |carrier| {
                    message.and_then(|message| message.get(&carrier.body.member)).is_none_or(Value::is_null)
                },
            )
    }

    /// Whether the case passes on a document of a format that has types of its own for timestamps.
    fn passes_on_types(case: &Case) -> bool {
        matches!(
            source(case),
            Some("avro-compact" | "cbor" | "protobuf" | "protobuf-batch" | "xml" | "xml-batch")
        )
    }

    /// Whether the case writes messages of a carrier that distinguishes no body from a body of no bytes.
    fn writes_record(case: &Case) -> bool {
        let to = case.request.get("to").and_then(Value::as_object).unwrap_or(&case.request);
        matches!(case.op(), Some("encode" | "transcode"))
            && carrier(to).is_some_and(|carrier| carrier.body.form == BodyForm::Nullable)
    }

    /// Whether the case writes messages, and one of them has no header, user property or application property but the content type.
    fn has_outcome_without_headers(case: &Case) -> bool {
        let is_content_type =
            |header: &Value| header[0].as_str().is_some_and(|name| name.eq_ignore_ascii_case("content-type"));
        let to = case.request.get("to").and_then(Value::as_object).unwrap_or(&case.request);
        let headers = carrier(to).and_then(|carrier| carrier.headers.as_ref());
        let is_bare = |message: &Value| {
            let list = headers.and_then(|headers| message.get(&headers.member)?.as_array());
            list.is_some_and(|list| list.iter().all(is_content_type))
        };
        matches!(case.op(), Some("encode" | "transcode"))
            && case.expect.iter().any(|outcome| match &outcome.expected {
                Expected::Result(result) => result.get("message").is_some_and(is_bare),
                Expected::Error(_) => false,
            })
    }

    /// Whether two values are timestamps of one instant, and the case compares instants.
    pub(crate) fn same_instant(&self, wanted: &str, got: &str) -> bool {
        let instant = Instant::parse(wanted);
        self.timestamp == TimestampComparison::Instant && instant.is_some() && instant == Instant::parse(got)
    }

    /// Whether an attribute of this name is a timestamp if the carrier does not name the type, such as in a header.
    ///
    /// `time` is a timestamp. So is each attribute that the request states as a timestamp, and each extension of a message that is passed
    /// on from a format with types, if its text is one.
    pub(crate) fn is_timestamp(&self, name: &str) -> bool {
        name == TIME
            || self.any_timestamps && is_extension(name)
            || self.timestamps.iter().any(|timestamp| timestamp == name)
    }

    /// Rewrites the parts of `got` that are equivalent to `wanted` with the spelling of `wanted`, in a document of events, and leaves out a
    /// `time` that may be added, and the content type that the format implies.
    pub(crate) fn spell_alike(&self, wanted: &Json, got: &mut Json) {
        match (&wanted.kind, &mut got.kind) {
            (Kind::Array(wanted), Kind::Array(got)) => {
                wanted.iter().zip(got).for_each(|(wanted, got)| self.spell_alike(wanted, got));
            }
            (Kind::Object(_), Kind::Object(members)) => {
                if self.may_add_time && wanted.get(TIME).is_none() {
                    let is_time = |value: &Json| value.as_str().is_some_and(is_timestamp);
                    members.retain(|(name, value)| name.as_str() != Some(TIME) || !is_time(value));
                }
                let may_state = match self.may_state {
                    Implied::None => false,
                    Implied::NoBytes => wanted.get("data_base64").is_none(),
                    Implied::All => true,
                };
                if may_state && wanted.get(CONTENT_TYPE).is_none() {
                    let is_json = |value: &Json| value.as_str().is_some_and(media_type::is_json);
                    members.retain(|(name, value)| name.as_str() != Some(CONTENT_TYPE) || !is_json(value));
                }
                for (name, got) in members {
                    if let Some((name, wanted)) =
                        name.as_str().and_then(|name| Some((name, wanted.get(name)?)))
                    {
                        self.spell_member_alike(name, wanted, got);
                    }
                }
            }
            _ => (),
        }
    }

    fn spell_member_alike(&self, name: &str, wanted: &Json, got: &mut Json) {
        if name == "data" {
            let same_xml = |got: &str| wanted.as_str().is_some_and(|wanted| infoset::same(wanted, got));
            if self.xml_given && got.as_str().is_some_and(same_xml) {
                got.kind = wanted.kind.clone();
            }
            self.spell_payload_alike(wanted, got);
        } else if name == "data_base64" {
            let text = |value: &Json| String::from_utf8(bytes::decode(value.as_str()?)?).ok();
            let same_xml =
                || text(wanted).zip(text(got)).is_some_and(|(wanted, got)| infoset::same(&wanted, &got));
            if self.xml_given && same_xml() {
                got.kind = wanted.kind.clone();
            }
        } else if self.is_spelled_alike(name, wanted, got)
            || self.untyped && is_extension(name) && forms::is_canonical_string(got, wanted)
            || self.any_form_in_documents && is_extension(name) && forms::is_canonical_string(wanted, got)
        {
            got.kind = wanted.kind.clone();
        } else if let (true, Some(text), Some(other)) =
            (self.is_timestamp(name), wanted.as_str(), got.as_str())
            && self.same_instant(text, other)
        {
            got.kind = wanted.kind.clone();
        }
    }

    /// Like [`spell_alike`](Self::spell_alike), for binary notations with timestamps as text. Avro has its attributes in a member.
    pub(crate) fn spell_nodes_alike(&self, wanted: &Node, got: &mut Node) {
        if self.may_add_time {
            added::leave_out_time(wanted, got);
        }
        added::leave_out_no_bytes(wanted, got);
        let is_json = content_type(wanted).is_some_and(is_of_json);
        for name in ["data", "text_data", "binary_data"] {
            if let (Some(wanted), Some(got)) = (wanted.get(name), got.get_mut(name)) {
                spell_text_alike(wanted, got, &|wanted, got| self.is_same_text(is_json, wanted, got));
            }
        }
        if let (Some(Node::List(wanted)), Some(Node::List(got))) =
            (wanted.get("events"), got.get_mut("events"))
        {
            wanted.iter().zip(got).for_each(|(wanted, got)| self.spell_nodes_alike(wanted, got));
        }
        if self.any_spelling {
            spell_content_type_alike(wanted, got);
        }
        if self.any_form_in_documents {
            forms::give_types(wanted, got);
            for name in ["attributes", "extensions"] {
                if let (Some(wanted), Some(got)) = (wanted.get(name), got.get_mut(name)) {
                    forms::give_types(wanted, got);
                }
            }
        }
        if let (Some(wanted), Some(got)) = (wanted.get("attribute"), got.get_mut("attribute")) {
            return self.spell_nodes_alike(wanted, got);
        }
        for (name, got) in got.members_mut().filter(|(name, _)| self.is_timestamp(name)) {
            let Some(wanted) = wanted.get(name) else { continue };
            let same = match (wanted, &*got) {
                (Node::Text(wanted), Node::Text(got)) => self.same_instant(wanted, got),
                (Node::Tagged(tag, wanted), Node::Tagged(other, got)) if tag == other => {
                    match (&**wanted, &**got) {
                        (Node::Text(wanted), Node::Text(got)) => self.same_instant(wanted, got),
                        _ => false,
                    }
                }
                _ => false,
            };
            if same {
                *got = wanted.clone();
            }
        }
    }

    /// Whether a body under a JSON content type compares as JSON.
    pub(crate) fn compares_json_bodies(&self) -> bool {
        self.json_given && self.json != JsonComparison::Text
    }

    /// Rewrites the parts of a JSON body that are equivalent to the expected one with its spelling: runtimes may hold fractions as doubles.
    pub(crate) fn spell_body_alike(&self, wanted: &Json, got: &mut Json) {
        match self.json {
            JsonComparison::Double => json::spell_doubles_alike(wanted, got),
            _ => json::spell_numbers_alike(wanted, got),
        }
    }

    /// Whether text in a document is the wanted element, or the wanted JSON value. The specification does not say which text it becomes.
    pub(super) fn is_same_text(&self, is_json: bool, wanted: &str, got: &str) -> bool {
        let same_json = || {
            let (wanted, mut got) = (json::parse(wanted).ok()?, json::parse(got).ok()?);
            self.spell_body_alike(&wanted, &mut got);
            let mut differences = Vec::new();
            json::diff(&Path::new("data"), &wanted, &got, &mut differences);
            Some(differences.is_empty())
        };
        self.xml_given && infoset::same(wanted, got)
            || (self.json_encoded || self.json_passed && is_json)
                && self.json != JsonComparison::Text
                && same_json() == Some(true)
    }

    /// Rewrites the parts of a JSON payload that are equivalent to the expected one with its spelling.
    pub(crate) fn spell_payload_alike(&self, wanted: &Json, got: &mut Json) {
        if self.json == JsonComparison::Double {
            json::spell_doubles_alike(wanted, got);
        } else if self.json == JsonComparison::Value && self.any_spelling {
            json::spell_numbers_alike(wanted, got);
        }
    }

    /// Whether an attribute of this name is the wanted media type.
    pub(super) fn is_spelled_alike(&self, name: &str, wanted: &Json, got: &Json) -> bool {
        let both = || wanted.as_str().zip(got.as_str());
        self.any_spelling
            && name == CONTENT_TYPE
            && both().is_some_and(|(wanted, got)| media_type::same(wanted, got))
    }
}

/// Whether an attribute of this name is an extension. The specification does not state the types of extensions.
pub(super) fn is_extension(name: &str) -> bool {
    !["specversion", "id", "source", "type", "subject", "dataschema", CONTENT_TYPE, TIME].contains(&name)
}

/// The carrier of the message that a part of a request is about.
fn carrier(side: &Map<String, Value>) -> Option<&'static Carrier> {
    Carrier::of(side.get("via")?.as_str()?)
}

/// The mode in which attributes are headers.
const BINARY: &str = "binary";

/// Whether a case is judged by release 1.0.2 alone.
///
/// The release does not say that a record of Kafka without a value is an event without a payload: `KAFKA-3.2.2-b`.
fn is_released(case: &Case, revisions: &[Revision]) -> bool {
    !(revisions.contains(&Revision::Main) && case.revisions.contains(&Revision::Main))
}

/// The format or the binding of a message that is passed on.
fn source(case: &Case) -> Option<&str> {
    case.request.get("from")?.get("via")?.as_str()
}

/// Whether the request is one in which nothing may be lost.
fn is_exact(case: &Case) -> bool {
    case.request.get("exact").and_then(Value::as_bool) == Some(true)
}

/// Whether the payloads of a request's events are of this kind alone. At least one event must have a payload.
fn gives_only(case: &Case, kind: &str) -> bool {
    let events = case.request.get("events").and_then(Value::as_array);
    let mut payloads = events.into_iter().flatten().filter_map(|event| event.get("data")).peekable();
    payloads.peek().is_some() && payloads.all(|data| data.get(kind).is_some())
}

/// Whether a content type is JSON.
pub(super) fn is_of_json(content_type: &str) -> bool {
    Notation::of_content_type(content_type) == Notation::JsonPayload
}

/// The media type that an event states. Avro and Protobuf have the attributes in a member.
fn content_type(event: &Node) -> Option<&str> {
    let attributes = event.get("attribute").or_else(|| event.get("attributes")).unwrap_or(event);
    let value = attributes.get(CONTENT_TYPE)?;
    match value.get("ce_string").unwrap_or(value) {
        Node::Text(text) => Some(text),
        Node::Tagged(_, value) => match &**value {
            Node::Text(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Gives the media type of an event the spelling of the wanted one. Avro and Protobuf have the attributes in a member.
fn spell_content_type_alike(wanted: &Node, got: &mut Node) {
    for name in ["attribute", "attributes"] {
        if let (Some(wanted), Some(got)) = (wanted.get(name), got.get_mut(name)) {
            return spell_content_type_alike(wanted, got);
        }
    }
    let (Some(wanted), Some(got)) = (wanted.get(CONTENT_TYPE), got.get_mut(CONTENT_TYPE)) else { return };
    match wanted.get("ce_string") {
        None => spell_text_alike(wanted, got, &media_type::same),
        Some(wanted) => {
            if let Some(got) = got.get_mut("ce_string") {
                spell_text_alike(wanted, got, &media_type::same);
            }
        }
    }
}

/// Replaces text by the wanted text if the two differ only in spelling.
fn spell_text_alike(wanted: &Node, got: &mut Node, same: &dyn Fn(&str, &str) -> bool) {
    match (wanted, &mut *got) {
        (Node::Tagged(tag, wanted), Node::Tagged(other, got)) if tag == other => {
            spell_text_alike(wanted, got, same);
        }
        (Node::Text(wanted), Node::Text(got)) if same(wanted, got) => got.clone_from(wanted),
        (Node::Bytes(wanted), Node::Bytes(got)) => {
            let both = str::from_utf8(wanted).ok().zip(str::from_utf8(got).ok());
            if both.is_some_and(|(wanted, got)| same(wanted, got)) {
                got.clone_from(wanted);
            }
        }
        _ => (),
    }
}

/// Whether the payloads that a request hands over are JSON: the payloads of its events, or of the events in the message that it reads.
fn gives_json(case: &Case) -> bool {
    let is_json = |event: &Value| {
        let kinds = event.get("data").and_then(Value::as_object).into_iter().flat_map(|data| data.keys());
        kinds.into_iter().all(|kind| kind == "json")
    };
    let events = case.request.get("events").and_then(Value::as_array);
    match case.op() {
        Some("encode" | "send") => events.is_some_and(|events| events.iter().all(is_json)),
        Some("transcode") => {
            case.request.get("from").is_some_and(|from| !from.to_string().contains("data_base64"))
        }
        _ => false,
    }
}

/// Whether a document of the JSON format is passed on whose event states no content type.
fn passes_on_json_without_type(case: &Case) -> bool {
    let source = case.request.get("from").map(Value::to_string).unwrap_or_default();
    case.op() == Some("transcode") && source.contains(r#"\"specversion\""#) && !source.contains(CONTENT_TYPE)
}

/// The attribute that the JSON format implies.
pub(super) const CONTENT_TYPE: &str = "datacontenttype";

/// The type of attributes that compare by the instant.
pub(crate) const TIMESTAMP: &str = "Timestamp";
