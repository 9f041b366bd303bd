//! Events whose payload is a Rust type.

use crate::{Data, Error, ErrorKind, Event, EventBuilder, MediaType, Payload, codec::takes_utf8};

/// A way to write values as payloads, named by its media type. Each format crate has one: `Json`, for example, handles all serde types.
///
/// Implement [`Encode`] and [`Decode`] for the types it can write and read. Codecs that have to wait, for a schema registry for
/// example, implement the async trait of `cloudevents-transport`. See [`TypedEvent`] for an example.
pub trait Codec {
    /// The media type of the payloads that the codec writes.
    const CONTENT_TYPE: &'static str;

    /// Whether the codec can read payloads of this content type. The default accepts [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    fn accepts(content_type: MediaType<'_>) -> bool {
        content_type.is(Self::CONTENT_TYPE)
    }

    /// Whether this content type describes the payloads that the codec writes. If so, a content type that a builder states stays. Otherwise
    /// [`CONTENT_TYPE`](Self::CONTENT_TYPE) replaces it. A codec may read more than it writes: see [`accepts`](Self::accepts).
    ///
    /// The default is [`CONTENT_TYPE`](Self::CONTENT_TYPE) with any parameters. JSON with a `charset` other than UTF-8 is an exception,
    /// because JSON is written as UTF-8 (RFC 8259, section 8.1).
    fn writes(content_type: MediaType<'_>) -> bool {
        content_type.is(Self::CONTENT_TYPE) && (!content_type.is_json() || takes_utf8(content_type))
    }
}

/// Writes values of a Rust type as payloads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot write `{T}` as a payload",
    note = "with the codec `Json`, `{T}` has to implement `serde::Serialize`"
)]
pub trait Encode<T>: Codec {
    /// Returns the payload of a value.
    fn encode(value: &T, context: &CodecContext<'_>) -> Result<Payload, Error>;
}

/// Reads payloads as values of a Rust type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot read a payload as `{T}`",
    note = "with the codec `Json`, `{T}` has to implement `serde::Deserialize` and own what it reads"
)]
pub trait Decode<T>: Codec {
    /// Returns the value of a payload.
    fn decode(data: Data<'_>, context: &CodecContext<'_>) -> Result<T, Error>;
}

/// Information that a codec may use besides the payload.
///
/// ```
/// use cloudevents_core::{CodecContext, Event};
///
/// let event = Event::builder().id("1").source("/s").ty("t").text("hi").build()?;
/// let context = CodecContext::of(&event).with_topic("greetings");
/// assert_eq!((context.content_type.unwrap().as_str(), context.topic), ("text/plain", Some("greetings")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CodecContext<'a> {
    /// The event that is being decoded. `None` while one is being built.
    pub event: Option<&'a Event>,
    /// The content type, stated or implied.
    pub content_type: Option<MediaType<'a>>,
    /// The topic, subject or queue, if the transport has one.
    pub topic: Option<&'a str>,
}

impl<'a> CodecContext<'a> {
    /// The context of an event.
    pub fn of(event: &'a Event) -> Self {
        Self { event: Some(event), content_type: event.content_type(), topic: None }
    }

    /// Returns a copy with the given topic.
    pub fn with_topic(mut self, topic: &'a str) -> Self {
        self.topic = Some(topic);
        self
    }
}

/// Ties a Rust type to its event type and to the codec of its payload.
///
/// See [`TypedEvent`] for an example. `event_enum!` combines several types.
pub trait EventData: Sized {
    /// The `type` attribute of events with this payload.
    const TYPE: &'static str;

    /// The codec that reads the payload. It also writes it, if it can [`Encode`] the type. A type that is only received need not serialise.
    type Codec: Decode<Self>;
}

/// An event with the event type and the payload of a Rust type.
///
/// Converting from an [`Event`] checks the event type, then the content type, then the payload. The error is of kind
/// [`UnexpectedEventType`](ErrorKind::UnexpectedEventType), [`UnexpectedContentType`](ErrorKind::UnexpectedContentType) or
/// [`InvalidData`](ErrorKind::InvalidData), respectively.
///
/// ```
/// use cloudevents_core::{Codec, CodecContext, Data, Decode, Encode, Error, ErrorKind, Event, EventData, Payload, TypedEvent};
///
/// struct Greeting(String);
/// struct Plain; // a codec; the format crates bring theirs
/// impl Codec for Plain {
///     const CONTENT_TYPE: &'static str = "text/plain";
/// }
/// impl Encode<Greeting> for Plain {
///     fn encode(value: &Greeting, _: &CodecContext<'_>) -> Result<Payload, Error> {
///         Ok(Payload::text(value.0.as_str()))
///     }
/// }
/// impl Decode<Greeting> for Plain {
///     fn decode(data: Data<'_>, _: &CodecContext<'_>) -> Result<Greeting, Error> {
///         String::from_utf8(data.as_bytes().to_vec()).map(Greeting).map_err(|_| Error::new(ErrorKind::InvalidData))
///     }
/// }
/// impl EventData for Greeting {
///     const TYPE: &'static str = "com.example.greeting";
///     type Codec = Plain;
/// }
///
/// let typed = TypedEvent::build(Event::builder().id("1").source("/s"), Greeting("hello".into()))?;
/// let again: TypedEvent<Greeting> = typed.into_event().try_into()?;
/// assert_eq!(again.data().0, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TypedEvent<T> {
    event: Event,
    data: T,
}

