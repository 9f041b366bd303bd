//! Subjects that depend on the event.

use super::{failure::invalid_subject, message::subject};
use async_nats::Subject;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};

/// A subject with the names of attributes in braces: `orders.{type}`.
#[derive(Clone, Debug)]
pub(super) enum Template {
    Fixed(Subject),
    Parts(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(Box<str>),
    Attribute(Box<str>),
}

impl Template {
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl): a brace without its counterpart, a name that
    /// no attribute has, or text that no subject has.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |detail: &'static str| Error::new(ErrorKind::InvalidUrl).with_detail(detail);
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| invalid("a `{` has no `}` in the subject"))?;
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            if name.is_empty() || !name.bytes().all(is_name) {
                return Err(invalid("in the subject, there is no name of an attribute between `{` and `}`"));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(Part::Attribute(name.into()));
            rest = after;
        }
        if text.is_empty() || text.matches('}').count() != text.matches('{').count() {
            return Err(invalid("the path is not a subject"));
        }
        if parts.is_empty() {
            let fixed = subject(text).map_err(|_| invalid("the path is not a subject to publish to"))?;
            return Ok(Self::Fixed(fixed));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        let whole: String =
            parts.iter().map(|part| if let Part::Text(text) = part { text } else { "a" }).collect();
        subject(&whole).map_err(|_| invalid("the path is not a subject to publish to"))?;
        Ok(Self::Parts(parts))
    }

    /// The subject for this message. Errors: those of reading an attribute in a document;
    /// [`MissingAttribute`](ErrorKind::MissingAttribute); and [`Unsupported`](ErrorKind::Unsupported) for
    /// values that no subject has.
    pub(super) fn subject(&self, message: &Message, with: &DecodeOptions) -> Result<Subject, Error> {
        let parts = match self {
            Self::Fixed(subject) => return Ok(subject.clone()),
            Self::Parts(parts) => parts,
        };
        let mut written = String::new();
        for part in parts {
            match part {
                Part::Text(text) => written.push_str(text),
                Part::Attribute(name) => match message.attribute(name, with)? {
                    Some(value) => written.push_str(&value),
                    None => {
                        return Err(Error::new(ErrorKind::MissingAttribute)
                            .with_detail(format!("the subject needs the attribute `{name}`")));
                    }
                },
            }
        }
        // In a name of an attribute, a wildcard is one only as a whole token.
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
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{bad}");
        }
    }

    #[test]
    fn what_is_no_template() {
        for text in ["", "a.{", "a}", "{}", "{Type}", "{a b}", "a..{type}", "a b", "*", "a.>", ".{type}"] {
            assert_eq!(Template::parse(text).unwrap_err().kind(), ErrorKind::InvalidUrl, "{text}");
        }
    }
}
