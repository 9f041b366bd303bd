//! Avro payloads from and to serde types, with schemas of `apache-avro` 0.22.

mod default;
mod failure;
mod resolve;
mod schema;
mod shape;
mod text;
mod walk;

pub use schema::CheckedSchema;

use failure::{invalid, too_large};

use apache_avro::Schema;
use cloudevents_core::{Error, ErrorKind, Event, EventBuilder, MediaType, Payload, codec::payload_as};
use sealed::Sealed;
use serde::{Serialize, de::DeserializeOwned};

/// The content type of Avro payloads.
const CONTENT_TYPE: &str = "application/avro";

/// Avro payloads from serde types, for [`EventBuilder`].
pub trait AvroBuilderExt: Sized + Sealed {
    /// Sets the payload to the datum of a value, written with this schema. `datacontenttype` becomes `application/avro`, unless an Avro one
    /// was set before. `build` reports a value that does not match the schema.
    ///
    /// The schema is not part of the event; name it with the attribute `dataschema`.
    ///
    /// ```
    /// use cloudevents_avro::apacheavro022::{AvroBuilderExt, AvroEventExt};
    /// use cloudevents_core::Event;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, PartialEq, Debug)]
    /// struct Order {
    ///     number: i32,
    /// }
    ///
    /// let schema = apache_avro::Schema::parse_str(
    ///     r#"{"type": "record", "name": "Order", "fields": [{"name": "number", "type": "int"}]}"#,
    /// )?;
    /// let event = Event::builder().id("1").source("/s").ty("t").avro(&schema, &Order { number: 42 }).build()?;
    /// assert_eq!(event.data_bytes().unwrap().as_ref(), [84]);
    /// assert_eq!(event.data_as_avro::<Order>(&schema)?, Order { number: 42 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn avro<T: Serialize>(self, schema: &Schema, value: &T) -> Self;
}

impl AvroBuilderExt for EventBuilder {
    fn avro<T: Serialize>(self, schema: &Schema, value: &T) -> Self {
        payload_as(self, CONTENT_TYPE, is_avro, schema::write(schema, value).map(Payload::binary))
    }
}

/// Avro payloads as serde types, for [`Event`].
pub trait AvroEventExt: Sealed {
    /// Returns the payload, one datum written with this schema, as a value of type `T`.
    ///
    /// The datum is checked before the library reads it. Records are read as structs with serde's derive, not as maps or
    /// `serde_json::Value`. Use [`CheckedSchema`] for schemas that refer to others, for schema resolution,
    /// or to read many payloads.
    ///
    /// Errors:
    ///
    /// - [`UnexpectedContentType`](ErrorKind::UnexpectedContentType) when the content type is not Avro (`application/avro`, `avro/binary`,
    ///   or a subtype that ends in `+avro`).
    /// - [`InvalidData`](ErrorKind::InvalidData) when there is no payload, when it is not a datum of the schema, when bytes follow it, or
    ///   when it is not a `T`.
    /// - The errors of [`CheckedSchema::check`].
    fn data_as_avro<T: DeserializeOwned>(&self, schema: &Schema) -> Result<T, Error>;
}

impl AvroEventExt for Event {
    fn data_as_avro<T: DeserializeOwned>(&self, schema: &Schema) -> Result<T, Error> {
        if let Some(content_type) = self.datacontenttype().filter(|content_type| !is_avro(*content_type)) {
            return Err(Error::new(ErrorKind::UnexpectedContentType)
                .with_attribute("datacontenttype")
                .with_detail(format!("Avro is expected, and this is `{content_type}`")));
        }
        let Some(bytes) = self.data_bytes() else { return Err(invalid("there is no payload")) };
        schema::read(schema, bytes)
    }
}

fn is_avro(content_type: MediaType<'_>) -> bool {
    let subtype = content_type.subtype().as_bytes();
    content_type.is(CONTENT_TYPE)
        || content_type.is("avro/binary")
        || subtype
            .len()
            .checked_sub(5)
            .and_then(|at| subtype.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(b"+avro"))
}

/// Not public: only this crate implements the traits above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for cloudevents_core::Event {}
    impl Sealed for cloudevents_core::EventBuilder {}
}
