//! Classification of data.

use crate::{Extension, Fields, NonEmptyText, Text, violation};
use cloudevents_core::{Error, Event, EventBuilder};
use std::fmt;

/// How the payload is classified, and which regulations apply (`data-classification.md`).
///
/// A consumer that does not know the duties of a value must reject the event. The type does not decide which values are known.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{DataClassification, EventExtensions};
///
/// let event = Event::builder().id("1").source("/s").ty("t");
/// let event = event.extension("dataclassification", "confidential").extension("dataregulation", "GDPR, HIPAA").build()?;
/// let data: DataClassification = event.read_extension()?.unwrap();
/// assert_eq!(data.classification, "confidential");
/// assert!(data.regulations.unwrap().iter().eq(["GDPR", "HIPAA"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DataClassification {
    /// The level: `dataclassification`, required. The document recommends `public`, `internal`, `confidential` and `restricted`, where
    /// a regulation has no labels of its own.
    pub classification: Text,
    /// The regulations that apply: `dataregulation`.
    pub regulations: Option<Regulations>,
    /// The category, in terms of the regulations: `datacategory`.
    pub category: Option<NonEmptyText>,
}

impl DataClassification {
    /// Creates a value without regulations and category.
    pub fn new(classification: Text) -> Self {
        Self { classification, regulations: None, category: None }
    }
}

impl Extension for DataClassification {
    const ATTRIBUTES: &'static [&'static str] = &["dataclassification", "dataregulation", "datacategory"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let classification = fields.required("dataclassification", "DATACLASS-dataclassification-a");
        let regulations = fields.optional::<Text>("dataregulation", "DATACLASS-dataregulation-a");
        let regulations = regulations.and_then(|list| fields.accept(Regulations::parse(list.as_str())));
        let category =
            fields.optional_text("datacategory", "DATACLASS-datacategory-a", "DATACLASS-datacategory-b");
        fields.finish(|| Some(Self { classification: classification?, regulations, category }))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder
            .extension("dataclassification", &self.classification)
            .extension("dataregulation", self.regulations.as_ref().map(Regulations::to_string))
            .extension("datacategory", &self.category)
    }
}

/// A list of data protection regulations: at least one. It is written with commas, without spaces.
///
/// ```
/// use cloudevents_extensions::Regulations;
///
/// let regulations = Regulations::parse(" GDPR , ISO-27001")?;
/// assert!(regulations.contains("GDPR") && !regulations.contains("HIPAA"));
/// assert_eq!(regulations.to_string(), "GDPR,ISO-27001");
/// assert!(Regulations::parse("ISO 27001").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regulations(Vec<NonEmptyText>);

impl Regulations {
    /// Reads a list with commas. Spaces around an entry are ignored. Errors are of kind
    /// [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension): the text is empty, an entry is empty or has spaces inside, or
    /// a character is none of a CloudEvents String (clause DATACLASS-dataregulation-b).
    pub fn parse(list: &str) -> Result<Self, Error> {
        list.split(',').map(|entry| regulation(entry.trim_matches(' '))).collect::<Result<_, _>>().map(Self)
    }

    /// The regulations, in the order they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(NonEmptyText::as_str)
    }

    /// Whether the regulation is in the list, by exact text.
    pub fn contains(&self, regulation: &str) -> bool {
        self.iter().any(|one| one == regulation)
    }
}

impl fmt::Display for Regulations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, regulation) in self.iter().enumerate() {
            write!(f, "{}{regulation}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

fn regulation(entry: &str) -> Result<NonEmptyText, Error> {
    let refuse = |detail: String| violation("dataregulation", "DATACLASS-dataregulation-b", detail);
    if entry.contains(' ') {
        return Err(refuse(format!("the entry `{entry}` has a space inside")));
    }
    NonEmptyText::parse(entry).map_err(|error| match entry {
        "" => refuse("an entry of the list is empty".to_owned()),
        _ => refuse(error.to_string()),
    })
}
