//! An Avro schema with all that it refers to, ready to read and write.

use super::{resolve::resolve, shape::Shape, walk::check};
use crate::registry::{
    Reference, Schema, SchemaKind, SchemaRegistry, referenced_schemas,
    writing::{invalid, schema_of_kind},
};
use apache_avro::{reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use cloudevents_core::Error;
use serde::{Serialize, de::DeserializeOwned};

#[derive(Debug)]
pub(super) struct AvroSchema {
    root: apache_avro::Schema,
    /// What one refers to comes before it.
    references: Vec<apache_avro::Schema>,
    shape: Shape,
}

impl AvroSchema {
    pub(super) async fn fetch<R: SchemaRegistry>(registry: &R, id: u32) -> Result<Self, Error> {
        let schema = schema_of_kind(registry, id, SchemaKind::Avro).await?;
        let references = referenced_schemas(registry, &schema).await?;
        Self::parse(&schema, &references)
    }

    pub(super) fn parse(schema: &Schema, references: &[(Reference, Schema)]) -> Result<Self, Error> {
        let texts = references.iter().map(|(_, schema)| schema.text());
        let (root, references) = apache_avro::Schema::parse_str_with_list(schema.text(), texts)
            .map_err(|error| invalid(format!("the schema is not one of Avro: {error}")))?;
        let shape = Shape::new(&root, &references)?;
        Ok(Self { root, references, shape })
    }

    pub(super) fn write<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, apache_avro::Error> {
        GenericDatumWriter::builder(&self.root).schemata(self.all())?.build()?.write_ser_to_vec(value)
    }

    /// The value of one datum, resolved to the schema of the reader.
    pub(super) fn read<T: DeserializeOwned>(&self, datum: &[u8], reader: Option<&Self>) -> Result<T, Error> {
        check(&self.shape, datum)?;
        match reader {
            None => self.read_checked(datum),
            Some(reader) => reader.read_checked(&resolve(&self.shape, &reader.shape, datum)?),
        }
    }

    fn read_checked<T: DeserializeOwned>(&self, mut datum: &[u8]) -> Result<T, Error> {
        GenericDatumReader::builder(&self.root)
            .writer_schemata(self.all())
            .and_then(|builder| builder.build()?.read_deser(&mut datum))
            .map_err(|error| invalid(format!("the payload is not the Avro asked for: {error}")))
    }

    /// All schemas, for the library to look names up in.
    fn all(&self) -> Vec<&apache_avro::Schema> {
        self.references.iter().chain([&self.root]).collect()
    }
}
