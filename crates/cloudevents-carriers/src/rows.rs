//! The carriers of this crate: a row each, with its source.

use crate::{Body, Carrier, ContentType, Empty, Limits, Text};
use cloudevents_core::ContentMode::{Batched, Binary, Structured};

/// All rows, in alphabetical order of their names.
///
/// ```
/// use cloudevents_carriers::CARRIERS;
///
/// let pulsar = CARRIERS.iter().find(|carrier| carrier.name == "pulsar").unwrap();
/// assert_eq!(pulsar.prefix, "ce_");
/// ```
pub const CARRIERS: &[Carrier] =
    &[COAP, GOOGLE_PUBSUB, LINES, NNG, PULSAR, ROCKETMQ, SSE, STOMP, STORAGE_QUEUE, XMPP, ZEROMQ];

/// A row with a document in each message, which states its media type itself.
const DOCUMENTS: Carrier = Carrier {
    name: "",
    modes: &[Structured],
    prefix: "",
    also_prefix: &[],
    content_type: ContentType::Unmarked,
    any_case: false,
    reserved: &[],
    text: Text::Utf8,
    body: Body::Bytes,
    empty: Empty::Allowed,
    limits: Limits::NONE,
    source: "",
};

/// CoAP: a document, and its media type as the option Content-Format.
///
/// A Content-Format is a number, and IANA has registered none for CloudEvents. Both ends have to agree on one of 65000 to 65535, which are
/// for experiments alone (RFC 9876). Register a number for operation. A message under `application/json` (50) is read with
/// [`AssumedJson`](cloudevents_core::RepairKind::AssumedJson). A datagram that no path limits further holds about 1,024 bytes (section
/// 4.6). Larger documents need block-wise transfer (RFC 7959).
///
/// ```
/// use cloudevents_carriers::{CarrierMessage, MessageView, rows::COAP};
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_json::Json;
///
/// const EVENT: u16 = 65_001; // as both ends agreed
///
/// let event = Event::builder().id("1").source("/sensors/7").ty("t").build()?;
/// let written = COAP.encode(&event, Mode::structured(&Json::new()))?.message;
/// let (option, payload) = match written.content_type() {
///     Some("application/cloudevents+json") => (EVENT, written.body.clone()),
///     other => panic!("no number is agreed for {other:?}"),
/// };
///
/// let media_type = if option == EVENT { "application/cloudevents+json" } else { "application/octet-stream" };
/// let received = CarrierMessage::new(payload).with_content_type(media_type);
/// assert_eq!(COAP.decode(&received, &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const COAP: Carrier = Carrier {
    name: "coap",
    modes: &[Structured, Batched],
    content_type: ContentType::Native("Content-Format"),
    source: "no binding is published; RFC 7252, sections 4.6, 5.10.3 and 12.3",
    ..DOCUMENTS
};

/// Google Cloud Pub/Sub: attributes of the message, and its data.
///
/// The largest request has 10 MB, or 10,000,000 bytes. The message is compared with this limit. The rest of the request counts, too, and
/// REST writes the data as Base64.
///
/// ```
/// use cloudevents_carriers::rows::GOOGLE_PUBSUB;
/// use cloudevents_core::{Event, Mode};
/// use std::collections::HashMap;
///
/// let event = Event::builder().id("1").source("/s").ty("t").text("hello").build()?;
/// let written = GOOGLE_PUBSUB.encode(&event, Mode::Binary)?.message;
/// // The fields of a PubsubMessage.
/// let attributes: HashMap<String, String> =
///     written.texts().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
/// let data = written.body;
/// assert_eq!((attributes["ce-type"].as_str(), &data[..]), ("t", &b"hello"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const GOOGLE_PUBSUB: Carrier = Carrier {
    name: "google-pubsub",
    modes: &[Binary, Structured],
    prefix: "ce-",
    content_type: ContentType::Key("content-type"),
    reserved: &["goog"],
    limits: Limits {
        headers: Some(100),
        name: Some(256),
        value: Some(1024),
        message: Some(10_000_000),
        ..Limits::NONE
    },
    source: "https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md, https://cloud.google.com/pubsub/quotas",
    ..DOCUMENTS
};

