//! The forms that events are read from and written to.

use cloudevents_kit::{FormatId, Formats};

/// The name of JSON Lines.
pub(crate) const LINES: &str = "lines";

/// The name of YAML: documents with the content of JSON format documents.
const YAML: &str = "yaml";

/// A form that events are read from and written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON Lines.
    Lines,
    /// YAML documents, each with an event or a batch.
    Yaml,
    /// A document with one event.
    Single(FormatId),
    /// A document with a batch.
    Batch(FormatId),
}

impl Form {
    /// Returns the form with this name.
    pub(crate) fn of(name: &str, formats: &Formats) -> Option<Self> {
        if name == LINES {
            return Some(Self::Lines);
        }
        if name == YAML {
            return Some(Self::Yaml);
        }
        formats.iter().find_map(|format| {
            let id = format.id();
            let batch =
                name.strip_suffix("-batch") == Some(id.as_str()) && format.batch_media_type().is_some();
            if id.as_str() == name { Some(Self::Single(id)) } else { batch.then_some(Self::Batch(id)) }
        })
    }
}

/// Returns the names of all forms that are written.
pub(crate) fn names() -> clap::builder::PossibleValuesParser {
    all().into()
}

pub(super) fn all() -> Vec<String> {
    let mut names = Vec::new();
    for format in cloudevents_kit::formats().iter() {
        names.push(format.id().to_string());
        names.extend(format.batch_media_type().map(|_| format!("{}-batch", format.id())));
    }
    names.extend([LINES.to_owned(), YAML.to_owned()]);
    names
}

/// Returns the names of all formats.
pub fn format_names() -> clap::builder::PossibleValuesParser {
    cloudevents_kit::formats().iter().map(|format| format.id().to_string()).collect::<Vec<_>>().into()
}
