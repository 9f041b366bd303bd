//! Codecs of payloads that do IO.

use cloudevents_core::{CodecContext, Data, Error, ErrorKind, Event, EventBuilder, MediaType, Payload};

/// Encodes values as payloads and decodes them, with requests to another service, such as a schema registry or a key service.
///
/// For codecs that need no IO, implement [`Codec`](cloudevents_core::Codec). Implement this one with `async
/// fn`. The futures of both methods may be dropped at any await, and must then leave a state with which the
/// next call works.
///
/// ```
/// use cloudevents_core::{CodecContext, Data, Error, ErrorKind, Event, Payload};
/// use cloudevents_transport::AsyncCodec;
///
/// struct Registry;
/// impl AsyncCodec<String> for Registry {
///     fn content_type(&self) -> &str { "text/plain" }
///     async fn encode(&self, value: &String, _: &CodecContext<'_>) -> Result<Payload, Error> {
///         Ok(Payload::text(value.as_str()))
///     }
///     async fn decode(&self, data: Data<'_>, _: &CodecContext<'_>) -> Result<String, Error> {
///         String::from_utf8(data.as_bytes().to_vec()).map_err(|_| Error::new(ErrorKind::InvalidData))
///     }
/// }
///
/// # futures_util::FutureExt::now_or_never(async {
/// let builder = Event::builder().id("1").source("/s").ty("t");
/// let event = Registry.encode_into(builder, &"hello".to_owned(), None).await.build()?;
/// assert_eq!(Registry.decode_event(&event, None).await?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
/// ```
pub trait AsyncCodec<T>: Send + Sync {
    /// The media type of payloads that [`encode`](Self::encode) writes.
    fn content_type(&self) -> &str;

    /// Whether payloads of this content type can be decoded. Default: only
    /// [`content_type`](Self::content_type).
    fn accepts(&self, content_type: MediaType<'_>) -> bool {
        content_type.is(self.content_type())
    }

    /// Encodes a value as a payload.
    fn encode(
        &self,
        value: &T,
        context: &CodecContext<'_>,
    ) -> impl Future<Output = Result<Payload, Error>> + Send;

    /// Decodes a payload to a value.
    fn decode(
        &self,
        data: Data<'_>,
        context: &CodecContext<'_>,
    ) -> impl Future<Output = Result<T, Error>> + Send;

    /// Sets payload and content type of an event to be sent to this topic. `build` reports an encoding error.
    fn encode_into(
        &self,
        builder: EventBuilder,
        value: &T,
        topic: Option<&str>,
    ) -> impl Future<Output = EventBuilder> + Send
    where
        T: Sync,
    {
        async move {
            let mut context = CodecContext::default();
            context.topic = topic;
            let payload = self.encode(value, &context).await;
            builder.payload(self.content_type(), payload)
        }
    }

    /// Decodes the payload of an event that came from this topic.
    ///
    /// Errors: [`UnexpectedContentType`](ErrorKind::UnexpectedContentType), [`InvalidData`](ErrorKind::InvalidData) when there is no
    /// payload, and the errors of the codec.
    fn decode_event(
        &self,
        event: &Event,
        topic: Option<&str>,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        async move {
            let mut context = CodecContext::of(event);
            context.topic = topic;
            if let Some(content_type) =
                context.content_type.filter(|content_type| !self.accepts(*content_type))
            {
                return Err(Error::new(ErrorKind::UnexpectedContentType)
                    .with_attribute("datacontenttype")
                    .with_detail(format!(
                        "`{}` is expected, and this is `{content_type}`",
                        self.content_type()
                    )));
            }
            match event.data() {
                Some(data) => self.decode(data, &context).await,
                None => Err(Error::new(ErrorKind::InvalidData).with_detail("there is no payload")),
            }
        }
    }
}
