use cloudevents_core::Event;
use cloudevents_opentelemetry::opentelemetry033::Telemetry;
use cloudevents_transport::{Endpoint, fake::FakeQueue};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    propagation::TraceContextPropagator,
};

#[test]
fn sends_and_attempts_are_counted_and_timed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let exporter = InMemoryMetricExporter::default();
    let provider =
        SdkMeterProvider::builder().with_reader(PeriodicReader::builder(exporter.clone()).build()).build();
    let telemetry = Telemetry::new(TraceContextPropagator::new(), &provider.meter("tests"));
    let interceptor = telemetry.interceptor(&Endpoint::parse("kafka://localhost:9092/orders").unwrap());
    let queue = FakeQueue::new();
    queue.refuse_if(
        |message| matches!(message, cloudevents_core::Message::Binary(event) if event.id() == "2"),
    );
    runtime.block_on(async {
        let sender = queue.sender().with_interceptor(interceptor);
        for id in ["1", "2", "3"] {
            let event = Event::builder().id(id).source("/s").ty("t").build().unwrap();
            let _ = sender.send(event).await;
        }
    });
    provider.force_flush().unwrap();
    let exported = exporter.get_finished_metrics().unwrap();
    let metrics: Vec<_> = exported
        .iter()
        .flat_map(|resource| resource.scope_metrics())
        .flat_map(|scope| scope.metrics())
        .collect();
    let sent = metrics.iter().find(|metric| metric.name() == "messaging.client.sent.messages").unwrap();
    let AggregatedMetrics::U64(MetricData::Sum(sum)) = sent.data() else { panic!("{sent:?}") };
    let mut points: Vec<_> = sum
        .data_points()
        .map(|point| {
            let error = point.attributes().find(|label| label.key.as_str() == "error.type");
            (error.map(|error| error.value.to_string()), point.value())
        })
        .collect();
    points.sort();
    assert_eq!(points, [(None, 2), (Some("refused".into()), 1)]);
    let took = metrics.iter().find(|metric| metric.name() == "messaging.client.operation.duration").unwrap();
    assert_eq!(took.unit(), "s");
    let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = took.data() else { panic!("{took:?}") };
    assert_eq!(histogram.data_points().map(|point| point.count()).sum::<u64>(), 3);
}
