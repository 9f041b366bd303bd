//! Schemas as a registry has them.

use std::{fmt, sync::Arc};

/// A schema: its text, what language that is in, and what it refers to. Cheap to clone.
///
/// ```
/// use cloudevents_kafka::registry::{Schema, SchemaKind};
///
/// let schema = Schema::avro(r#"{"type": "record", "name": "Order", "namespace": "com.example", "fields": []}"#);
/// assert_eq!(schema.kind(), &SchemaKind::Avro);
/// assert_eq!(schema.name().as_deref(), Some("com.example.Order"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    kind: SchemaKind,
    text: Arc<str>,
    references: Arc<[Reference]>,
}

impl Schema {
    /// A schema of this kind. The text is not looked at.
    pub fn new(kind: SchemaKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into(), references: Arc::default() }
    }

    /// An Avro schema, as JSON.
    pub fn avro(text: impl Into<Arc<str>>) -> Self {
        Self::new(SchemaKind::Avro, text)
    }

    /// A Protobuf schema, as the text of a `.proto` file.
    pub fn protobuf(text: impl Into<Arc<str>>) -> Self {
        Self::new(SchemaKind::Protobuf, text)
    }

    /// A JSON Schema.
    pub fn json(text: impl Into<Arc<str>>) -> Self {
        Self::new(SchemaKind::Json, text)
    }

    /// The same with these references.
    pub fn with_references(mut self, references: impl Into<Arc<[Reference]>>) -> Self {
        self.references = references.into();
        self
    }

    /// The language of the schema.
    pub fn kind(&self) -> &SchemaKind {
        &self.kind
    }

    /// The schema itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The schemas it refers to directly.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The name for subjects: the full name of an Avro record, enumeration or fixed, or the title of a JSON Schema. `None` for other
    /// kinds, and when there is none.
    pub fn name(&self) -> Option<String> {
        let document: serde_json::Value = match self.kind {
            SchemaKind::Avro | SchemaKind::Json => serde_json::from_str(&self.text).ok()?,
            _ => return None,
        };
        let member = |name: &str| Some(document.get(name)?.as_str()?.to_owned());
        if self.kind == SchemaKind::Json {
            return member("title");
        }
        let name = member("name")?;
        match member("namespace") {
            Some(namespace) if !namespace.is_empty() && !name.contains('.') => {
                Some(format!("{namespace}.{name}"))
            }
            _ => Some(name),
        }
    }
}

/// The language of a schema: `schemaType` of the registry's documents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemaKind {
    /// Avro, which registries may leave unsaid.
    Avro,
    /// Protobuf.
    Protobuf,
    /// JSON Schema.
    Json,
    /// What a plug-in of the registry brought.
    Other(Arc<str>),
}

impl SchemaKind {
    /// The kind of this name, as it stands in documents.
    pub fn from_name(name: &str) -> Self {
        match name {
            "AVRO" => Self::Avro,
            "PROTOBUF" => Self::Protobuf,
            "JSON" => Self::Json,
            _ => Self::Other(name.into()),
        }
    }

    /// The name, as it stands in documents.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::Json => "JSON",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version of a subject that a schema refers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// What the schema calls it: the full name of an Avro type, the path of a Protobuf import, the URL of a JSON Schema.
    pub name: String,
    /// The subject it is registered under.
    pub subject: String,
    /// Its version there, counted from 1.
    pub version: u32,
}
