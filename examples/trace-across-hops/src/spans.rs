//! The spans of this process, in memory.

use crate::Result;
use opentelemetry::trace::{SpanId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::fmt;
use tracing_subscriber::layer::SubscriberExt;

pub(crate) struct Spans {
    exporter: InMemorySpanExporter,
    _provider: SdkTracerProvider,
}

impl Spans {
    /// Exports what is traced from now on.
    pub(crate) fn begin() -> Result<Self> {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
        let filter = tracing_subscriber::filter::LevelFilter::INFO;
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filter).with(layer))?;
        Ok(Self { exporter, _provider: provider })
    }

    /// The spans from the program's own to the last, each one the child of the one before.
    fn chain(&self) -> Vec<SpanData> {
        let spans = self.exporter.get_finished_spans().unwrap_or_default();
        let child = |parent: SpanId| spans.iter().find(|span| span.parent_span_id == parent);
        let first = spans.iter().find(|span| span.name == "order");
        std::iter::successors(first, |span| child(span.span_context.span_id())).cloned().collect()
    }

    /// Fails unless these are the spans of one trace.
    pub(crate) fn check(&self, expected: &[&str]) -> Result {
        let chain = self.chain();
        let names: Vec<_> = chain.iter().map(|span| &*span.name).collect();
        if names != expected {
            return Err(format!("expected {expected:?}, found {names:?}").into());
        }
        let mut traces: Vec<_> = chain.iter().map(|span| span.span_context.trace_id()).collect();
        traces.dedup();
        if traces.len() == 1 { Ok(()) } else { Err(format!("several traces: {traces:?}").into()) }
    }
}

/// One line for each span.
impl fmt::Display for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, span) in self.chain().iter().enumerate() {
            let attribute = |name| span.attributes.iter().find(|known| known.key.as_str() == name);
            let system =
                attribute("messaging.system").map(|system| system.value.to_string()).unwrap_or_default();
            let took = span.end_time.duration_since(span.start_time).unwrap_or_default();
            writeln!(f, "{:indent$}{}  {system}  {took:.1?}", "", span.name, indent = 2 * depth)?;
        }
        Ok(())
    }
}
