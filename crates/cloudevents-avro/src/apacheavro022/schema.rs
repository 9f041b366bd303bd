//! A schema that checks payloads before the library reads them.

use super::{
    invalid,
    resolve::resolve,
    shape::Shape,
    text,
    walk::{check, check_all},
};
use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use cloudevents_core::Error;
use serde::{Serialize, de::DeserializeOwned};

/// A schema of `apache-avro`, with all schemas it refers to, for reading data from peers.
///
/// The library itself trusts its input: it reads a truncated string or boolean as null, allocates as many bytes as a length claims, and
/// follows nesting without limit. So [`check`](Self::check) validates every datum before the library reads it. [`read_as`](Self::read_as)
/// applies schema resolution between a writer's and a reader's schema.
///
/// Creating one parses the schema once; keep it and reuse it.
///
/// The library reads and writes records as structs with serde's derive. It does not read records as maps or as `serde_json::Value`: their
/// keys are text, and the library has names of fields as identifiers only. Types without records may be read as either.
///
/// ```
/// use cloudevents_avro::apacheavro022::CheckedSchema;
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
    /// In order: a schema comes after the schemas that it refers to.
    references: Vec<Schema>,
    shape: Shape,
}

impl CheckedSchema {
    /// Parses a schema in JSON, with the texts of all schemas that it refers to, directly or indirectly.
    ///
    /// A schema must come after the schemas that it refers to.
    ///
    /// The texts may come from a peer, such as a registry. Names of logical types that do not fit their types are left out.
    ///
    /// Errors are of these kinds:
    ///
    /// - [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): the text is not an Avro schema, refers to a schema that is missing,
    ///   defines a type in two ways, or has a default that is not of the type of its field.
    /// - [`TooLarge`](cloudevents_core::ErrorKind::TooLarge): a name has more than 1,024 bytes. Or all defaults have more than 1 MiB, with
    ///   the values that they leave out, or one default has more than 64 levels. Or the schema takes more than 128 MiB, by an estimate that
    ///   counts each type with all types within it.
    pub fn parse<'a>(text: &'a str, references: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let texts: Vec<&str> = references.into_iter().chain([text]).collect();
        let mut references = text::parse(&texts)?;
        let mut root = references.pop().unwrap_or(Schema::Null); // There are as many as texts.
        let shape = Shape::new(&root, &references)?;
        shape.check_defaults()?;
        let mut left = text::COMPARED;
        for schema in references.iter_mut().chain([&mut root]) {
            text::put_defaults(schema, &mut left)?;
        }
        Ok(Self { root, references, shape })
    }

    /// Like [`parse`](Self::parse), from parsed schemas.
    ///
    /// Errors: [`InvalidData`](cloudevents_core::ErrorKind::InvalidData) if the schema refers to a schema that is not among `references`.
    pub fn new(schema: Schema, references: Vec<Schema>) -> Result<Self, Error> {
        let shape = Shape::new(&schema, &references)?;
        Ok(Self { root: schema, references, shape })
    }

    /// Checks that the bytes are exactly one datum of the schema, without decoding it.
    ///
    /// Errors carry the offset. They are of these kinds:
    ///
    /// - [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): the datum is truncated, bytes follow it, a length, size, index,
    ///   boolean or big decimal is invalid, or a string or the key of a map is not UTF-8.
    /// - [`TooDeep`](cloudevents_core::ErrorKind::TooDeep): more than 64 levels of records, unions, arrays and maps.
    /// - [`TooMany`](cloudevents_core::ErrorKind::TooMany): an array or map has more items than there are bytes, plus 65,536; or there
    ///   are as many nulls and empty records.
    pub fn check(&self, datum: &[u8]) -> Result<(), Error> {
        check_all(&self.shape, datum)
    }

    /// Returns the value of one datum written with this schema.
    ///
    /// Errors are the errors of [`check`](Self::check), and [`InvalidData`](cloudevents_core::ErrorKind::InvalidData) when the datum is not
    /// a `T`.
    pub fn read<T: DeserializeOwned>(&self, datum: &[u8]) -> Result<T, Error> {
        check(&self.shape, datum)?;
        self.read_checked(datum)
    }

    /// Returns the value of one datum written with this schema, resolved to the reader's schema by Avro's rules of [schema
    /// resolution][rules]: fields missing in the writer's schema get their defaults, numbers are widened.
    ///
    /// Of the variants of a union, the one with the full name is read, else one with the full name as alias, else one with the name in
    /// another namespace. Records may have another name, as in Java; enumerations and fixeds only another namespace.
    ///
    /// Errors are the errors of [`read`](Self::read), [`InvalidData`](cloudevents_core::ErrorKind::InvalidData) when the datum cannot be
    /// resolved, and [`TooLarge`](cloudevents_core::ErrorKind::TooLarge) when there would be more than 16 MiB of defaults.
    ///
    /// ```
    /// use cloudevents_avro::apacheavro022::CheckedSchema;
    ///
    /// let writer = CheckedSchema::parse("\"int\"", [])?;
    /// let reader = CheckedSchema::parse(r#"["null", "double"]"#, [])?;
    /// assert_eq!(writer.read_as::<Option<f64>>(b"\x54", &reader)?, Some(42.0));
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    ///
    /// [rules]: https://avro.apache.org/docs/1.12.0/specification/#schema-resolution
    pub fn read_as<T: DeserializeOwned>(&self, datum: &[u8], reader: &Self) -> Result<T, Error> {
        check(&self.shape, datum)?;
        reader.read_checked(&resolve(&self.shape, &reader.shape, datum)?)
    }

    /// Returns the datum of a value.
    ///
    /// The name of a Rust type must be the name of its record, enumeration or fixed. Serde's `rename` sets it.
    ///
    /// A field that the value leaves out is written as its default. The default must not need bytes, or a type that is defined elsewhere in
    /// the schema: the library writes these otherwise than Avro does. Nor must a text or an object be the default of a union with a variant
    /// that is one of these. A text may be one if `string` comes before that variant. Of very large defaults, not all are written: in all,
    /// values are compared a million times with the variants and fields that they may be.
    ///
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): the value does not match the schema.
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

    /// All schemas, in which the library looks up names.
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

/// The value of a checked datum.
fn value<T: DeserializeOwned>(
    reader: Result<GenericDatumReader<'_>, apache_avro::Error>,
    datum: &[u8],
) -> Result<T, Error> {
    let mut rest = datum;
    let value = reader.and_then(|reader| reader.read_deser(&mut rest)).map_err(not_read)?;
    match rest.len() {
        0 => Ok(value),
        left => Err(invalid(format!("the type asked for leaves {left} bytes of the datum"))),
    }
}

#[cold]
fn not_read(error: apache_avro::Error) -> Error {
    invalid(format!("the payload is not the requested type: {error}")).with_help(
        "read records as structs with serde's derive; maps and `serde_json::Value` do not fit records",
    )
}

#[cold]
fn not_written(error: apache_avro::Error) -> Error {
    invalid(format!("it cannot be written as Avro: {error}")).with_attribute("data")
}
