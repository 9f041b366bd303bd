//! Traces and metrics by opentelemetry 0.33, and spans of `tracing` that tracing-opentelemetry 0.34 exports.
//!
//! Names and attributes follow OpenTelemetry's [semantic conventions for messaging] and [for CloudEvents].
//!
//! [semantic conventions for messaging]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
//! [for CloudEvents]: https://opentelemetry.io/docs/specs/semconv/cloudevents/cloudevents-spans/

mod context;
mod measures;
mod place;
mod spans;

use cloudevents_transport::{
    AfterSend, Delivery, Endpoint, Handling, Interceptor, Outgoing, SenderCapabilities,
};
use context::Contexts;
use measures::Measures;
use opentelemetry::{Context, metrics::Meter, propagation::TextMapPropagator};
use place::Place;
use std::{fmt, sync::Arc, time::Instant};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes [interceptors](Interceptor) that trace and measure.
///
/// ```
/// # use cloudevents_core::Event;
/// # use cloudevents_transport::{Transports, fake::FakeQueue};
/// # let (queue, transports) = (FakeQueue::new(), Transports::default());
/// # let transports = transports.with_sender("fake", move |_, _| { let sender = queue.sender(); async move { Ok(sender) } });
/// use cloudevents_opentelemetry::opentelemetry033::Telemetry;
/// use opentelemetry::global;
/// use opentelemetry_sdk::propagation::TraceContextPropagator;
///
/// let telemetry = Telemetry::new(TraceContextPropagator::new(), &global::meter("orders"));
/// let transports = transports.with_interceptors(move |endpoint| telemetry.interceptor(endpoint));
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let sender = transports.sender("fake://localhost/orders").await?;
/// sender.send(&Event::builder().id("1").source("/s").ty("placed").build()?).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Telemetry {
    contexts: Contexts,
    measures: Arc<Measures>,
}

impl Telemetry {
    /// Creates one that carries contexts in the form of this propagator, in general that of W3C Trace Context, and measures with this
    /// meter.
    pub fn new(propagator: impl TextMapPropagator + Send + Sync + 'static, meter: &Meter) -> Self {
        Self { contexts: Contexts::new(propagator), measures: Arc::new(Measures::new(meter)) }
    }

    /// Returns a copy that leaves events as they are. By default, an event that is sent within a trace and has no attribute `traceparent`
    /// gets it and `tracestate`, the origin context of the extension for distributed tracing. It stays the same on all further hops.
    pub fn without_extension(mut self) -> Self {
        self.contexts.writes_origin = false;
        self
    }

    /// Creates the interceptor of senders and receivers of this endpoint.
    pub fn interceptor(&self, endpoint: &Endpoint) -> Arc<dyn Interceptor> {
        Arc::new(Traced { telemetry: self.clone(), place: Place::of(endpoint) })
    }

    /// Writes the context of the current span into a message that is stored and sent later, for example by an outbox: the span of sending
    /// it becomes a child of the current one.
    pub fn inject(&self, message: &mut Outgoing) {
        let context = tracing::Span::current().context();
        self.contexts.write(&context, message, true);
    }
}

/// Traces and measures at one endpoint.
struct Traced {
    telemetry: Telemetry,
    place: Place,
}

impl Interceptor for Traced {
    fn sending(&self, message: &mut Outgoing, to: SenderCapabilities) -> Option<AfterSend> {
        let Telemetry { contexts, measures } = &self.telemetry;
        let span = spans::send(&self.place, message);
        // What was stored with its context is sent by a task that has none.
        if !context::is_valid(&tracing::Span::current().context()) {
            set_parent(&span, contexts.stored(message));
        }
        // Over MQTT, it would be an attribute of an event in binary mode.
        let has_headers = to.carries_header(message, "traceparent");
        contexts.write(&span.context(), message, has_headers);
        let (measures, place, begin) = (Arc::clone(measures), self.place.clone(), Instant::now());
        Some(Box::new(move |sent| {
            let error = sent.err().map(|error| error.kind().code());
            spans::end(&span, error, sent.err());
            measures.sent(&place, begin.elapsed(), error);
        }))
    }

    fn handling(&self, delivery: &Delivery) -> Option<Handling> {
        let Telemetry { contexts, measures } = &self.telemetry;
        let span = spans::process(&self.place, delivery);
        let (hop, origin) = (contexts.hop(delivery), contexts.origin(delivery));
        if let Some(origin) =
            origin.as_ref().filter(|origin| hop.as_ref().is_none_or(|hop| !context::is_same(hop, origin)))
        {
            span.add_link(context::span(origin));
        }
        set_parent(&span, hop.or(origin));
        let (measures, place, begin, ended) =
            (Arc::clone(measures), self.place.clone(), Instant::now(), span.clone());
        Some(Handling::new(span).with_after(move |result| {
            let error = result.err().map(|failure| if failure.is_reject() { "rejected" } else { "failed" });
            spans::end(&ended, error, result.err());
            measures.processed(&place, begin.elapsed(), error);
        }))
    }
}

/// Without a layer of tracing-opentelemetry, there is no trace to be part of.
fn set_parent(span: &tracing::Span, parent: Option<Context>) {
    if let Some(parent) = parent {
        let _ = span.set_parent(parent);
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").field("place", &self.place).finish_non_exhaustive()
    }
}
