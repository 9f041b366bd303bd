//! Messages that are no CloudEvents, as events: by the options of their protocol, and the attributes that a definition states.

use crate::endpoint::encoded;
use crate::matching::{Steps, is_expansion, solve};
use crate::{Catalog, Message, Template};
use cloudevents_core::{EventBuilder, Payload};
use serde_json::{Map, Value};

/// A message of MQTT, AMQP 1.0, Kafka, NATS or HTTP that is no CloudEvent.
///
/// With the feature `transport`, it is made from the messages that a receiver delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawMessage {
    /// The topic, subject, node or path.
    pub topic: Option<String>,
    /// The key of a record.
    pub key: Option<String>,
    /// Headers, user properties, or properties and application properties, with the content type as `content-type`. Names compare without
    /// case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl RawMessage {
    /// A message at a topic, subject, node or path.
    pub fn at(topic: impl Into<String>) -> Self {
        Self { topic: Some(topic.into()), ..Self::default() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Headers that are not text are left out.
#[cfg(feature = "transport")]
impl From<&cloudevents_transport::Received> for RawMessage {
    fn from(received: &cloudevents_transport::Received) -> Self {
        let text = |bytes: &[u8]| str::from_utf8(bytes).ok().map(str::to_owned);
        let headers = received.headers().into_iter();
        Self {
            topic: received.topic().map(str::to_owned),
            key: received.key().and_then(|key| text(&key)),
            headers: headers.filter_map(|(name, value)| Some((name.to_owned(), text(&value?)?))).collect(),
            body: received.body().map(Vec::from).unwrap_or_default(),
        }
    }
}

/// A rule of a definition for a message of its protocol.
#[derive(Debug)]
pub(crate) struct RawRule {
    field: Field,
    /// `None` if the field only has to be there.
    value: Option<Template>,
}

#[derive(Debug)]
enum Field {
    Topic,
    Key,
    Header(String),
}

impl RawRule {
    /// The rules in the options of a protocol. Options that say nothing about a received message are left out.
    pub(crate) fn read(members: &Map<String, Value>, is_wide: bool) -> Vec<Self> {
        let Some(Value::Object(options)) = members.get("protocoloptions") else { return Vec::new() };
        let mut rules = Vec::new();
        let mut add = |field: Field, rule: &Value| {
            let members = rule.as_object();
            let text = rule.as_str().or_else(|| members?.get("value")?.as_str());
            let is_required =
                members.is_some_and(|members| members.get("required") == Some(&Value::Bool(true)));
            // Text that is no template stands for itself.
            let value = text.map(|text| text.parse().unwrap_or_else(|_| Template::literal(text)));
            let value = value.map(|template| Template { is_wide, ..template });
            if value.is_some() || is_required {
                rules.push(Self { field, value });
            }
        };
        for (name, option) in options {
            match (name.as_str(), option) {
                ("topic_name" | "topic" | "subject" | "path", rule) => add(Field::Topic, rule),
                ("key", rule) => add(Field::Key, rule),
                ("content_type", rule) => add(Field::Header("content-type".to_owned()), rule),
                (
                    "headers"
                    | "user_properties"
                    | "properties"
                    | "application-properties"
                    | "message-annotations",
                    Value::Object(all),
                ) => all.iter().for_each(|(name, rule)| add(Field::Header(name.clone()), rule)),
                ("headers" | "user_properties", Value::Array(all)) => {
                    for rule in all {
                        if let Some(name) = rule.get("name").and_then(Value::as_str) {
                            add(Field::Header(name.to_owned()), rule);
                        }
                    }
                }
                _ => {}
            }
        }
        rules
    }
}

impl Catalog {
    /// Starts an event from a message of this protocol, such as `MQTT` or `KAFKA`, that is no CloudEvent.
    ///
    /// It uses the definition whose `protocoloptions` match the message. If several match, it uses the definition with the most rules.
    /// Placeholders have their values in the message, and the body is the payload. The program adds the id, and the time if it knows it:
    /// nothing is invented.
    ///
    /// `None` if no definition of a CloudEvent matches, or if it has placeholders that are not in the message. Of a protocol's options, the
    /// topic, the key, the content type and headers count. A definition without any of them matches nothing.
    ///
    /// ```
    /// use cloudevents_catalog::{Catalog, Judge, RawMessage};
    ///
    /// let catalog = Catalog::parse(r#"{"messagegroups": {"stores": {"messages": {"com.example.sale": {
    ///     "protocol": "MQTT/5.0",
    ///     "protocoloptions": {"topic_name": "store/{storeid}/cashierdesk/{cdid}"},
    ///     "envelope": "CloudEvents/1.0",
    ///     "envelopemetadata": {
    ///         "source": {"type": "uritemplate", "value": "/stores/{storeid}"}, "subject": {"type": "uritemplate", "value": "{cdid}"}
    ///     },
    ///     "datacontenttype": "application/json"
    /// }}}}}"#)?;
    /// let mut message = RawMessage::at("store/7/cashierdesk/2");
    /// message.body = br#"{"total": 1.10}"#.to_vec();
    /// let (definition, event) = catalog.event_of("MQTT", &message).unwrap();
    /// let event = event.id("1").build()?;
    /// assert_eq!((event.source().as_str(), event.subject()), ("/stores/7", Some("2")));
    /// definition.admit(&event)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn event_of(&self, protocol: &str, message: &RawMessage) -> Option<(&Message, EventBuilder)> {
        let of = self.messages().filter(|definition| definition.is_event() && definition.is_of(protocol));
        let steps = Steps::default();
        let found = of.filter_map(|definition| {
            let event = definition.event_of(message, &steps)?;
            Some((definition, event))
        });
        // The first of the definitions with the most rules.
        let mut best: Option<(&Message, EventBuilder)> = None;
        for (definition, event) in found {
            if best.as_ref().is_none_or(|(known, _)| known.raw.len() < definition.raw.len()) {
                best = Some((definition, event));
            }
        }
        let (definition, event) = best?;
        Some((definition, definition.with_payload(event, message)))
    }
}

impl Message {
    /// Whether it is bound to a protocol, of any version.
    fn is_of(&self, protocol: &str) -> bool {
        let name = |text: &str| text.split('/').next().unwrap_or_default().to_ascii_lowercase();
        self.members.get("protocol").and_then(Value::as_str).is_some_and(|own| name(own) == name(protocol))
    }

    /// Without the payload: several definitions may match, and a payload may be large.
    fn event_of(&self, message: &RawMessage, steps: &Steps) -> Option<EventBuilder> {
        if self.raw.is_empty() {
            return None;
        }
        let mut pairs = Vec::new();
        for rule in &self.raw {
            let text = match &rule.field {
                Field::Topic => message.topic.as_deref(),
                Field::Key => message.key.as_deref(),
                Field::Header(name) => message.header(name),
            }?;
            pairs.extend(rule.value.as_ref().map(|template| (template, text)));
        }
        let values = solve(&pairs, steps).ok()?;
        // Values that are encoded in the message are not encoded again.
        let written = |value: &str| if is_expansion(value) { value.to_owned() } else { encoded(value, b"") };
        self.with_values(&values, written).ok()
    }

    fn with_payload(&self, event: EventBuilder, message: &RawMessage) -> EventBuilder {
        if message.body.is_empty() {
            return event;
        }
        let own = self.members.get("datacontenttype").and_then(Value::as_str);
        let stated = self.attributes.iter().find(|attribute| attribute.name == "datacontenttype");
        let content_type = stated.and_then(|attribute| attribute.constant()).or(own);
        let payload = Payload::body(message.body.clone());
        match content_type.or_else(|| message.header("content-type")) {
            Some(content_type) => event.payload(content_type, payload),
            None => event.payload_only(payload),
        }
    }
}
