//! The verdict on an event, with the place and the rule of each fault.

use crate::Leniency;
use cloudevents_core::{Error, ErrorKind, Event};
use std::fmt;
use std::sync::Arc;

/// Judges events.
///
/// By the definitions of a [`Catalog`](crate::Catalog), by one [`Message`](crate::Message) of it, or by the schemas that events name,
/// [`DataSchemas`](crate::DataSchemas).
///
/// ```
/// use cloudevents_catalog::{Catalog, Judge, Outcome};
/// use cloudevents_core::Event;
///
/// let judge: &dyn Judge = &Catalog::default();
/// let event = Event::builder().id("1").source("/s").ty("com.example.order").build()?;
/// assert_eq!(judge.judge(&event).outcome(), Outcome::Undefined);
/// assert_eq!(judge.admit(&event).unwrap_err().to_string(), "nothing defines this event");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Judge: Send + Sync {
    /// Judges an event.
    fn judge(&self, event: &Event) -> Verdict;

    /// The verdict on a valid event: a step before sending, and the first step of a handler. See `examples/contract.rs`.
    ///
    /// An event whose payload could not be judged is valid: look at [`Verdict::not_judged`] to refuse it. In a handler, use
    /// `admit(&event).map_err(Failure::reject)?`: a bare `?` tries the message again, and rejects it after the last attempt.
    ///
    /// Errors: the event is invalid, or nothing defines it.
    ///
    /// ```
    /// use cloudevents_catalog::{Catalog, Judge, NotJudged};
    /// use cloudevents_core::Event;
    ///
    /// let catalog = Catalog::parse(r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
    ///     "envelope": "CloudEvents/1.0", "dataschemaformat": "XSD/1.1", "dataschema": "<order/>"
    /// }}}}}"#)?;
    /// let event = Event::builder().id("1").source("/s").ty("com.example.order").build()?;
    /// let verdict = catalog.admit(&event)?;
    /// assert_eq!(verdict.not_judged(), Some(&NotJudged::Format("XSD/1.1".to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn admit(&self, event: &Event) -> Result<Verdict, Refused> {
        let verdict = self.judge(event);
        match verdict.outcome() {
            Outcome::Valid => Ok(verdict),
            Outcome::Invalid | Outcome::Undefined => Err(Refused(Box::new(verdict))),
        }
    }
}

/// An event is not admitted: the verdict says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Box<Verdict>);

impl Refused {
    /// The verdict.
    pub fn verdict(&self) -> &Verdict {
        &self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

/// Of the kind [`InvalidData`](ErrorKind::InvalidData), with the verdict as its detail.
impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::new(ErrorKind::InvalidData).with_detail(refused.to_string())
    }
}

/// The verdict on an event.
///
/// ```
/// use cloudevents_catalog::{Breach, Catalog, Judge, Outcome};
/// use cloudevents_core::Event;
///
/// let catalog = Catalog::parse(r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
///     "envelope": "CloudEvents/1.0",
///     "envelopemetadata": {
///         "type": {"value": "com.example.order"},
///         "source": {"value": "/shops/{shop}"},
///         "subject": {"required": true}
///     }
/// }}}}}"#)?;
/// let event = Event::builder().id("1").source("/shops/7").ty("com.example.order").build()?;
/// let verdict = catalog.judge(&event);
/// assert_eq!(verdict.outcome(), Outcome::Invalid);
/// assert_eq!(verdict.faults()[0].breach, Breach::Missing);
/// assert_eq!(verdict.to_string(), "subject: the attribute is required and missing [missing]");
///
/// let event = event.into_builder().subject("42").build()?;
/// let verdict = catalog.judge(&event);
/// assert_eq!(verdict.outcome(), Outcome::Valid);
/// assert_eq!(verdict.definition(), Some("/messagegroups/shop/messages/com.example.order"));
/// assert_eq!(verdict.placeholder("shop"), Some("7"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub(crate) definition: Option<Arc<str>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) not_judged: Option<NotJudged>,
    pub(crate) placeholders: Vec<(Arc<str>, String)>,
    pub(crate) repairs: Vec<Leniency>,
}

