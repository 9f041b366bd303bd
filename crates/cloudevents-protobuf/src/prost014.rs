//! Payloads that are messages of prost 0.14.

use cloudevents_core::{
    Codec, CodecContext, Data, Decode, Encode, Error, ErrorKind, Event, EventBuilder, MediaType, Payload,
    codec::payload_as,
};
use prost::{Message, Name};
use sealed::Sealed;

/// Payloads from prost messages, for [`EventBuilder`].
pub trait ProtobufBuilderExt: Sized + Sealed {
    /// Sets the payload to an `Any` of the message. `datacontenttype` becomes `application/protobuf`, unless a protobuf one was set before.
    ///
    /// The type URL is the one from prost, prefixed with `type.googleapis.com` if it has no host. The specification would also set
    /// `dataschema` to it. That requires a URI with a scheme, and is left to the caller.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_protobuf::prost014::{ProtobufBuilderExt, ProtobufEventExt};
    ///
    /// #[derive(Clone, PartialEq, prost::Message)]
    /// struct Order {
    ///     #[prost(string, tag = "1")]
    ///     id: String,
    /// }
    ///
    /// impl prost::Name for Order {
    ///     const NAME: &'static str = "Order";
    ///     const PACKAGE: &'static str = "com.example";
    /// }
    ///
    /// let order = Order { id: "17".into() };
    /// let event = Event::builder().id("1").source("/s").ty("t").proto(&order).build()?;
    /// assert_eq!(event.data_as_proto::<Order>()?, order);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn proto<M: Message + Name>(self, message: &M) -> Self;
}

impl ProtobufBuilderExt for EventBuilder {
    fn proto<M: Message + Name>(self, message: &M) -> Self {
        payload_as(self, Prost::CONTENT_TYPE, Prost::writes, to_payload(message))
    }
}

/// Payloads as prost messages, for [`Event`].
pub trait ProtobufEventExt: Sealed {
    /// Returns the payload as a message of type `M`. The payload is an `Any` of that type, or the bytes of a message.
    ///
    /// Errors:
    ///
    /// - [`UnexpectedContentType`](ErrorKind::UnexpectedContentType) when the content type is stated and is not protobuf's.
    /// - [`InvalidData`](ErrorKind::InvalidData) when there is no payload, when it is an `Any` of another type, or when the bytes are not
    ///   an `M`.
    fn data_as_proto<M: Message + Name + Default>(&self) -> Result<M, Error>;
}

impl ProtobufEventExt for Event {
    fn data_as_proto<M: Message + Name + Default>(&self) -> Result<M, Error> {
        if let Some(content_type) = self.datacontenttype().filter(|content_type| !is_protobuf(*content_type))
        {
            return Err(Error::new(ErrorKind::UnexpectedContentType)
                .with_attribute("datacontenttype")
                .with_detail(format!("protobuf is expected, and this is `{content_type}`")));
        }
        match self.data() {
            Some(data) => from_data(data),
            None => Err(refuse("there is no payload")),
        }
    }
}

/// Reads a payload as a message of type `M`, regardless of its content type. The payload is an `Any` of that type, or the bytes of a
/// message.
pub fn from_data<M: Message + Name + Default>(data: Data<'_>) -> Result<M, Error> {
    let bytes = match data {
        Data::Proto { type_url, value } => {
            let name = type_url.rsplit('/').next().unwrap_or_default();
            if name != M::full_name() {
                return Err(refuse(format!("`{}` is expected, and this is `{name}`", M::full_name())));
            }
            value
        }
        Data::Binary(bytes) => bytes,
        _ => return Err(refuse("a protobuf message is expected, and this is text or CBOR")),
    };
    M::decode(bytes).map_err(|error| refuse(format!("the payload is not the message asked for: {error}")))
}

/// The codec of prost's messages, for [`EventData`](cloudevents_core::EventData).
///
/// ```
/// use cloudevents_core::EventData;
/// use cloudevents_protobuf::prost014::Prost;
///
/// #[derive(Clone, PartialEq, prost::Message)]
/// struct Order {
///     #[prost(string, tag = "1")]
///     id: String,
/// }
///
/// impl prost::Name for Order {
///     const NAME: &'static str = "Order";
///     const PACKAGE: &'static str = "com.example";
/// }
///
/// impl EventData for Order {
///     const TYPE: &'static str = "com.example.order.placed";
///     type Codec = Prost;
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Prost;

impl Codec for Prost {
    const CONTENT_TYPE: &'static str = "application/protobuf";

    fn accepts(content_type: MediaType<'_>) -> bool {
        is_protobuf(content_type)
    }

    fn writes(content_type: MediaType<'_>) -> bool {
        is_protobuf(content_type)
    }
}

impl<M: Message + Name> Encode<M> for Prost {
    fn encode(value: &M, _: &CodecContext<'_>) -> Result<Payload, Error> {
        Ok(to_payload(value))
    }
}

impl<M: Message + Name + Default> Decode<M> for Prost {
    fn decode(data: Data<'_>, _: &CodecContext<'_>) -> Result<M, Error> {
        from_data(data)
    }
}

fn to_payload<M: Message + Name>(message: &M) -> Payload {
    let mut type_url = M::type_url();
    if type_url.starts_with('/') {
        type_url.insert_str(0, "type.googleapis.com");
    }
    Payload::proto(type_url, message.encode_to_vec())
}

/// Whether the content type is the specification's name for protobuf, or the older name in common use.
fn is_protobuf(content_type: MediaType<'_>) -> bool {
    content_type.is("application/protobuf") || content_type.is("application/x-protobuf")
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