impl<T: EventData> TypedEvent<T> {
    /// Builds the event: `type`, `datacontenttype` and the payload come from the value, everything else from the builder. A
    /// `datacontenttype` of the builder stays if it describes the payload that the codec [writes](Codec::writes).
    pub fn build(builder: EventBuilder, data: T) -> Result<Self, crate::BuildError>
    where
        T::Codec: Encode<T>,
    {
        let payload = T::Codec::encode(&data, &CodecContext::default());
        let builder = builder.ty(T::TYPE).payload_as(T::Codec::CONTENT_TYPE, T::Codec::writes, payload);
        let event = builder.build()?;
        Ok(Self { event, data })
    }

    /// Reads an event. `topic` is the topic, subject or queue that it came from, if any.
    pub fn decode(event: Event, topic: Option<&str>) -> Result<Self, Error> {
        if event.ty() != T::TYPE {
            return Err(Error::new(ErrorKind::UnexpectedEventType)
                .with_attribute("type")
                .with_detail(alloc::format!("`{}` is expected, and this is `{}`", T::TYPE, event.ty())));
        }
        let mut context = CodecContext::of(&event);
        context.topic = topic;
        match context.content_type {
            Some(content_type) if !T::Codec::accepts(content_type) => {
                return Err(Error::new(ErrorKind::UnexpectedContentType)
                    .with_attribute("datacontenttype")
                    .with_detail(alloc::format!(
                        "`{}` is expected, and this is `{content_type}`",
                        T::Codec::CONTENT_TYPE
                    )));
            }
            _ => {}
        }
        let Some(payload) = event.data() else {
            return Err(Error::new(ErrorKind::InvalidData).with_detail("there is no payload"));
        };
        let data = T::Codec::decode(payload, &context)?;
        Ok(Self { event, data })
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The payload.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// Returns the event, for sending.
    pub fn into_event(self) -> Event {
        self.event
    }

    /// The payload.
    pub fn into_data(self) -> T {
        self.data
    }

    /// Returns the event and the payload.
    pub fn into_parts(self) -> (Event, T) {
        (self.event, self.data)
    }
}

impl<T: EventData> TryFrom<Event> for TypedEvent<T> {
    type Error = Error;

    fn try_from(event: Event) -> Result<Self, Error> {
        Self::decode(event, None)
    }
}

impl<T> From<TypedEvent<T>> for Event {
    fn from(typed: TypedEvent<T>) -> Self {
        typed.event
    }
}

/// Declares an enum over several [`EventData`] types. Its `decode` and its `TryFrom<Event>` select the variant by the event type.
///
/// The macro of the same name in `cloudevents-transport` makes the enum an argument of handlers, too.
///
/// ```
/// # use cloudevents_core::{Codec, CodecContext, Data, Decode, Error, Event, EventData, event_enum};
/// # struct Empty;
/// # impl Codec for Empty { const CONTENT_TYPE: &'static str = "text/plain"; }
/// # impl<T: Default> Decode<T> for Empty {
/// #     fn decode(_: Data<'_>, _: &CodecContext<'_>) -> Result<T, Error> { Ok(T::default()) }
/// # }
/// # #[derive(Debug, Default)] struct OrderPlaced;
/// # #[derive(Debug, Default)] struct OrderCancelled;
/// # impl EventData for OrderPlaced { const TYPE: &'static str = "com.example.order.placed"; type Codec = Empty; }
/// # impl EventData for OrderCancelled { const TYPE: &'static str = "com.example.order.cancelled"; type Codec = Empty; }
/// event_enum! {
///     /// What happens to orders.
///     #[derive(Debug)]
///     pub enum OrderEvent {
///         /// A customer placed one.
///         Placed(OrderPlaced),
///         /// A customer cancelled one.
///         Cancelled(OrderCancelled),
///     }
/// }
///
/// let event = Event::builder().id("1").source("/s").ty("com.example.order.cancelled").text("").build()?;
/// assert!(matches!(OrderEvent::try_from(event)?, OrderEvent::Cancelled(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! event_enum {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident($data:ty)),+ $(,)? }) => {
        $(#[$meta])*
        $visibility enum $name {
            $($(#[$variant_meta])* $variant($crate::TypedEvent<$data>),)+
        }

        impl $name {
            /// Reads an event into the variant of its type. `topic` is the topic, subject or queue that it came from, if any. Errors as for
            /// [`TypedEvent::decode`]($crate::TypedEvent::decode).
            #[allow(dead_code)]
            $visibility fn decode(
                event: $crate::Event,
                topic: ::core::option::Option<&str>,
            ) -> ::core::result::Result<Self, $crate::Error> {
                $(
                    if event.ty() == <$data as $crate::EventData>::TYPE {
                        return ::core::result::Result::Ok(Self::$variant($crate::TypedEvent::decode(event, topic)?));
                    }
                )+
                let wanted: &[&str] = &[$(<$data as $crate::EventData>::TYPE),+];
                ::core::result::Result::Err($crate::unexpected_event_type(&event, wanted))
            }
        }

        impl ::core::convert::TryFrom<$crate::Event> for $name {
            type Error = $crate::Error;

            fn try_from(event: $crate::Event) -> ::core::result::Result<Self, $crate::Error> {
                Self::decode(event, ::core::option::Option::None)
            }
        }

        impl ::core::convert::From<$name> for $crate::Event {
            fn from(typed: $name) -> Self {
                match typed { $($name::$variant(typed) => typed.into_event(),)+ }
            }
        }
    };
}

/// The error of `event_enum!` for an unexpected event type.
#[doc(hidden)]
#[cold]
pub fn unexpected_event_type(event: &Event, wanted: &[&str]) -> Error {
    Error::new(ErrorKind::UnexpectedEventType).with_attribute("type").with_detail(alloc::format!(
        "one of `{}` is expected, and this is `{}`",
        wanted.join("`, `"),
        event.ty()
    ))
}
