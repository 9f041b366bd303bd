//! Events whose payload is a Rust type.

use crate::{Data, Error, ErrorKind, Event, EventBuilder, MediaType, Payload};

/// Turns values of a Rust type into payloads and back: implemented by the format crates (`Json` for everything serde knows).
///
/// Codecs that have to wait for something, such as a schema registry, implement the async trait of `cloudevents-transport`.
/// [`TypedEvent`] shows a codec at work.
pub trait Codec<T> {
    /// The media type of what [`encode`](Self::encode) writes.
    const CONTENT_TYPE: &'static str;

    /// Whether payloads of this content type can be decoded. By default: those of [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    fn accepts(content_type: MediaType<'_>) -> bool {
        content_type.is(Self::CONTENT_TYPE)
    }

    /// The payload of a value.
    fn encode(value: &T, context: &CodecContext<'_>) -> Result<Payload, Error>;

    /// The value of a payload.
    fn decode(data: Data<'_>, context: &CodecContext<'_>) -> Result<T, Error>;
}

/// What a codec may want to know about the event and its way.
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
    /// The event that is being decoded; `None` while one is being built.
    pub event: Option<&'a Event>,
    /// The content type, stated or implied.
    pub content_type: Option<MediaType<'a>>,
    /// The topic, subject or queue, when the transport has one.
    pub topic: Option<&'a str>,
}

impl<'a> CodecContext<'a> {
    /// The context of an event.
    pub fn of(event: &'a Event) -> Self {
        Self { event: Some(event), content_type: event.content_type(), topic: None }
    }

    /// The same on this topic.
    pub fn with_topic(mut self, topic: &'a str) -> Self {
        self.topic = Some(topic);
        self
    }
}

/// Ties a Rust type to its event type and to the codec of its payload, once.
///
/// See [`TypedEvent`] for what it is good for, and `event_enum!` for several types together.
pub trait EventData: Sized {
    /// The `type` attribute of events that carry this.
    const TYPE: &'static str;

    /// How the payload is written.
    type Codec: Codec<Self>;
}

/// An event whose type and payload are those of a Rust type.
///
/// Converting from an [`Event`] checks the event type, then the content type, then the payload, and says which was wrong:
/// [`UnexpectedEventType`](ErrorKind::UnexpectedEventType),
/// [`UnexpectedContentType`](ErrorKind::UnexpectedContentType), [`InvalidData`](ErrorKind::InvalidData).
///
/// ```
/// use cloudevents_core::{Codec, CodecContext, Data, Error, ErrorKind, Event, EventData, Payload, TypedEvent};
///
/// struct Greeting(String);
/// struct Plain; // a codec; the format crates bring theirs
/// impl Codec<Greeting> for Plain {
///     const CONTENT_TYPE: &'static str = "text/plain";
///     fn encode(value: &Greeting, _: &CodecContext<'_>) -> Result<Payload, Error> {
///         Ok(Payload::text(value.0.as_str()))
///     }
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
    /// Builds the event: `type`, `datacontenttype` and the payload come from the value, everything else from the builder.
    pub fn build(builder: EventBuilder, data: T) -> Result<Self, crate::BuildError> {
        let payload = T::Codec::encode(&data, &CodecContext::default());
        let event = builder.ty(T::TYPE).payload(T::Codec::CONTENT_TYPE, payload).build()?;
        Ok(Self { event, data })
    }

    /// Reads an event, with what the transport knows of it.
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

    /// The event, for sending.
    pub fn into_event(self) -> Event {
        self.event
    }

    /// The payload.
    pub fn into_data(self) -> T {
        self.data
    }

    /// Both.
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

/// Declares an enum over several [`EventData`] types, with `TryFrom<Event>` that goes by the event type.
///
/// ```
/// # use cloudevents_core::{Codec, CodecContext, Data, Error, Event, EventData, Payload, event_enum};
/// # struct Empty;
/// # impl<T: Default> Codec<T> for Empty {
/// #     const CONTENT_TYPE: &'static str = "text/plain";
/// #     fn encode(_: &T, _: &CodecContext<'_>) -> Result<Payload, Error> { Ok(Payload::text("")) }
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

        impl ::core::convert::TryFrom<$crate::Event> for $name {
            type Error = $crate::Error;

            fn try_from(event: $crate::Event) -> ::core::result::Result<Self, $crate::Error> {
                $(
                    if event.ty() == <$data as $crate::EventData>::TYPE {
                        return ::core::result::Result::Ok(Self::$variant($crate::TypedEvent::try_from(event)?));
                    }
                )+
                let wanted: &[&str] = &[$(<$data as $crate::EventData>::TYPE),+];
                ::core::result::Result::Err($crate::unexpected_event_type(&event, wanted))
            }
        }

        impl ::core::convert::From<$name> for $crate::Event {
            fn from(typed: $name) -> Self {
                match typed { $($name::$variant(typed) => typed.into_event(),)+ }
            }
        }
    };
}

/// The refusal of `event_enum!`.
#[doc(hidden)]
#[cold]
pub fn unexpected_event_type(event: &Event, wanted: &[&str]) -> Error {
    Error::new(ErrorKind::UnexpectedEventType).with_attribute("type").with_detail(alloc::format!(
        "one of `{}` is expected, and this is `{}`",
        wanted.join("`, `"),
        event.ty()
    ))
}
