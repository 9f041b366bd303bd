use cloudevents_core::{DecodeOptions, Error, Event};
use cloudevents_opentelemetry::opentelemetry033::Telemetry;
use cloudevents_transport::{
    Bridge, Counters, Endpoint, Failure, Outgoing, ReceiverOptions, Transports,
    binding::log::LogOptions,
    bridge::BridgePolicy,
    fake::{FakeLog, FakeQueue},
};
use opentelemetry::{
    InstrumentationScope, global,
    trace::{SpanKind, Status, TracerProvider},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use std::{
    sync::{Arc, Once},
    time::Duration,
};
use tracing::{Instrument, subscriber::DefaultGuard};
use tracing_subscriber::layer::SubscriberExt;

/// Exports to memory while it lives.
struct Exporting {
    exporter: InMemorySpanExporter,
    _provider: SdkTracerProvider,
    _guard: DefaultGuard,
}

impl Exporting {
    fn begin() -> Self {
        // Whether a span is enabled is remembered for all threads, also for those without a subscriber.
        static ALL: Once = Once::new();
        ALL.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let tracer = provider.tracer_with_scope(InstrumentationScope::builder("tests").build());
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { exporter, _provider: provider, _guard: guard }
    }

    fn named(&self, name: &str) -> SpanData {
        let spans = self.exporter.get_finished_spans().unwrap();
        let names: Vec<_> = spans.iter().map(|span| span.name.to_string()).collect();
        spans.into_iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
    }
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    span.attributes.iter().find(|known| known.key.as_str() == name).map(|known| known.value.to_string())
}

fn event(id: &str) -> Event {
    Event::builder().id(id).source("/tests").ty("placed").build().unwrap()
}

/// Two queues, `fake://localhost/a` and `fake://localhost/b`, and a log, `fake+log://localhost/l`.
fn transports(telemetry: Telemetry) -> Transports {
    let (a, b, log) = (FakeQueue::new(), FakeQueue::new(), FakeLog::new(1));
    let queue = move |path: &str| if path.ends_with('a') { a.clone() } else { b.clone() };
    let (to, to_log) = (queue.clone(), log.clone());
    Transports::default()
        .with_interceptors(move |endpoint| telemetry.interceptor(endpoint))
        .with_sender("fake", move |endpoint, _| {
            let sender = to(endpoint.path()).sender();
            async move { Ok(sender) }
        })
        .with_receiver("fake", move |endpoint, options: ReceiverOptions| {
            let receiver = queue(endpoint.path()).receiver(options);
            async move { Ok(receiver) }
        })
        .with_sender("fake+log", move |_, _| {
            let sender = to_log.sender();
            async move { Ok(sender) }
        })
        .with_receiver("fake+log", move |_, options: ReceiverOptions| {
            let receiver = log.receiver(options, LogOptions::default().with_sink(log.sink()));
            async move { receiver.map(|(receiver, _)| receiver) }
        })
}

fn telemetry() -> Telemetry {
    Telemetry::new(TraceContextPropagator::new(), &global::meter("tests"))
}

async fn settled(counters: Arc<Counters>, count: u64) {
    while counters.snapshot().accepted + counters.snapshot().rejected < count {
        tokio::time::sleep(Duration::from_millis(10)).await; // paused time: passes when nothing else can run
    }
}

/// Sends in the span `checkout`, handles and sends on in `a`, and handles in `b`.
async fn two_hops(transports: &Transports) -> Result<Event, Error> {
    let sender = transports.sender("fake://localhost/a").await?;
    sender.send(&event("1")).instrument(tracing::info_span!("checkout")).await?;

    let (receiver, on) =
        (transports.receiver("fake://localhost/a").await?, transports.sender("fake://localhost/b").await?);
    let counters = receiver.counters();
    let handle = async |event: Event| on.send(&event).await.map(drop);
    receiver.run(handle).until(settled(counters, 1)).await?;

    let receiver = transports.receiver("fake://localhost/b").await?;
    let (counters, seen) = (receiver.counters(), std::sync::Mutex::new(None));
    let handle = async |event: Event| *seen.lock().unwrap() = Some(event);
    receiver.run(handle).until(settled(counters, 1)).await?;
    Ok(seen.into_inner().unwrap().unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_trace_goes_over_two_hops_span_by_span() {
    let exporting = Exporting::begin();
    let event = two_hops(&transports(telemetry())).await.unwrap();
    let names = ["checkout", "send a", "process a", "send b", "process b"];
    let spans = names.map(|name| exporting.named(name));
    for (child, parent) in spans.iter().skip(1).zip(&spans) {
        assert_eq!(child.parent_span_id, parent.span_context.span_id(), "{} of {}", child.name, parent.name);
        assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id(), "{}", child.name);
    }
    let [_, send_a, process_a, send_b, process_b] = &spans;
    let kinds = [send_a, process_a, send_b, process_b].map(|span| span.span_kind.clone());
    assert_eq!(kinds, [SpanKind::Producer, SpanKind::Consumer, SpanKind::Producer, SpanKind::Consumer]);

    // The origin stays that of the first hop. The second consumer has a link to it.
    let origin = event.extension("traceparent").unwrap().to_string();
    let context = &send_a.span_context;
    assert_eq!(origin, format!("00-{}-{}-01", context.trace_id(), context.span_id()));
    assert!(process_a.links.is_empty());
    let links: Vec<_> = process_b.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(links, [context.span_id()]);

    for (name, value) in [
        ("messaging.system", "other"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "b"),
        ("server.address", "localhost"),
        ("cloudevents.event_id", "1"),
        ("cloudevents.event_source", "/tests"),
        ("cloudevents.event_type", "placed"),
        ("cloudevents.event_spec_version", "1.0"),
    ] {
        assert_eq!(attribute(process_b, name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_stay_as_they_are_without_the_extension() {
    let exporting = Exporting::begin();
    let event = two_hops(&transports(telemetry().without_extension())).await.unwrap();
    assert!(event.extension("traceparent").is_none());
    assert_eq!(exporting.named("process b").parent_span_id, exporting.named("send b").span_context.span_id());
}

/// Nothing is written where there is no trace.
#[tokio::test(start_paused = true)]
async fn without_a_trace_messages_are_as_they_were() {
    let transports = transports(telemetry());
    transports.sender("fake://localhost/a").await.unwrap().send(&event("1")).await.unwrap();
    let delivery = transports.receiver("fake://localhost/a").await.unwrap().next().await.unwrap().unwrap();
    assert_eq!((delivery.event().unwrap(), delivery.headers()), (event("1"), vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_has_an_error_and_the_next_one_a_span_of_its_own() {
    let exporting = Exporting::begin();
    let transports = transports(telemetry());
    transports.sender("fake://localhost/a").await.unwrap().send(&event("1")).await.unwrap();
    let receiver = transports.receiver("fake://localhost/a").await.unwrap();
    let counters = receiver.counters();
    let attempts = std::sync::atomic::AtomicU32::new(0);
    let handle = async |_: Event| match attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Err(Failure::retry("the database is away")),
        _ => Err(Failure::reject("never")),
    };
    receiver.run(handle).until(settled(counters, 1)).await.unwrap();
    let spans = exporting.exporter.get_finished_spans().unwrap();
    let spans: Vec<_> = spans.iter().filter(|span| span.name == "process a").collect();
    let of = |name: &str| spans.iter().map(|span| attribute(span, name).unwrap()).collect::<Vec<_>>();
    assert_eq!(
        (of("error.type"), of("cloudevents.attempt")),
        (vec!["failed".into(), "rejected".into()], vec!["1".into(), "2".into()])
    );
    assert_eq!(spans[0].status, Status::error("the database is away"));
}

#[tokio::test(start_paused = true)]
async fn a_bridge_passes_the_trace_on() {
    let exporting = Exporting::begin();
    let transports = transports(telemetry());
    let sender = transports.sender("fake+log://localhost/l").await.unwrap();
    sender.send(&event("1")).instrument(tracing::info_span!("checkout")).await.unwrap();
    let receiver = transports.receiver("fake+log://localhost/l").await.unwrap();
    let (counters, to) = (receiver.counters(), transports.sender("fake://localhost/b").await.unwrap());
    let bridge = Bridge::new(receiver, to, BridgePolicy::default()).unwrap();
    bridge.run().until(settled(counters, 1)).await.unwrap();
    let spans = ["checkout", "send l", "process fake", "send b"].map(|name| exporting.named(name));
    for (child, parent) in spans.iter().skip(1).zip(&spans) {
        assert_eq!(child.parent_span_id, parent.span_context.span_id(), "{} of {}", child.name, parent.name);
    }
}

/// What is stored in a trace, and sent by a task without one, as an outbox does.
#[tokio::test(start_paused = true)]
async fn what_is_stored_keeps_its_context() {
    let exporting = Exporting::begin();
    let telemetry = telemetry();
    let mut stored = Outgoing::from(event("1"));
    tracing::info_span!("order").in_scope(|| telemetry.inject(&mut stored));
    let sender = transports(telemetry).sender("fake://localhost/a").await.unwrap();
    sender.send(stored).await.unwrap();
    assert_eq!(exporting.named("send a").parent_span_id, exporting.named("order").span_context.span_id());
}

/// Over MQTT, where it would be an attribute: also where the send itself has no span.
#[tokio::test]
async fn what_is_stored_with_its_context_can_be_sent_where_there_are_no_headers() {
    let endpoint = Endpoint::parse("mqtt://localhost/a").unwrap();
    let mut capabilities = FakeQueue::new().sender().capabilities();
    capabilities.headers_apart = false;
    for is_traced in [true, false] {
        let telemetry = telemetry();
        let mut stored = Outgoing::from(event("1")).header("x-note", "kept");
        let exporting = Exporting::begin();
        tracing::info_span!("order").in_scope(|| telemetry.inject(&mut stored));
        assert!(stored.headers().any(|(name, _)| name == "traceparent"), "a context was stored");
        let quiet = (!is_traced).then(|| tracing::subscriber::set_default(tracing_subscriber::registry()));
        drop(telemetry.interceptor(&endpoint).sending(&mut stored, capabilities));
        assert!(stored.headers().map(|(name, _)| name).eq(["x-note"]), "{is_traced}");
        drop((quiet, exporting));
    }
}

/// Nothing that identifies a webhook's secret address is in a span.
#[test]
fn destinations_of_http_are_hosts() {
    let exporting = Exporting::begin();
    let endpoint = Endpoint::parse("https://user:pass@hooks.example/services/T0/secret").unwrap();
    let mut outgoing = Outgoing::from(event("1"));
    let capabilities = FakeQueue::new().sender().capabilities();
    drop(telemetry().interceptor(&endpoint).sending(&mut outgoing, capabilities));
    let span = exporting.named("send hooks.example");
    assert!(!format!("{span:?}").contains("secret"), "{span:?}");
}

#[tokio::test(start_paused = true)]
async fn contexts_that_are_garbage_are_no_contexts() {
    let exporting = Exporting::begin();
    let transports = transports(telemetry());
    let to = transports.sender("fake://localhost/a").await.unwrap();
    let garbage = event("1").into_builder().extension("traceparent", "00-garbage").build().unwrap();
    to.send(Outgoing::from(garbage).header("traceparent", b"\xff\x00")).await.unwrap();
    let receiver = transports.receiver_with("fake://localhost/a", DecodeOptions::strict()).await.unwrap();
    let counters = receiver.counters();
    receiver.run(async |_: Event| ()).until(settled(counters, 1)).await.unwrap();
    assert_eq!(exporting.named("process a").parent_span_id, exporting.named("send a").span_context.span_id());
}
