//! Topics: fixed, or made from attributes of the event.

use super::text;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};
use cloudevents_transport::bridge::Template;
use std::{fmt, sync::Arc};

/// The longest topic, in bytes (MQTT 5.0, section 1.5.4).
const LONGEST: usize = 65_535;

/// A topic, or a [`Template`] of one: `plant/{source}/{type}`.
///
/// A slash in the value of an attribute separates levels of the topic. An event without the attribute cannot be sent.
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
    Template(Template),
}

impl Topic {
    /// Reads a topic or template. Wildcards, control characters and noncharacters are errors of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    ///
    /// So is text that is no template.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check(text).map_err(|what| invalid(text, what))?;
        let template: Template = text
            .parse()
            .map_err(|error: Error| invalid(text, &format!("is no template: {}", error.detail())))?;
        Ok(Self(match template.fixed() {
            Some(topic) => Parts::Fixed(topic.into()),
            None => Parts::Template(template),
        }))
    }

    /// The topic for this message. A document is read as far as the attributes need it.
    ///
    /// Errors:
    ///
    /// - [`MissingAttribute`](ErrorKind::MissingAttribute)
    /// - [`InvalidString`](ErrorKind::InvalidString) if the values of the attributes make an empty topic, a topic with wildcards, control
    ///   characters or noncharacters, or a topic that begins with `$` although the template does not
    /// - [`TooLarge`](ErrorKind::TooLarge)
    /// - the errors of reading the document
    pub fn of(&self, message: &Message, with: &DecodeOptions) -> Result<Arc<str>, Error> {
        let template = match &self.0 {
            Parts::Fixed(topic) => return Ok(Arc::clone(topic)),
            Parts::Template(template) => template,
        };
        let topic = template.fill(message, with)?;
        // Brokers have such topics for themselves (MQTT 5.0, section 4.7.2). Some end the connection for them, with everything that is on
        // its way.
        if topic.starts_with('$') && !self.to_string().starts_with('$') {
            let what = "begins with `$`, as the broker's own topics do: no event may choose one (MQTT 5.0, section 4.7.2)";
            return Err(Error::new(ErrorKind::InvalidString).with_detail(said(&topic, what)));
        }
        Self::checked(&topic)
    }

    /// A topic without a template. Braces have no meaning in it.
    pub(super) fn plain(topic: &str) -> Result<Self, Error> {
        Self::checked(topic)
            .map(|topic| Self(Parts::Fixed(topic)))
            .map_err(|error| Error::new(ErrorKind::InvalidUrl).with_detail(error.detail().to_owned()))
    }

    /// Checks the topic of one message, which is no template. Errors are about that message.
    pub(super) fn checked(topic: &str) -> Result<Arc<str>, Error> {
        let what = if topic.is_empty() { Err("is empty") } else { check(topic) };
        let kind = if topic.len() > LONGEST { ErrorKind::TooLarge } else { ErrorKind::InvalidString };
        what.map(|()| topic.into()).map_err(|what| Error::new(kind).with_detail(said(topic, what)))
    }

    /// Returns the topic, if it is not a template.
    pub(super) fn fixed(&self) -> Result<Arc<str>, Error> {
        match &self.0 {
            Parts::Fixed(topic) => Ok(Arc::clone(topic)),
            Parts::Template(_) => Err(invalid(&self.to_string(), "is a template")),
        }
    }
}

/// Whether a topic matches a filter, also the filter of a shared subscription (MQTT 5.0, sections 4.7 and 4.8.2).
pub(super) fn matches(filter: &str, topic: &str) -> bool {
    let shared = filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/'));
    let filter = shared.map_or(filter, |(_, filter)| filter);
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false; // MQTT 5.0, section 4.7.2
    }
    let mut topics = topic.split('/');
    for level in filter.split('/') {
        match (level, topics.next()) {
            ("#", _) => return true, // with the level above it
            ("+", Some(_)) => {}
            (level, Some(found)) if level == found => {}
            _ => return false,
        }
    }
    topics.next().is_none()
}

/// Returns the fault of a topic or a part of a topic.
fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST {
        return Err("has more than 65,535 bytes");
    }
    if text.contains(['+', '#']) {
        return Err("contains `+` or `#`, which no topic may (MQTT 5.0, section 4.7.1)");
    }
    text::check(text).map_err(|_| {
        "contains a control character or noncharacter, for which brokers may end the connection (MQTT 5.0, section 1.5.4)"
    })
}

fn said(topic: &str, what: &str) -> String {
    let shown: String = topic.chars().take(100).flat_map(char::escape_debug).collect();
    format!("the topic `{shown}` {what}")
}

fn invalid(topic: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidUrl).with_detail(said(topic, what))
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Parts::Fixed(topic) => f.write_str(topic),
            Parts::Template(template) => template.fmt(f),
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
        assert_eq!(of("{subject}", "$SYS/broker"), Err(ErrorKind::InvalidString));
        assert_eq!(of("{subject}", "a/$b").unwrap(), "a/$b");
        assert_eq!(of("$aws/{subject}", "x").unwrap(), "$aws/x");
        assert_eq!(of("{{a}}/{device|subject}", "x").unwrap(), "{a}/x");
        assert_eq!(Topic::parse("a/{type}/b").unwrap().to_string(), "a/{type}/b");
    }

    /// The examples of MQTT 5.0, section 4.7.1.
    #[test]
    fn filters() {
        for (filter, topic, wanted) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "a/b", true),
            ("$share/group/a/+", "a/b", true),
            ("$share/group/a/+", "b/b", false),
            ("a", "a", true),
            ("a", "b", false),
            ("#", "$SYS/a", false),
            ("$share/group/+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
        ] {
            assert_eq!(matches(filter, topic), wanted, "{filter} {topic}");
        }
    }

    #[test]
    fn what_is_no_template() {
        for text in
            ["a/#", "+/a", "a\0", "a\tb", "\u{ffff}", "a/{type", "a/type}", "a/{}", "a/{Type}", "a/}{type}"]
        {
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
