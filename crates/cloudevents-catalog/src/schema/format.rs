//! Names of schema formats: `JsonSchema/draft-07`.

use crate::Leniency;
use crate::finding::{Notes, Rule};
use crate::reference::NAME;

/// The format of a schema. Names and versions compare without case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) family: Family,
    /// In lower case. `None` if the family does not have this version.
    pub(crate) version: Option<String>,
    /// As written.
    pub(crate) text: String,
}

/// The formats that the specification names, and others by their names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    JsonSchema,
    JsonStructure,
    Avro,
    Protobuf,
    Xsd,
    Other(String),
}

const JSON_SCHEMA: [&str; 5] = ["draft-04", "draft-06", "draft-07", "draft/2019-09", "draft/2020-12"];

impl Format {
    pub(crate) fn read(text: &str, place: &str, notes: &mut Notes<'_>) -> Option<Self> {
        let Some((name, version)) =
            text.split_once('/').filter(|(name, version)| !name.is_empty() && !version.is_empty())
        else {
            notes.mistake(
                Rule::FormatSyntax,
                place,
                format!("a format is `NAME/VERSION`, and this is `{text}`"),
            );
            return None;
        };
        // A schema keeps its format, too.
        if text.len() > NAME {
            notes.mistake(Rule::FormatSyntax, place, format!("a format has more than {NAME} bytes"));
            return None;
        }
        let (name, version) = (name.to_ascii_lowercase(), version.to_ascii_lowercase());
        let (family, is_usual) = match name.as_str() {
            "jsonschema" => (Family::JsonSchema, JSON_SCHEMA.contains(&version.as_str())),
            "jsonstructure" => {
                let is_known = ["draft-", "rfc-"].iter().any(|prefix| version.starts_with(prefix));
                (Family::JsonStructure, is_known)
            }
            "avro" => (
                Family::Avro,
                version
                    .split('.')
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())),
            ),
            "protobuf" => (Family::Protobuf, ["2", "3"].contains(&version.as_str())),
            "proto" => (Family::Protobuf, false),
            "xsd" => (Family::Xsd, ["1.0", "1.1"].contains(&version.as_str())),
            "xmlschema" => (Family::Xsd, false),
            _ => (Family::Other(name.clone()), true),
        };
        if is_usual {
            return Some(Self { family, version: Some(version), text: text.to_owned() });
        }
        let (usual, version) = match family {
            Family::Protobuf => ("Protobuf/2 or Protobuf/3", Some(version.trim_end_matches(".0").to_owned())),
            Family::Xsd => ("XSD/1.0 or XSD/1.1", Some(version)),
            Family::Avro => ("such as Avro/1.12.0", None),
            Family::JsonStructure => ("such as JsonStructure/draft-04", None),
            _ => ("such as JsonSchema/draft-07 or JsonSchema/draft/2020-12", None),
        };
        let message = format!("`{text}` is not a format of the specification, which are {usual}");
        notes.deviation(Leniency::FormatName, place, message).then(|| Self {
            family,
            version,
            text: text.to_owned(),
        })
    }

    /// Whether two formats are the same. A version that is unknown differs from none. `Avro/1.11` is any of its releases.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let is_part = |first: &str, second: &str| {
            second.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let versions = match (&self.version, &other.version) {
            (Some(first), Some(second)) => is_part(first, second) || is_part(second, first),
            _ => true,
        };
        self.family == other.family && versions
    }
}