/// JSON Lines: a document is a line. The client writes the line feed.
///
/// ```
/// use cloudevents_carriers::{CarrierMessage, rows::LINES};
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_json::Json;
///
/// let mut file = Vec::new();
/// for id in ["1", "2"] {
///     let event = Event::builder().id(id).source("/s").ty("t").text("a\nb").build()?;
///     file.extend_from_slice(&LINES.encode(&event, Mode::structured(&Json::new()))?.message.body);
///     file.push(b'\n');
/// }
/// for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
///     let line = CarrierMessage::new(line.to_vec());
///     assert_eq!(LINES.decode(&line, &DecodeOptions::strict())?.value.ty(), "t");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const LINES: Carrier = Carrier {
    name: "lines",
    body: Body::Text { without: &['\n', '\r'] },
    source: "no binding is published; https://jsonlines.org",
    ..DOCUMENTS
};

/// NNG, nanomsg and other scalability protocols: a document is the body of a message.
///
/// ```
/// use cloudevents_carriers::{CarrierMessage, rows::NNG};
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let body: Vec<u8> = NNG.encode(&event, Mode::structured(&Json::new()))?.message.body.into();
/// assert_eq!(NNG.decode(&CarrierMessage::new(body), &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const NNG: Carrier = Carrier {
    name: "nng",
    source: "no binding is published; the manual page nng_msg(5) of NNG 1.10",
    ..DOCUMENTS
};

/// Apache Pulsar: properties of the message, and its payload.
///
/// They are those of the Kafka binding, so that Kafka clients of the same topic read the events. A draft of 2019 for CloudEvents 0.1 has
/// the prefix `CE-`, and no later document exists. The limit is the default `maxMessageSize` of a broker.
///
/// ```
/// use cloudevents_carriers::rows::PULSAR;
/// use cloudevents_core::{Event, Mode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("partitionkey", "7").build()?;
/// let written = PULSAR.encode(&event, Mode::Binary)?.message;
/// assert!(written.texts().any(|property| property == ("ce_partitionkey", "7")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const PULSAR: Carrier = Carrier {
    name: "pulsar",
    modes: &[Binary, Structured],
    prefix: "ce_",
    also_prefix: &["ce-", "CE-", "cloudEvents:", "cloudEvents_"],
    content_type: ContentType::Key("content-type"),
    limits: Limits { message: Some(5_242_880), ..Limits::NONE },
    source: "https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md, https://github.com/apache/pulsar/wiki/PIP-36:-Max-Message-Size",
    ..DOCUMENTS
};

/// Apache RocketMQ: user properties of the message, and its body.
///
/// The content type is the property `CE_contenttype`. `CE_datacontenttype`, which older clients write, is read as well. A message without a
/// payload has one byte of value zero. sdk-java writes extensions without the prefix:
/// [`UnprefixedExtension`](cloudevents_core::RepairKind::UnprefixedExtension) reads them.
///
/// ```
/// use cloudevents_carriers::rows::ROCKETMQ;
/// use cloudevents_core::{Event, Mode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let written = ROCKETMQ.encode(&event, Mode::Binary)?.message;
/// assert_eq!((written.header("CE_id"), &written.body[..]), (Some(&b"1"[..]), &b"\0"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const ROCKETMQ: Carrier = Carrier {
    name: "rocketmq",
    modes: &[Binary, Structured],
    prefix: "CE_",
    content_type: ContentType::Key("CE_contenttype"),
    empty: Empty::Nul,
    limits: Limits { all_headers: Some(16_384), body: Some(4_194_304), ..Limits::NONE },
    source: "https://github.com/apache/rocketmq-externals/blob/master/rocketmq-cloudevents-binding/rocketmq-transport-binding.md, https://github.com/cloudevents/sdk-java/tree/main/rocketmq, https://rocketmq.apache.org/docs/introduction/03limits",
    ..DOCUMENTS
};

/// Server-sent events: a document is the data of an event. The client writes the lines `data:`, `id:` and `event:`.
///
/// A line break of the data is a line feed. A carriage return would become one.
///
/// ```
/// use cloudevents_carriers::{CarrierMessage, rows::SSE};
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let written = SSE.encode(&event, Mode::structured(&Json::new()))?.message;
/// let stream: String = std::str::from_utf8(&written.body)?.lines().map(|line| format!("data: {line}\n")).collect();
/// assert!(stream.starts_with(r#"data: {"specversion":"1.0","#));
///
/// let data: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
/// assert_eq!(SSE.decode(&CarrierMessage::new(data.join("\n")), &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const SSE: Carrier = Carrier {
    name: "sse",
    body: Body::Text { without: &['\r'] },
    source: "no binding is published; https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2",
    ..DOCUMENTS
};

