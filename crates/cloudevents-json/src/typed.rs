//! Typed payloads, by serde.

use crate::Json;
use cloudevents_core::{
    Codec, CodecContext, Data, Decode, Encode, Error, ErrorKind, Event, EventBuilder, MediaType, Payload,
    codec::{payload_as, takes_utf8},
};
use sealed::Sealed;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Payloads from serde types, for [`EventBuilder`].
pub trait JsonBuilderExt: Sized + Sealed {
    /// Sets the payload as JSON. `build` reports a value that cannot be serialised.
    ///
    /// `datacontenttype` becomes `application/json`. A JSON content type that was set before stays, unless it has a `charset` other than
    /// UTF-8. `serde_json` writes the value: numbers that are not finite become `null`.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_json::{JsonBuilderExt, JsonEventExt};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").json(&vec![1, 2, 3]).build()?;
    /// assert_eq!(event.data_bytes().unwrap().as_ref(), b"[1,2,3]");
    /// assert_eq!(event.data_as_json::<Vec<u8>>()?, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn json<T: Serialize + ?Sized>(self, value: &T) -> Self;
}

impl JsonBuilderExt for EventBuilder {
    fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        payload_as(self, Json::CONTENT_TYPE, Json::writes, to_payload(value))
    }
}

/// Payloads as serde types, for [`Event`].
pub trait JsonEventExt: Sealed {
    /// Returns the payload as a value of type `T`, which may borrow from the event.
    ///
    /// `serde_json` reads it. A `serde_json::Value` has the last of duplicate members, and numbers as `i64`, `u64` or the nearest `f64`;
    /// [`Data::Json`] has the text with all digits and members.
    ///
    /// Errors:
    ///
    /// - [`UnexpectedContentType`](ErrorKind::UnexpectedContentType) when the content type is not JSON.
    /// - [`InvalidData`](ErrorKind::InvalidData) when there is no payload, when it is not JSON, or when the JSON is not a `T`. In the last
    ///   case, the source is the error of `serde_json`, with line and column.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_json::{JsonBuilderExt, JsonEventExt};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Order<'a> {
    ///     customer: &'a str,
    /// }
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").json(&[("customer", "Ann")].into_iter().collect::<std::collections::HashMap<_, _>>()).build()?;
    /// let order: Order<'_> = event.data_as_json()?;
    /// assert_eq!(order.customer, "Ann");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn data_as_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error>;
}

impl JsonEventExt for Event {
    fn data_as_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        if let Some(content_type) = self.datacontenttype().filter(|content_type| !content_type.is_json()) {
            return Err(Error::new(ErrorKind::UnexpectedContentType)
                .with_attribute("datacontenttype")
                .with_detail(format!("JSON is expected, and this is `{content_type}`")));
        }
        match self.data() {
            Some(data) => from_data(data),
            None => Err(Error::new(ErrorKind::InvalidData).with_detail("there is no payload")),
        }
    }
}

/// Reads a payload as a value of this type, which may borrow from it. The content type does not matter.
pub fn from_data<'a, T: Deserialize<'a>>(data: Data<'a>) -> Result<T, Error> {
    let read = match data {
        Data::Json(json) => serde_json::from_str(json.as_str()),
        Data::Text(text) => serde_json::from_str(text),
        _ => serde_json::from_slice(data.as_bytes()),
    };
    read.map_err(not_the_json)
}

#[cold]
fn not_the_json(error: serde_json::Error) -> Error {
    let detail = match error.classify() {
        serde_json::error::Category::Data => format!("the JSON does not fit the type: {error}"),
        _ => format!("the payload is not JSON: {error}"),
    };
    Error::new(ErrorKind::InvalidData).with_detail(detail).with_source(error)
}

fn to_payload<T: Serialize + ?Sized>(value: &T) -> Result<Payload, Error> {
    let refuse = |detail| Error::new(ErrorKind::InvalidData).with_attribute("data").with_detail(detail);
    let text = serde_json::to_vec(value)
        .map_err(|error| refuse(format!("it cannot be written as JSON: {error}")))?;
    // A value may contain raw text, which goes into documents unread. So it is checked here.
    Payload::json(text).map_err(|error| refuse(format!("it does not serialise to JSON: {}", error.detail())))
}

impl Codec for Json {
    const CONTENT_TYPE: &'static str = "application/json";

    fn accepts(content_type: MediaType<'_>) -> bool {
        content_type.is_json()
    }

    /// Every JSON content type, but for one with a `charset` other than UTF-8.
    fn writes(content_type: MediaType<'_>) -> bool {
        content_type.is_json() && takes_utf8(content_type)
    }
}

impl<T: Serialize> Encode<T> for Json {
    fn encode(value: &T, _: &CodecContext<'_>) -> Result<Payload, Error> {
        to_payload(value)
    }
}

impl<T: DeserializeOwned> Decode<T> for Json {
    fn decode(data: Data<'_>, _: &CodecContext<'_>) -> Result<T, Error> {
        from_data(data)
    }
}

/// Not public: only this crate implements the traits above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for cloudevents_core::Event {}
    impl Sealed for cloudevents_core::EventBuilder {}
}
