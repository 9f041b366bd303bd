//! Compares received events with sent events.

use crate::{plain::shortened, show};
use cloudevents_kit::{Error, Event, Format, Losses, Value};
use std::collections::BTreeSet;

/// The result of comparing.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// The number of events that came back unchanged.
    pub(crate) same: usize,
    pub(crate) differences: Vec<String>,
    /// Attributes with the same text and another type.
    pub(crate) types: BTreeSet<LostType>,
    pub(crate) notes: BTreeSet<String>,
}

/// An attribute that came back as another type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LostType {
    pub(crate) to: &'static str,
    pub(crate) name: String,
    pub(crate) from: &'static str,
}

impl Compared {
    /// Compares events in order. A loss that the format reports is a note, not a difference.
    pub(crate) fn all(&mut self, sent: &[Event], received: &[Event], format: Option<&dyn Format>) {
        if sent.len() != received.len() {
            self.differences.push(format!(
                "{} events were sent, and {} came back",
                sent.len(),
                received.len()
            ));
        }
        for (sent, received) in sent.iter().zip(received) {
            let before = self.differences.len();
            // Encode each event again: encoding a batch reports the losses of all its events together.
            let told =
                format.and_then(|format| format.encode(sent, &mut Vec::new()).ok()).unwrap_or_default();
            self.event(sent, received, &told);
            self.same = self.same.saturating_add(usize::from(self.differences.len() == before));
        }
    }

    /// Adds the error of a message that could not be decoded.
    pub(crate) fn refused(&mut self, error: &Error, events: usize) {
        self.differences.push(format!("a message with {events} events was refused: {error}"));
    }

    /// Adds a document that was changed while it was forwarded: none of its events came back unchanged.
    pub(crate) fn rewritten(&mut self, events: usize) {
        self.same = self.same.saturating_sub(events);
        self.differences.push("the document came back with other bytes".to_owned());
    }

    /// Returns the new type, and the attributes with their original types:
    /// `priority (Integer), checksum (Binary)`.
    pub(crate) fn lost(&self) -> (String, String) {
        let to: BTreeSet<&str> = self.types.iter().map(|lost| lost.to).collect();
        let names: Vec<String> =
            self.types.iter().map(|lost| format!("{} ({})", lost.name, lost.from)).collect();
        (to.into_iter().collect::<Vec<_>>().join(" and "), names.join(", "))
    }

    fn event(&mut self, sent: &Event, received: &Event, told: &Losses) {
        if sent.specversion() != received.specversion() {
            self.differs("specversion", sent.specversion().as_str(), received.specversion().as_str());
        }
        for (name, value) in sent.attributes() {
            match received.attribute(name.as_str()) {
                Some(back) => self.attribute(name.as_str(), value, back, told),
                None if self.is_told(name.as_str(), told) => {}
                None => self.differences.push(format!("the attribute {name} did not come back")),
            }
        }
        for (name, value) in received.attributes().filter(|(name, _)| sent.attribute(name.as_str()).is_none())
        {
            // Carriers other than the JSON format have to write an implied content type.
            let implied = sent.content_type().is_some_and(|implied| Some(implied.as_str()) == value.as_str());
            if name == "datacontenttype" && implied {
                self.notes.insert(format!("the content type, which was implied, came back as {value}"));
            } else {
                self.differences.push(format!("the attribute {name} came back and was not sent: {value}"));
            }
        }
        self.payload(sent, received, told);
    }

    /// Whether the format reported a loss for this; if so, adds a note.
    fn is_told(&mut self, at: &str, told: &Losses) -> bool {
        let Some(loss) = told.iter().find(|loss| loss.at() == at) else { return false };
        self.notes.insert(format!("{at}: {}", loss.detail()));
        true
    }

    fn attribute(&mut self, name: &str, sent: Value<'_>, back: Value<'_>, told: &Losses) {
        if sent.to_canonical() != back.to_canonical() {
            if self.is_told(name, told) {
                return;
            }
            // Zeros at the end of a fraction make no difference.
            if let (Value::Timestamp(sent), Value::Timestamp(back)) = (sent, back)
                && sent.instant() == back.instant()
            {
                self.notes.insert(format!("{name}: the same instant with other digits"));
                return;
            }
            self.differs(&format!("the attribute {name}"), &sent.to_canonical(), &back.to_canonical());
        } else if sent.attribute_type() != back.attribute_type() {
            let (from, to) = (sent.attribute_type().name(), back.attribute_type().name());
            self.types.insert(LostType { to, name: name.to_owned(), from });
        }
    }

    fn payload(&mut self, sent: &Event, received: &Event, told: &Losses) {
        match (sent.data(), received.data()) {
            (None, None) => {}
            (Some(_), None) => self.differences.push("the payload did not come back".to_owned()),
            (None, Some(_)) => self.differences.push("a payload came back, and there was none".to_owned()),
            (Some(sent), Some(back)) if sent.as_bytes() != back.as_bytes() => {
                if self.is_told("data", told) {
                    return;
                }
                let (sent, back) =
                    (String::from_utf8_lossy(sent.as_bytes()), String::from_utf8_lossy(back.as_bytes()));
                self.differs("the payload", &sent, &back);
            }
            (Some(sent), Some(back)) => {
                let (from, to) = (show::kind_of(sent), show::kind_of(back));
                if from != to {
                    self.notes.insert(format!(
                        "the payload, which is {from}, came back as {to}, byte for byte the same"
                    ));
                }
            }
        }
    }

    fn differs(&mut self, what: &str, sent: &str, back: &str) {
        self.differences.push(format!(
            "{what} was `{}` and came back as `{}`",
            shortened(sent, 100),
            shortened(back, 100)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_differs_is_told() {
        let sent = Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .extension("a", 1)
            .extension("b", 2)
            .text("x")
            .build()
            .unwrap();
        let back = Event::builder()
            .id("2")
            .source("/s")
            .ty("t")
            .extension("a", "1")
            .extension("c", 3)
            .text("y")
            .build()
            .unwrap();
        let mut compared = Compared::default();
        compared.all(&[sent.clone(), sent.clone()], &[back], None);
        assert_eq!(
            compared.differences,
            [
                "2 events were sent, and 1 came back",
                "the attribute id was `1` and came back as `2`",
                "the attribute b did not come back",
                "the attribute c came back and was not sent: 3",
                "the payload was `x` and came back as `y`",
            ]
        );
        assert_eq!(compared.lost(), ("String".to_owned(), "a (Integer)".to_owned()));
        assert_eq!(compared.same, 0);
        let mut compared = Compared::default();
        compared.all(std::slice::from_ref(&sent), std::slice::from_ref(&sent), None);
        assert_eq!((compared.same, compared.differences.len()), (1, 0));
    }
}
