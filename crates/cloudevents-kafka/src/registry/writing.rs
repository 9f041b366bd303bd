//! The schema with which payloads are written.

use super::{Schema, SchemaKind, SchemaRegistry, Subject};
use cloudevents_core::{CodecContext, Error, ErrorKind};

/// Selects the schema with which a codec writes.
///
/// ```
/// use cloudevents_kafka::registry::{Schema, Subject, Writing};
///
/// // The schema with this id in the registry:
/// let writing = Writing::id(7);
/// // This schema, whose id the registry returns:
/// let writing = Writing::schema(Schema::avro(r#"{"type": "enum", "name": "Size", "symbols": ["S", "M"]}"#)).under(Subject::Record);
/// ```
#[derive(Clone, Debug)]
pub struct Writing {
    source: Source,
    subject: Subject,
}

#[derive(Clone, Debug)]
enum Source {
    Id(u32),
    Schema { schema: Schema, name: Option<String> },
}

impl Writing {
    /// Writes with the schema of this id.
    pub fn id(id: u32) -> Self {
        Self { source: Source::Id(id), subject: Subject::default() }
    }

    /// Writes with this schema, under the subject of the topic. The registry returns its id, and registers
    /// the schema first if that is turned on.
    pub fn schema(schema: Schema) -> Self {
        let name = schema.name();
        Self { source: Source::Schema { schema, name }, subject: Subject::default() }
    }

    /// Returns a copy with this subject.
    pub fn under(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Returns the id of the schema. `record` is the name of the type, if the codec knows it better than
    /// the schema.
    pub(crate) async fn resolve<R: SchemaRegistry>(
        writing: Option<&Self>,
        registry: &R,
        context: &CodecContext<'_>,
        record: Option<&str>,
    ) -> Result<u32, Error> {
        let Some(writing) = writing else {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("this codec only reads: it has no schema to write with")
                .with_help(
                    "give it a schema: `.writing(Writing::id(…))` or `.writing(Writing::schema(…))`",
                ));
        };
        match &writing.source {
            Source::Id(id) => Ok(*id),
            Source::Schema { schema, name } => {
                let subject = writing.subject.name(context.topic, record.or(name.as_deref()))?;
                registry.id_of(&subject, schema).await
            }
        }
    }
}

/// Returns the schema of this id, which must be of this kind.
pub(crate) async fn schema_of_kind<R: SchemaRegistry>(
    registry: &R,
    id: u32,
    kind: SchemaKind,
) -> Result<Schema, Error> {
    let schema = registry.schema(id).await?;
    if *schema.kind() == kind {
        return Ok(schema);
    }
    Err(Error::new(ErrorKind::InvalidData)
        .with_detail(format!("schema {id} is of kind {}, and {kind} is expected", schema.kind()))
        .with_help(format!("read it with a codec for {}", schema.kind())))
}

/// An error in a payload, or in a value to be encoded.
#[cold]
pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}
