//! A schema that payloads are checked against before the library reads them.

use super::{invalid, resolve::resolve, shape::Shape, walk::check};
use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use cloudevents_core::Error;
use serde::{Serialize, de::DeserializeOwned};

/// A schema of `apache-avro` with all that it refers to, which reads what a peer sent.
///
/// The library itself trusts what it reads: it takes a string or boolean that is cut off for a null, allocates what a length claims,
/// and follows nesting as deep as it goes. Here every datum is walked over first, by [`check`](Self::check), and only then read. The
/// rules of schema resolution, between a writer's schema and a reader's, are here too: see [`read_as`](Self::read_as).
///
/// Making one reads the schema once; it is meant to be kept.
///
/// ```
/// use cloudevents_avro::CheckedSchema;
/// use cloudevents_core::ErrorKind;
///
/// let schema = CheckedSchema::parse(r#"{"type": "array", "items": "string"}"#, [])?;
/// let datum = schema.write(&["a", "b"].as_slice())?;
/// assert_eq!(datum, b"\x04\x02a\x02b\0");
/// assert_eq!(schema.read::<Vec<String>>(&datum)?, ["a", "b"]);
/// // Cut off:
/// assert_eq!(schema.read::<Vec<String>>(&datum[..3]).unwrap_err().kind(), ErrorKind::InvalidData);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Debug)]
pub struct CheckedSchema {
    root: Schema,
    /// What one refers to comes before it.
    references: Vec<Schema>,
    shape: Shape,
}

impl CheckedSchema {
    /// The schema of this text, in JSON, with the texts of all schemas that it names, directly or not; what one names comes before it.
    ///
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): it is not an Avro schema, or names one that is not
    /// among these.
    pub fn parse<'a>(text: &'a str, references: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let (root, references) = Schema::parse_str_with_list(text, references)
            .map_err(|error| invalid(format!("the schema is not one of Avro: {error}")))?;
        Self::new(root, references)
    }

    /// The same of schemas that are parsed already.
    ///
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): it names one that is not among these.
    pub fn new(schema: Schema, references: Vec<Schema>) -> Result<Self, Error> {
        let shape = Shape::new(&schema, &references)?;
        Ok(Self { root: schema, references, shape })
    }

    /// Checks that these bytes are one datum of the schema and nothing else, without making anything of it. Whether strings are
    /// UTF-8 is not looked at.
    ///
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData) when it is cut off, something follows it, or a
    /// length, a size, an index, a boolean or a big decimal is none; [`TooDeep`](cloudevents_core::ErrorKind::TooDeep) when it is nested deeper than 64
    /// records, unions, arrays and maps; and [`TooMany`](cloudevents_core::ErrorKind::TooMany) when an array or map has more items than
    /// bytes, and 65,536 besides, or when there are as many nulls and empty records. They have the position.
    pub fn check(&self, datum: &[u8]) -> Result<(), Error> {
        check(&self.shape, datum)
    }

    /// The value of one datum that was written with this schema.
    ///
    /// Errors are those of [`check`](Self::check), and [`InvalidData`](cloudevents_core::ErrorKind::InvalidData) when it is not a `T`.
    pub fn read<T: DeserializeOwned>(&self, datum: &[u8]) -> Result<T, Error> {
        self.check(datum)?;
        self.read_checked(datum)
    }

    /// The value of one datum that was written with this schema, as the reader's schema has it, by Avro's rules of [schema
    /// resolution][rules]: fields that the writer did not know get their defaults, numbers are widened. Records may have another name,
    /// as in Java; enumerations and fixeds may not.
    ///
    /// Errors are those of [`read`](Self::read), with [`InvalidData`](cloudevents_core::ErrorKind::InvalidData) when it cannot be
    /// resolved, and [`TooLarge`](cloudevents_core::ErrorKind::TooLarge) when there would be more than 16 MiB of defaults.
    ///
    /// ```
    /// use cloudevents_avro::CheckedSchema;
    ///
    /// let writer = CheckedSchema::parse("\"int\"", [])?;
    /// let reader = CheckedSchema::parse(r#"["null", "double"]"#, [])?;
    /// assert_eq!(writer.read_as::<Option<f64>>(b"\x54", &reader)?, Some(42.0));
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    ///
    /// [rules]: https://avro.apache.org/docs/1.12.0/specification/#schema-resolution
    pub fn read_as<T: DeserializeOwned>(&self, datum: &[u8], reader: &Self) -> Result<T, Error> {
        self.check(datum)?;
        reader.read_checked(&resolve(&self.shape, &reader.shape, datum)?)
    }

    /// The datum of a value. The name of a Rust type must be that of its record, enumeration or fixed; serde's `rename` gives it one.
    ///
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): it does not fit the schema.
    pub fn write<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, Error> {
        GenericDatumWriter::builder(&self.root)
            .schemata(self.all())
            .and_then(|builder| builder.build()?.write_ser_to_vec(value))
            .map_err(not_written)
    }

    fn read_checked<T: DeserializeOwned>(&self, datum: &[u8]) -> Result<T, Error> {
        let reader = GenericDatumReader::builder(&self.root)
            .writer_schemata(self.all())
            .and_then(|builder| builder.build());
        value(reader, datum)
    }

    /// All schemas, for the library to look names up in.
    fn all(&self) -> Vec<&Schema> {
        self.references.iter().chain([&self.root]).collect()
    }
}

/// The value of a datum of a schema that refers to no other.
pub(super) fn read<T: DeserializeOwned>(schema: &Schema, datum: &[u8]) -> Result<T, Error> {
    check(&Shape::new(schema, &[])?, datum)?;
    value(GenericDatumReader::builder(schema).build(), datum)
}

/// The datum of a value, of a schema that refers to no other.
pub(super) fn write<T: Serialize>(schema: &Schema, value: &T) -> Result<Vec<u8>, Error> {
    GenericDatumWriter::builder(schema)
        .build()
        .and_then(|writer| writer.write_ser_to_vec(value))
        .map_err(not_written)
}

/// The value of a datum that was checked.
fn value<T: DeserializeOwned>(
    reader: Result<GenericDatumReader<'_>, apache_avro::Error>,
    datum: &[u8],
) -> Result<T, Error> {
    let mut rest = datum;
    let value = reader
        .and_then(|reader| reader.read_deser(&mut rest))
        .map_err(|error| invalid(format!("the payload is not the Avro asked for: {error}")))?;
    match rest.len() {
        0 => Ok(value),
        left => Err(invalid(format!("the type asked for leaves {left} bytes of the datum"))),
    }
}

#[cold]
fn not_written(error: apache_avro::Error) -> Error {
    invalid(format!("it cannot be written as Avro: {error}")).with_attribute("data")
}
