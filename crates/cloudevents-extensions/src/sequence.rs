//! Sequence.

use crate::{Extension, Fields, NonEmptyText};
use cloudevents_core::{Error, Event, EventBuilder};

/// The place of the event among the events of its source (`sequence.md`): `sequence`. Values compare as text.
///
/// Only the program that creates the values can see to their order. [`numbered`](Self::numbered) does it with zeros.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, Sequence};
///
/// assert!(Sequence("002".parse()?) > Sequence("001".parse()?));
/// assert!(Sequence::numbered(10) > Sequence::numbered(9));
///
/// let sequence = Sequence::numbered(42);
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&sequence).build()?;
/// assert_eq!(event.extension("sequence").unwrap(), "00000000000000000042");
/// assert_eq!(event.read_extension()?, Some(sequence));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub NonEmptyText);

impl Sequence {
    /// Writes a number with 20 digits, so that the order of texts is the order of numbers.
    pub fn numbered(number: u64) -> Self {
        Self(NonEmptyText::digits(number))
    }
}

impl Extension for Sequence {
    const ATTRIBUTES: &'static [&'static str] = &["sequence"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let sequence = fields.required_text("sequence", "SEQ-sequence-a", "SEQ-sequence-b");
        fields.finish(|| sequence.map(Self))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("sequence", &self.0)
    }
}
