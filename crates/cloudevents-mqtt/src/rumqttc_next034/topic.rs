//! Topics: fixed, or made from attributes of the event.

use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};
use std::{fmt, sync::Arc};

/// The longest topic, in bytes (MQTT 5.0, section 1.5.4).
const LONGEST: usize = 65_535;

/// A topic, or a template of one: `plant/{source}/{type}`.
///
/// Each attribute between braces is replaced by its canonical text. A slash in it separates levels of the topic. An event without the
/// attribute cannot be sent.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event, Message};
/// use cloudevents_mqtt::rumqttc_next034::Topic;
///
/// let topic = Topic::parse("plant/{device}/{type}")?;
/// let event = Event::builder().id("1").source("/s").ty("temperature").extension("device", "7").build()?;
/// assert_eq!(&*topic.of(&Message::from(event), &DecodeOptions::strict())?, "plant/7/temperature");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Topic(Parts);

#[derive(Clone, PartialEq, Eq)]
enum Parts {
    Fixed(Arc<str>),
    Template(Vec<Part>),
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Attribute(Box<str>),
}

impl Topic {
    /// Reads a topic or template. Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl): wildcards, NUL, braces without a match, and
    /// names that no attribute can have.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check(text).map_err(|what| invalid(text, what))?;
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| invalid(text, "has a `{` without a `}`"))?;
            if crate::name::attribute(name).is_none() {
                return Err(invalid(text, "has braces around what no attribute can be named"));
            }
            if before.contains('}') {
                return Err(invalid(text, "has a `}` without a `{`"));
            }
            parts.extend([Part::Text(before.into()), Part::Attribute(name.into())]);
            rest = after;
        }
        if rest.contains('}') {
            return Err(invalid(text, "has a `}` without a `{`"));
        }
        if parts.is_empty() {
            return Ok(Self(Parts::Fixed(text.into())));
        }
        parts.push(Part::Text(rest.into()));
        Ok(Self(Parts::Template(parts)))
    }

    /// The topic for this message. A document is read as far as the attributes need it.
    ///
    /// Errors: [`MissingAttribute`](ErrorKind::MissingAttribute); [`InvalidString`](ErrorKind::InvalidString) if the value of an
    /// attribute would make a topic with wildcards or a NUL; those of reading the document.
    pub fn of(&self, message: &Message, with: &DecodeOptions) -> Result<Arc<str>, Error> {
        let parts = match &self.0 {
            Parts::Fixed(topic) => return Ok(Arc::clone(topic)),
            Parts::Template(parts) => parts,
        };
        let mut topic = String::new();
        for part in parts {
            match part {
                Part::Text(text) => topic.push_str(text),
                Part::Attribute(name) => match message.attribute(name, with)? {
                    Some(value) => {
                        check(&value).map_err(|what| {
                            Error::new(ErrorKind::InvalidString)
                                .with_attribute(&**name)
                                .with_detail(format!("it is a part of the topic, and {what}"))
                        })?;
                        topic.push_str(&value);
                    }
                    None => {
                        return Err(Error::new(ErrorKind::MissingAttribute)
                            .with_attribute(&**name)
                            .with_detail("it is a part of the topic"));
                    }
                },
            }
        }
        self::check(&topic)
            .map_err(|what| Error::new(ErrorKind::TooLarge).with_detail(format!("the topic {what}")))?;
        Ok(topic.into())
    }

    /// A topic without a template, whatever braces it has.
    pub(super) fn plain(topic: &str) -> Result<Self, Error> {
        Self::checked(topic).map(|topic| Self(Parts::Fixed(topic)))
    }

    /// Checks a topic that is not a template: the destination of one message.
    pub(super) fn checked(topic: &str) -> Result<Arc<str>, Error> {
        match check(topic) {
            Ok(()) if !topic.is_empty() => Ok(topic.into()),
            Ok(()) => Err(invalid(topic, "is empty")),
            Err(what) => Err(invalid(topic, what)),
        }
    }

    /// Returns the topic, if it is not a template.
    pub(super) fn fixed(&self) -> Result<Arc<str>, Error> {
        match &self.0 {
            Parts::Fixed(topic) => Ok(Arc::clone(topic)),
            Parts::Template(_) => Err(invalid(&self.to_string(), "is a template")),
        }
    }
}

/// Returns what is wrong with a topic or a part of one.
fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST {
        return Err("has more than 65,535 bytes");
    }
    match text.contains(['+', '#', '\0']) {
        true => Err("contains `+`, `#` or NUL, which no topic may (MQTT 5.0, section 4.7.1)"),
        false => Ok(()),
    }
}

fn invalid(topic: &str, what: &str) -> Error {
    let shown: String = topic.chars().take(100).flat_map(char::escape_debug).collect();
    Error::new(ErrorKind::InvalidUrl).with_detail(format!("the topic `{shown}` {what}"))
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Parts::Fixed(topic) => f.write_str(topic),
            Parts::Template(parts) => parts.iter().try_for_each(|part| match part {
                Part::Text(text) => f.write_str(text),
                Part::Attribute(name) => write!(f, "{{{name}}}"),
            }),
        }
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::{Document, Event, FormatId};

    fn of(topic: &str, subject: &str) -> Result<String, ErrorKind> {
        let event = Event::builder().id("1").source("/s").ty("t").subject(subject).build().unwrap();
        let topic = Topic::parse(topic).unwrap();
        topic
            .of(&event.into(), &DecodeOptions::strict())
            .map(|topic| topic.to_string())
            .map_err(|error| error.kind())
    }

    #[test]
    fn templates() {
        assert_eq!(of("a/{type}/{subject}", "b/c").unwrap(), "a/t/b/c");
        assert_eq!(of("{type}{id}", "x").unwrap(), "t1");
        assert_eq!(of("orders", "x").unwrap(), "orders");
        assert_eq!(of("a/{device}", "x"), Err(ErrorKind::MissingAttribute));
        assert_eq!(of("a/{subject}", "b/#"), Err(ErrorKind::InvalidString));
        assert_eq!(of("a/{subject}", "+"), Err(ErrorKind::InvalidString));
        assert_eq!(of("a/{subject}", &"x".repeat(65_535)), Err(ErrorKind::TooLarge));
        assert_eq!(Topic::parse("a/{type}/b").unwrap().to_string(), "a/{type}/b");
    }

    #[test]
    fn what_is_no_template() {
        for text in ["a/#", "+/a", "a\0", "a/{type", "a/type}", "a/{}", "a/{Type}", "a/}{type}", "{{type}}"] {
            assert_eq!(Topic::parse(text).unwrap_err().kind(), ErrorKind::InvalidUrl, "{text}");
        }
    }

    #[test]
    fn documents_are_looked_into() {
        let json = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        let mut with = DecodeOptions::strict();
        with.formats = cloudevents_json::with_json(with.formats);
        let message = Message::Structured(Document::new(FormatId::JSON, json));
        assert_eq!(&*Topic::parse("a/{type}").unwrap().of(&message, &with).unwrap(), "a/t");
    }
}
