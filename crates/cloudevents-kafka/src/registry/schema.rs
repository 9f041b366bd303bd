//! Schemas as a registry stores them.

use std::{fmt, sync::Arc};

/// A schema: its text, its language and its references. Cheap to clone.
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
    /// Creates a schema of this kind. The text is not parsed.
    pub fn new(kind: SchemaKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into(), references: Arc::default() }
    }

    /// Creates an Avro schema from JSON.
    pub fn avro(text: impl Into<Arc<str>>) -> Self {
        Self::new(SchemaKind::Avro, text)
    }

    /// Creates a Protobuf schema from the text of a `.proto` file.
    pub fn protobuf(text: impl Into<Arc<str>>) -> Self {
        Self::new(SchemaKind::Protobuf, text)
    }

    /// Creates a JSON Schema.
    pub fn json(text: impl Into<Arc<str>>) -> Self {
        Self::new(SchemaKind::Json, text)
    }

    /// Returns a copy with these references.
    pub fn with_references(mut self, references: impl Into<Arc<[Reference]>>) -> Self {
        self.references = references.into();
        self
    }

    /// Returns the language of the schema.
    pub fn kind(&self) -> &SchemaKind {
        &self.kind
    }

    /// Returns the text of the schema.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the schemas that it refers to directly.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Returns the name for subjects: the full name of an Avro record, enumeration or fixed, or the title
    /// of a JSON Schema. `None` for other kinds, and for a schema without a name.
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

/// The language of a schema, `schemaType` in the registry's documents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemaKind {
    /// Avro, which registries may omit.
    Avro,
    /// Protobuf.
    Protobuf,
    /// JSON Schema.
    Json,
    /// A language that a plug-in of the registry adds.
    Other(Arc<str>),
}

impl SchemaKind {
    /// Returns the kind for a name from the registry's documents.
    pub fn from_name(name: &str) -> Self {
        match name {
            "AVRO" => Self::Avro,
            "PROTOBUF" => Self::Protobuf,
            "JSON" => Self::Json,
            _ => Self::Other(name.into()),
        }
    }

    /// Returns the name in the registry's documents.
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

/// A reference from a schema to a version of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The name by which the schema refers to it. It is the full name of an Avro type, the path of a Protobuf import, or the URL of a JSON
    /// Schema.
    pub name: String,
    /// The subject under which it is registered.
    pub subject: String,
    /// Its version under that subject, starting at 1.
    pub version: u32,
}
