//! What traces and metrics cost for each message, over a queue in memory: `cargo run --profile bench -p cloudevents-opentelemetry --example
//! cost`.
//!
//! Spans go through tracing-opentelemetry to a processor that drops them; metrics are collected. The median of 11 rounds.

#![allow(clippy::unwrap_used, missing_docs)]

use cloudevents_core::{DecodeOptions, Error, Event};
use cloudevents_opentelemetry::opentelemetry033::Telemetry;
use cloudevents_transport::{Endpoint, Interceptor, fake::FakeQueue};
use opentelemetry::{metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider},
    propagation::TraceContextPropagator,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use std::{sync::Arc, time::Instant};
use tracing_subscriber::layer::SubscriberExt;

const MESSAGES: u32 = 20_000;
const ROUNDS: usize = 11;

#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// Nanoseconds a message for sending and for handling.
async fn round(interceptor: Option<&Arc<dyn Interceptor>>) -> Result<[u128; 2], Error> {
    let queue = FakeQueue::new();
    let event = Event::builder().id("1").source("/orders").ty("com.example.placed").build()?;
    let (mut sender, mut receiver) = (queue.sender(), queue.receiver(DecodeOptions::strict()));
    if let Some(interceptor) = interceptor {
        sender = sender.with_interceptor(Arc::clone(interceptor));
        receiver = receiver.with_interceptor(Arc::clone(interceptor));
    }
    let begun = Instant::now();
    for _ in 0..MESSAGES {
        sender.send(&event).await?;
    }
    let sent = begun.elapsed();
    let (begun, counters) = (Instant::now(), receiver.counters());
    let handled = async {
        while counters.snapshot().accepted < u64::from(MESSAGES) {
            tokio::task::yield_now().await;
        }
    };
    receiver.run(async |_: Event| ()).until(handled).await?;
    Ok([sent, begun.elapsed()].map(|time| time.as_nanos() / u128::from(MESSAGES)))
}

/// The medians of sending and of handling.
async fn median(interceptor: Option<&Arc<dyn Interceptor>>) -> Result<[u128; 2], Error> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(interceptor).await?);
    }
    Ok([0, 1].map(|which| {
        let mut times: Vec<_> = rounds.iter().filter_map(|round| round.get(which).copied()).collect();
        times.sort_unstable();
        times.get(ROUNDS / 2).copied().unwrap_or_default()
    }))
}

/// What a message costs more than without the interceptor.
async fn cost(of: &str, interceptor: &Arc<dyn Interceptor>) -> Result<(), Error> {
    let [send, handle] = median(None).await?;
    let [traced_send, traced_handle] = median(Some(interceptor)).await?;
    let (more_send, more_handle) = (traced_send.saturating_sub(send), traced_handle.saturating_sub(handle));
    println!("{of}: send {more_send} ns more than {send} ns, handle {more_handle} ns more than {handle} ns");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let metrics = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(InMemoryMetricExporter::default()).build())
        .build();
    let telemetry = Telemetry::new(TraceContextPropagator::new(), &metrics.meter("cost"));
    let interceptor = telemetry.interceptor(&Endpoint::parse("fake://localhost/orders")?);

    cost("metrics, nothing subscribes to spans", &interceptor).await?;
    let subscribed = tracing::subscriber::set_default(tracing_subscriber::registry());
    cost("metrics and spans of tracing", &interceptor).await?;
    drop(subscribed);
    let spans = SdkTracerProvider::builder().with_simple_exporter(Nowhere).build();
    let layer = tracing_opentelemetry::layer().with_tracer(spans.tracer("cost"));
    let _subscribed = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    cost("metrics and spans that OpenTelemetry exports", &interceptor).await
}
