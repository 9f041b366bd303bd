//! Text templates with event attributes.

use cloudevents_core::{DecodeOptions, Error, ErrorKind, FoundAttributes, Message, ResolvedName};
use std::{fmt, str::FromStr};

/// A text template with attributes of the event: `orders.{type}`. Bridges and the URLs of senders have the same templates.
///
/// `{a|b}` is the first of these attributes that the event has. `{{` and `}}` are literal braces.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event, Message};
/// use cloudevents_transport::bridge::Template;
///
/// let template: Template = "orders/{type}/{partitionkey|id}".parse()?;
/// let message = Message::from(Event::builder().id("7").source("/s").ty("placed").build()?);
/// assert_eq!(template.fill(&message, &DecodeOptions::strict())?, "orders/placed/7");
///
/// let error = "orders/{Type}".parse::<Template>().unwrap_err();
/// assert_eq!(error.offset(), Some(8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    source: Box<str>,
    parts: Box<[Part]>,
    names: Box<[ResolvedName]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    /// Positions of names: the first that the event has.
    FirstOf(Box<[usize]>),
}

impl Template {
    /// Returns the text for this event. A document is read only as far as needed.
    ///
    /// Errors: [`MissingAttribute`](ErrorKind::MissingAttribute) if the event has none of the attributes of a
    /// part, [`Batched`](ErrorKind::Batched) for a batch, and the errors of reading the document.
    pub fn fill(&self, message: &Message, with: &DecodeOptions) -> Result<String, Error> {
        if let Some(fixed) = self.fixed() {
            return Ok(fixed);
        }
        message.look_up(&self.names, with, |found| self.filled(found))?
    }

    /// The text, if it is the same for every event.
    ///
    /// ```
    /// use cloudevents_transport::bridge::Template;
    ///
    /// assert_eq!("orders.{{eu}}".parse::<Template>()?.fixed().as_deref(), Some("orders.{eu}"));
    /// assert_eq!("orders.{type}".parse::<Template>()?.fixed(), None);
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn fixed(&self) -> Option<String> {
        self.names.is_empty().then(|| self.with(""))
    }

    /// The text with this value in place of each attribute, to check the text around them.
    pub fn with(&self, value: &str) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => String::from(&**text),
            Part::FirstOf(_) => value.to_owned(),
        };
        self.parts.iter().map(text).collect()
    }

    fn filled(&self, found: FoundAttributes<'_>) -> Result<String, Error> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::FirstOf(positions) => {
                    let value = positions.iter().find_map(|at| found.get(*at));
                    let value = value.ok_or_else(|| self.missing(positions))?;
                    filled.push_str(&value.to_canonical());
                }
            }
        }
        Ok(filled)
    }

    #[cold]
    fn missing(&self, positions: &[usize]) -> Error {
        let names: Vec<_> = positions.iter().filter_map(|at| Some(self.names.get(*at)?.as_str())).collect();
        let error = Error::new(ErrorKind::MissingAttribute)
            .with_detail(format!("the template `{self}` needs it"))
            .with_help("give an alternative in the template, as in `{subject|id}`");
        match names.first() {
            Some(name) => error.with_attribute(*name),
            None => error,
        }
    }
}

/// Errors are of kind [`InvalidName`](ErrorKind::InvalidName), with an offset.
impl FromStr for Template {
    type Err = Error;

    fn from_str(source: &str) -> Result<Self, Error> {
        let mut names: Vec<ResolvedName> = Vec::new();
        let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), source);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            let offset = source.len().saturating_sub(from.len());
            if let Some(behind) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                text.extend(from.chars().next());
                rest = behind;
                continue;
            }
            let Some((inside, behind)) = from.strip_prefix('{').and_then(|inside| inside.split_once('}'))
            else {
                let wrong = "a brace that does not belong to a pair; write `{{` or `}}` for a brace";
                return Err(Error::new(ErrorKind::InvalidName).with_detail(wrong).with_offset(offset));
            };
            let mut positions = Vec::new();
            let mut offset = offset.saturating_add(1);
            for name in inside.split('|') {
                let resolved = named(name).map_err(|error| error.with_offset(offset))?;
                offset = offset.saturating_add(name.len()).saturating_add(1);
                positions.push(names.iter().position(|known| *known == resolved).unwrap_or(names.len()));
                if !names.contains(&resolved) {
                    names.push(resolved);
                }
            }
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text).into()));
            }
            parts.push(Part::FirstOf(positions.into()));
            rest = behind;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Ok(Self { source: source.into(), parts: parts.into(), names: names.into() })
    }
}

/// Rules for attributes have parts of the message, too, such as `{message.topic}`. It is a mistake to expect them here.
fn named(name: &str) -> Result<ResolvedName, Error> {
    if name.contains('.') {
        let wrong = format!(
            "a template has names of attributes here, and `{name}` is none; `set` makes an attribute of it"
        );
        return Err(Error::new(ErrorKind::InvalidName).with_detail(wrong));
    }
    ResolvedName::new(name)
}

/// The text of the template.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Event;

    #[test]
    fn filling() {
        let event = Event::builder().id("7").source("/s").ty("t").extension("n", 3).build().unwrap();
        let message = Message::from(event);
        let fill = |text: &str| {
            text.parse::<Template>().unwrap().fill(&message, &DecodeOptions::strict()).map_err(|e| e.kind())
        };
        assert_eq!(fill(""), Ok(String::new()));
        assert_eq!(fill("plain"), Ok("plain".to_owned()));
        assert_eq!(fill("{{{id}}}{n}-{id}"), Ok("{7}3-7".to_owned()));
        assert_eq!(fill("{subject|n|id}"), Ok("3".to_owned()));
        assert_eq!(fill("{subject|other}"), Err(ErrorKind::MissingAttribute));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, offset) in [("ab{", 2), ("a}b", 1), ("{id", 0), ("x{id|A}", 5), ("{}", 1), ("{data}", 1)] {
            let error = text.parse::<Template>().unwrap_err();
            assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidName, Some(offset)), "{text}");
        }
    }
}
