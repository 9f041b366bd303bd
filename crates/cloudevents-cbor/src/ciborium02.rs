//! CBOR payloads from and to serde types, by `ciborium` 0.2.

use cloudevents_core::{
    Codec, CodecContext, Data, Decode, Encode, Error, ErrorKind, Event, EventBuilder, MediaType, Payload,
    codec::payload_as,
};
use sealed::Sealed;
use serde::{Serialize, de::DeserializeOwned};

/// CBOR payloads from serde types, for [`EventBuilder`].
pub trait CborBuilderExt: Sized + Sealed {
    /// Sets the payload as a CBOR item. `datacontenttype` becomes `application/cbor`, unless a CBOR one was set before. `build` reports a
    /// value that cannot be serialised.
    ///
    /// ```
    /// use cloudevents_cbor::ciborium02::{CborBuilderExt, CborEventExt};
    /// use cloudevents_core::Event;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").cbor(&vec![1, 2, 3]).build()?;
    /// assert_eq!(event.data_bytes().unwrap().as_ref(), [0x83, 1, 2, 3]);
    /// assert_eq!(event.data_as_cbor::<Vec<u8>>()?, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn cbor<T: Serialize + ?Sized>(self, value: &T) -> Self;
}

impl CborBuilderExt for EventBuilder {
    fn cbor<T: Serialize + ?Sized>(self, value: &T) -> Self {
        payload_as(self, Ciborium::CONTENT_TYPE, Ciborium::writes, to_payload(value))
    }
}

/// CBOR payloads as serde types, for [`Event`].
pub trait CborEventExt: Sealed {
    /// Returns the payload as a value of type `T`. The payload is a CBOR item, or bytes that encode one.
    ///
    /// Errors:
    ///
    /// - [`UnexpectedContentType`](ErrorKind::UnexpectedContentType) when the content type is stated and is not CBOR.
    /// - [`InvalidData`](ErrorKind::InvalidData) when there is no payload, when it is not CBOR, or when the item is not a `T`.
    fn data_as_cbor<T: DeserializeOwned>(&self) -> Result<T, Error>;
}

impl CborEventExt for Event {
    fn data_as_cbor<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if let Some(content_type) = self.datacontenttype().filter(|content_type| !content_type.is_cbor()) {
            return Err(Error::new(ErrorKind::UnexpectedContentType)
                .with_attribute("datacontenttype")
                .with_detail(format!("CBOR is expected, and this is `{content_type}`")));
        }
        match self.data() {
            Some(data) => from_data(data),
            None => Err(refuse("there is no payload")),
        }
    }
}

/// Reads a payload as a value of type `T`, regardless of its content type. The payload is a CBOR item, or bytes that encode one.
pub fn from_data<T: DeserializeOwned>(data: Data<'_>) -> Result<T, Error> {
    let (Data::Cbor(mut bytes) | Data::Binary(mut bytes)) = data else {
        return Err(refuse("a CBOR item is expected, and this is text or protobuf"));
    };
    let value = ciborium::from_reader(&mut bytes)
        .map_err(|error| refuse(format!("the payload is not the CBOR asked for: {error}")))?;
    if bytes.is_empty() { Ok(value) } else { Err(refuse("bytes follow the CBOR item")) }
}

/// The codec of serde types as CBOR by ciborium, for [`EventData`](cloudevents_core::EventData).
///
/// ```
/// use cloudevents_cbor::ciborium02::Ciborium;
/// use cloudevents_core::EventData;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Order {
///     id: u32,
/// }
///
/// impl EventData for Order {
///     const TYPE: &'static str = "com.example.order.placed";
///     type Codec = Ciborium;
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ciborium;

impl Codec for Ciborium {
    const CONTENT_TYPE: &'static str = "application/cbor";

    fn accepts(content_type: MediaType<'_>) -> bool {
        content_type.is_cbor()
    }

    fn writes(content_type: MediaType<'_>) -> bool {
        Self::accepts(content_type)
    }
}

impl<T: Serialize> Encode<T> for Ciborium {
    fn encode(value: &T, _: &CodecContext<'_>) -> Result<Payload, Error> {
        to_payload(value)
    }
}

impl<T: DeserializeOwned> Decode<T> for Ciborium {
    fn decode(data: Data<'_>, _: &CodecContext<'_>) -> Result<T, Error> {
        from_data(data)
    }
}

fn to_payload<T: Serialize + ?Sized>(value: &T) -> Result<Payload, Error> {
    let mut item = Vec::new();
    ciborium::into_writer(value, &mut item)
        .map_err(|error| refuse(format!("it cannot be written as CBOR: {error}")).with_attribute("data"))?;
    Payload::cbor(item)
}

#[cold]
fn refuse(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}

/// Not public: only this crate implements the traits above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for cloudevents_core::Event {}
    impl Sealed for cloudevents_core::EventBuilder {}
}