/// STOMP: headers of the frames SEND and MESSAGE, and their body. The client writes the escapes of the frame.
///
/// The names are those of the RabbitMQ binding. The STOMP plugin of RabbitMQ passes them to other protocols of the broker, and back.
///
/// ```
/// use cloudevents_carriers::rows::STOMP;
/// use cloudevents_core::{Event, Mode};
///
/// let event = Event::builder().id("1").source("https://example.com/s").ty("t").text("hello").build()?;
/// let written = STOMP.encode(&event, Mode::Binary)?.message;
/// // A client takes a header as it is, and writes `ce-source:https\c//example.com/s`.
/// assert!(written.texts().any(|header| header == ("ce-source", "https://example.com/s")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const STOMP: Carrier = Carrier {
    name: "stomp",
    modes: &[Binary, Structured],
    prefix: "ce-",
    also_prefix: &["cloudEvents:", "cloudEvents_"],
    content_type: ContentType::Key("content-type"),
    source: "no binding is published; https://github.com/knative-extensions/eventing-rabbitmq/blob/main/cloudevents-protocol-spec/spec.md, https://stomp.github.io/stomp-specification-1.2.html",
    ..DOCUMENTS
};

/// Azure Queue Storage: a document in Base64, as Azure Functions expects it.
///
/// A document that is not in Base64 is read as well. To write such a document, use
/// `Carrier { body: Body::Text { without: &[] }, ..STORAGE_QUEUE }`. A message of 64 KiB in Base64 has a document of 48 KiB.
///
/// ```
/// use cloudevents_carriers::rows::STORAGE_QUEUE;
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let written = STORAGE_QUEUE.encode(&event, Mode::structured(&Json::new()))?.message;
/// // The text of the element `MessageText`.
/// assert!(written.body.starts_with(b"eyJzcGVjdmVyc2lvbiI6IjEuMCIs"));
/// assert_eq!(STORAGE_QUEUE.decode(&written, &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const STORAGE_QUEUE: Carrier = Carrier {
    name: "storage-queue",
    text: Text::Xml10,
    body: Body::Base64,
    empty: Empty::Refused,
    limits: Limits { body: Some(65_536), ..Limits::NONE },
    source: "no binding is published; https://learn.microsoft.com/rest/api/storageservices/put-message, QueueTriggerAttribute of Azure Functions",
    ..DOCUMENTS
};

/// XMPP: a document is the text of an element `json` in the namespace `urn:xmpp:json:0`. The client writes the escapes of XML.
///
/// ```
/// use cloudevents_carriers::rows::XMPP;
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let written = XMPP.encode(&event, Mode::structured(&Json::new()))?.message;
/// let json = std::str::from_utf8(&written.body)?.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
/// let stanza = format!("<message to='a@example.com'><json xmlns='urn:xmpp:json:0'>{json}</json></message>");
/// assert!(stanza.contains(r#">{"specversion":"1.0","#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const XMPP: Carrier = Carrier {
    name: "xmpp",
    text: Text::Xml10,
    body: Body::Text { without: &[] },
    source: "no binding is published; https://xmpp.org/extensions/xep-0335.html",
    ..DOCUMENTS
};

/// ZeroMQ: a message of two frames, a media type and a document. A frame for subscriptions may come before them.
///
/// ```
/// use cloudevents_carriers::{CarrierMessage, MessageView, rows::ZEROMQ};
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let written = ZEROMQ.encode(&event, Mode::structured(&Json::new()))?.message;
/// let frames: Vec<Vec<u8>> = vec![written.content_type().unwrap_or_default().into(), written.body.to_vec()];
///
/// let [media_type, document] = frames.as_slice() else { panic!("two frames") };
/// let received = CarrierMessage::new(document.clone()).with_content_type(std::str::from_utf8(media_type)?);
/// assert_eq!(ZEROMQ.decode(&received, &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const ZEROMQ: Carrier = Carrier {
    name: "zeromq",
    modes: &[Structured, Batched],
    content_type: ContentType::Native("the first frame"),
    source: "no binding is published; https://rfc.zeromq.org/spec/23/",
    ..DOCUMENTS
};
