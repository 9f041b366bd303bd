//! Contexts of traces in headers (of the hop) and in the extension for distributed tracing (of the origin).

use cloudevents_core::{Event, Message};
use cloudevents_transport::{Content, Delivery, Outgoing};
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt},
};
use std::{collections::HashMap, sync::Arc};

/// The headers of W3C Trace Context, and the attributes of the extension.
const NAMES: [&str; 2] = ["traceparent", "tracestate"];

/// Reads and writes contexts.
#[derive(Clone, Debug)]
pub(super) struct Contexts {
    propagator: Arc<dyn TextMapPropagator + Send + Sync>,
    pub(super) writes_origin: bool,
}

impl Contexts {
    pub(super) fn new(propagator: impl TextMapPropagator + Send + Sync + 'static) -> Self {
        Self { propagator: Arc::new(propagator), writes_origin: true }
    }

    /// Writes a context into the headers of a message, and into its event if that has none.
    pub(super) fn write(&self, context: &Context, message: &mut Outgoing, headers: bool) {
        let is_message = matches!(message.content(), Content::Message(_));
        if is_message && !headers {
            // Those that the message was stored with would be lost.
            self.propagator.fields().for_each(|name| message.remove_header(name));
        }
        if !is_valid(context) {
            return;
        }
        let mut values = HashMap::new();
        self.propagator.inject_context(context, &mut values);
        if self.writes_origin
            && let Content::Message(Message::Binary(event)) = message.content()
            && let Some(event) = with_origin(event, &values)
        {
            *message = message.clone().with_message(Message::Binary(event));
        }
        if is_message && headers {
            for (name, value) in values {
                message.set_header(name, value);
            }
        }
    }

    /// The context that was written into a message before it was stored.
    pub(super) fn stored(&self, message: &Outgoing) -> Option<Context> {
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).ok();
        let headers =
            message.headers().filter_map(|(name, value)| Some((name.to_ascii_lowercase(), text(value)?)));
        self.read(headers.collect())
    }

    /// The context of the send that brought a message.
    pub(super) fn hop(&self, delivery: &Delivery) -> Option<Context> {
        let fields = self.propagator.fields();
        self.read(
            fields
                .filter_map(|name| Some((name.to_owned(), delivery.header_text(name)?.into_owned())))
                .collect(),
        )
    }

    /// The context in which the event was first sent.
    pub(super) fn origin(&self, delivery: &Delivery) -> Option<Context> {
        let value = |name: &str| Some((name.to_owned(), delivery.attribute(name).ok()??));
        self.read(NAMES.into_iter().filter_map(value).collect())
    }

    fn read(&self, values: HashMap<String, String>) -> Option<Context> {
        let context = self.propagator.extract_with_context(&Context::new(), &values);
        is_valid(&context).then_some(context)
    }
}

/// The event with the attributes of the extension, unless it has them.
fn with_origin(event: &Event, values: &HashMap<String, String>) -> Option<Event> {
    if event.extension(NAMES[0]).is_some() {
        return None;
    }
    let mut builder = event.clone().into_builder().extension(NAMES[0], values.get(NAMES[0])?.as_str());
    // A state that the event has alone belongs to another trace.
    builder = builder
        .extension(NAMES[1], values.get(NAMES[1]).filter(|state| !state.is_empty()).map(String::as_str));
    builder.build().ok()
}

pub(super) fn span(context: &Context) -> SpanContext {
    context.span().span_context().clone()
}

pub(super) fn is_valid(context: &Context) -> bool {
    context.span().span_context().is_valid()
}

/// Whether both name the same span.
pub(super) fn is_same(one: &Context, other: &Context) -> bool {
    let (one, other) = (span(one), span(other));
    (one.trace_id(), one.span_id()) == (other.trace_id(), other.span_id())
}
