//! Distributed tracing.

use crate::{Extension, Fields, Text, TraceParent, TraceState};
use cloudevents_core::{Error, Event, EventBuilder};

/// The trace in which the event started (`distributed-tracing.md`): `traceparent` and `tracestate`, of W3C Trace Context.
///
/// Over several hops, it stays as the source set it: hops have the protocol's own headers.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, DistributedTracing, EventExtensions};
///
/// let tracing = DistributedTracing {
///     parent: "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01".parse()?,
///     state: Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE".parse()?),
/// };
/// let event = Event::builder().id("1").source("http://localhost").ty("example").write_extension(&tracing).build()?;
/// assert_eq!(event.read_extension()?, Some(tracing));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DistributedTracing {
    /// Names the trace and the span: `traceparent`, required.
    pub parent: TraceParent,
    /// The additions of tracing systems: `tracestate`.
    pub state: Option<TraceState>,
}

impl Extension for DistributedTracing {
    const ATTRIBUTES: &'static [&'static str] = &["traceparent", "tracestate"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let parent = fields.required_text("traceparent", "TRACE-traceparent-a", "TRACE-traceparent-b");
        let parent = parent.and_then(|text| fields.accept(TraceParent::parse(text.as_str())));
        let state = fields.optional::<Text>("tracestate", "TRACE-tracestate-a");
        let state = state.and_then(|text| fields.accept(TraceState::parse(text.as_str())));
        fields.finish(|| Some(Self { parent: parent?, state }))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder
            .extension("traceparent", self.parent.as_str())
            .extension("tracestate", self.state.as_ref().map(TraceState::as_str))
    }
}