impl Verdict {
    /// Valid, invalid, or nothing to judge by.
    pub fn outcome(&self) -> Outcome {
        match (&self.definition, self.faults.is_empty()) {
            (_, false) => Outcome::Invalid,
            (Some(_), true) => Outcome::Valid,
            (None, true) => Outcome::Undefined,
        }
    }

    /// The XID of the message definition, or the URI of the schema, that the event was judged by.
    pub fn definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    /// The faults. Empty if the event is valid, or if there is nothing to judge by.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Why the payload was not judged. `None` if it was. [`Judge::admit`] lets such an event pass.
    pub fn not_judged(&self) -> Option<&NotJudged> {
        self.not_judged.as_ref()
    }

    /// The leniencies without which the event would not be valid.
    pub fn repairs(&self) -> &[Leniency] {
        &self.repairs
    }

    /// The values that templates extract from the attributes of a valid event, in order, as they are written there.
    pub fn placeholders(&self) -> impl Iterator<Item = (&str, &str)> {
        self.placeholders.iter().map(|(name, value)| (&**name, value.as_str()))
    }

    /// The value of a placeholder.
    pub fn placeholder(&self, name: &str) -> Option<&str> {
        self.placeholders().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        match (self.outcome(), &self.not_judged) {
            (Outcome::Invalid, _) => Ok(()),
            (Outcome::Undefined, _) => f.write_str("nothing defines this event"),
            (Outcome::Valid, None) => f.write_str("valid"),
            (Outcome::Valid, Some(reason)) => write!(f, "valid; the payload was not judged: {reason}"),
        }?;
        self.repairs.iter().try_for_each(|repair| write!(f, "; repaired [{}]", repair.code()))
    }
}

/// The result of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The event has all that its definition states. See [`Verdict::not_judged`] for its payload.
    Valid,
    /// The event differs from its definition.
    Invalid,
    /// Nothing defines this event.
    Undefined,
}

/// Something in which an event differs from its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The kind of difference.
    pub breach: Breach,
    /// The name of the attribute, or `data` and a JSON Pointer into the payload: `data/items/0`.
    pub place: String,
    /// The rule: a JSON Pointer into the catalog. For a payload, the reference to the schema, with a JSON Pointer into it as its fragment.
    pub rule: String,
    /// The fault, as a sentence without a full stop. It does not repeat values of the payload.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.place, self.message, self.breach.code())
    }
}

/// The kind of a fault.
///
/// ```
/// assert_eq!(cloudevents_catalog::Breach::Missing.code(), "missing");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Breach {
    /// A required attribute, or the payload, is missing.
    Missing,
    /// An attribute has a value of another type.
    Type,
    /// An attribute has another value.
    Value,
    /// An attribute does not match its template, or a placeholder has several values.
    Template,
    /// The payload cannot be read in the format of its schema.
    Unreadable,
    /// The payload breaks a rule of its schema.
    Schema,
    /// The payload is too large, or has too many levels, to be judged by its schema: see the limits in the README.
    TooLarge,
}

impl Breach {
    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Type => "type",
            Self::Value => "value",
            Self::Template => "template",
            Self::Unreadable => "unreadable",
            Self::Schema => "schema",
            Self::TooLarge => "too-large",
        }
    }
}

/// Why a payload was not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotJudged {
    /// The definition has no schema.
    NoSchema,
    /// Schemas of this format are not judged, or not with the features of this build.
    Format(String),
    /// The schema is in another document: its URI, or its reference.
    Elsewhere(String),
    /// The schema cannot be used: see the findings of its catalog.
    Unusable(String),
    /// The payload is encoded in a content type that is not judged by schemas of this format.
    ContentType(String),
    /// The attributes are not valid.
    Attributes,
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSchema => f.write_str("there is no schema"),
            Self::Format(format) => write!(f, "schemas of the format `{format}` are not judged"),
            Self::Elsewhere(uri) => write!(f, "the schema is not in the catalog: {uri}"),
            Self::Unusable(reason) => write!(f, "the schema cannot be used: {reason}"),
            Self::ContentType(name) => {
                write!(f, "payloads of the content type `{name}` are not judged by this schema")
            }
            Self::Attributes => f.write_str("the attributes are not valid"),
        }
    }
}
