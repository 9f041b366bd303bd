//! Severity.

use crate::{Extension, Fields, NonEmptyText, violation};
use cloudevents_core::{Error, Event, EventBuilder};

/// How severe the event is (`severity.md`): `severitynumber` and `severitytext`, with the numbers of OpenTelemetry.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, Severity};
///
/// let severity = Severity::new(17)?.with_text("ERROR".parse()?);
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&severity).build()?;
/// assert_eq!(event.read_extension()?, Some(severity));
/// assert_eq!(Severity::new(18)?.name(), Some("ERROR2"));
/// assert!(Severity::new(-1).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Severity {
    number: i32,
    text: Option<NonEmptyText>,
}

impl Severity {
    /// Creates a severity without text. Errors are of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension), when the
    /// number is negative (clause SEV-severitynumber-d).
    pub fn new(number: i32) -> Result<Self, Error> {
        if number < 0 {
            return Err(violation("severitynumber", "SEV-severitynumber-d", format!("{number} is negative")));
        }
        Ok(Self { number, text: None })
    }

    /// Sets the name of the level at the source, in upper case where possible: `severitytext`.
    pub fn with_text(mut self, text: NonEmptyText) -> Self {
        self.text = Some(text);
        self
    }

    /// The number; a higher one is more severe.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// The name of the level at the source.
    pub fn text(&self) -> Option<&NonEmptyText> {
        self.text.as_ref()
    }

    /// The text; without one, OpenTelemetry's short name of a number from 1 to 24 (clause SEV-severitytext-b).
    pub fn name(&self) -> Option<&str> {
        const NAMES: [&str; 24] = [
            "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4", "INFO", "INFO2",
            "INFO3", "INFO4", "WARN", "WARN2", "WARN3", "WARN4", "ERROR", "ERROR2", "ERROR3", "ERROR4",
            "FATAL", "FATAL2", "FATAL3", "FATAL4",
        ];
        let short = || NAMES.get(usize::try_from(self.number).ok()?.checked_sub(1)?).copied();
        self.text.as_ref().map(NonEmptyText::as_str).or_else(short)
    }
}

impl Extension for Severity {
    const ATTRIBUTES: &'static [&'static str] = &["severitynumber", "severitytext"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let number = fields.required("severitynumber", "SEV-severitynumber-a");
        let severity = number.and_then(|number| fields.accept(Self::new(number)));
        let text = fields.optional_text("severitytext", "SEV-severitytext-a", "SEV-severitytext-c");
        fields.finish(|| Some(Self { text, ..severity? }))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("severitynumber", self.number).extension("severitytext", &self.text)
    }
}
