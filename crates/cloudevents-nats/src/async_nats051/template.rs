//! Subjects that depend on the event.

use super::{failure::invalid_subject, message::subject};
use async_nats::Subject;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};
use cloudevents_transport::bridge;

/// A subject, or a template of one: `orders.{type}`.
#[derive(Clone, Debug)]
pub(super) enum Template {
    Fixed(Subject),
    Parts(bridge::Template),
}

impl Template {
    /// Text that is no template is an error of kind [`InvalidUrl`](ErrorKind::InvalidUrl). So is text around attributes that no subject
    /// has.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |detail: String| Error::new(ErrorKind::InvalidUrl).with_detail(detail);
        let template: bridge::Template = text
            .parse()
            .map_err(|error: Error| invalid(format!("the path is no subject: {}", error.detail())))?;
        // An attribute is at least one character, and may be more than one token.
        let example = subject(&template.with("a"));
        let example = example.map_err(|_| invalid("the path is not a subject to publish to".into()))?;
        Ok(if template.fixed().is_some() { Self::Fixed(example) } else { Self::Parts(template) })
    }

    /// The subject for this message. Errors are those of reading an attribute in a document, and
    /// [`MissingAttribute`](ErrorKind::MissingAttribute).
    ///
    /// Values that no subject has are errors of kind [`InvalidString`](ErrorKind::InvalidString).
    pub(super) fn subject(&self, message: &Message, with: &DecodeOptions) -> Result<Subject, Error> {
        let template = match self {
            Self::Fixed(subject) => return Ok(subject.clone()),
            Self::Parts(template) => template,
        };
        let written = template.fill(message, with)?;
        // In the value of an attribute, a wildcard is one only as a whole token.
        if written.contains(['*', '>']) { Err(invalid_subject()) } else { subject(&written) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::{Document, Event, FormatId};
    use cloudevents_json::Json;

    #[test]
    fn attributes_become_a_subject() {
        let mut with = DecodeOptions::strict();
        with.formats = cloudevents_json::with_json(with.formats);
        let event = |ty: &str| Event::builder().id("7").source("/s").ty(ty).extension("region", "eu");
        let message = Message::from(event("com.example.placed").build().unwrap());
        let document = Message::Structured(Document::new(
            FormatId::JSON,
            r#"{"specversion":"1.0","id":"7","source":"/s","type":"com.example.placed","region":"eu"}"#,
        ));
        let _ = Json::new();
        for (template, expected) in [
            ("orders", "orders"),
            ("{type}", "com.example.placed"),
            ("orders.{region}.{type}", "orders.eu.com.example.placed"),
            ("orders.x{id}y", "orders.x7y"),
            ("orders.{tenant|region}.{{x}}", "orders.eu.{x}"),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!(template.subject(&message, &with).unwrap().as_str(), expected);
            assert_eq!(template.subject(&document, &with).unwrap().as_str(), expected);
        }
        let missing = Template::parse("a.{subject}").unwrap().subject(&message, &with);
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::MissingAttribute);
        for bad in ["a b", ".a", "a..b", "a.*", "x*", ">"] {
            let message = Message::from(event(bad).build().unwrap());
            let error = Template::parse("t.{type}").unwrap().subject(&message, &with).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidString, "{bad}");
        }
    }

    #[test]
    fn what_is_no_template() {
        for text in ["", "a.{", "a}", "{}", "{Type}", "{a b}", "a..{type}", "a b", "*", "a.>", ".{type}"] {
            assert_eq!(Template::parse(text).unwrap_err().kind(), ErrorKind::InvalidUrl, "{text}");
        }
    }
}
