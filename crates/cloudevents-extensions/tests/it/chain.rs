//! Events that cause others: the scenario of the correlation document.

use cloudevents_core::{Event, Value};
use cloudevents_extensions::{BuilderExtensions, Correlation, EventExtensions};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";
const OTHER_TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn caused(id: &str, parent: &Event) -> Event {
    Event::builder().id(id).source("https://example.com").ty("t").caused_by(parent).build().unwrap()
}

fn order() -> cloudevents_core::EventBuilder {
    Event::builder().id("order-123").source("https://example.com/orders").ty("com.example.order.placed")
}

fn ids(event: &Event) -> (Option<Value<'_>>, Option<Value<'_>>) {
    (event.extension("correlationid"), event.extension("causationid"))
}

#[test]
fn a_flow_keeps_its_correlation_and_each_event_names_its_cause() {
    let order = order().extension("correlationid", "txn-abc-123").build().unwrap();
    let payment = caused("payment-789", &order);
    let inventory = caused("inventory-456", &order);
    let shipping = caused("shipping-012", &inventory);
    let flow = Some(Value::String("txn-abc-123"));
    assert_eq!(ids(&payment), (flow, Some(Value::String("order-123"))));
    assert_eq!(ids(&inventory), (flow, Some(Value::String("order-123"))));
    assert_eq!(ids(&shipping), (flow, Some(Value::String("inventory-456"))));
}

#[test]
fn what_the_parent_lacks_is_not_invented() {
    let order = order().build().unwrap();
    let payment = caused("payment-789", &order);
    assert_eq!(ids(&payment), (None, Some(Value::String("order-123"))));
    assert_eq!(payment.extensions().len(), 1);
    let own =
        Event::builder().id("1").source("/s").ty("t").extension("correlationid", "own").caused_by(&order);
    assert_eq!(ids(&own.build().unwrap()).0, Some(Value::String("own")));
}

#[test]
fn what_the_parent_has_against_the_rules_is_not_passed_on() {
    let order =
        order().extension("correlationid", "").extension("causationid", "").extension("traceparent", "?");
    let payment = caused("payment-789", &order.build().unwrap());
    let correlation = payment.read_extension::<Correlation>().unwrap().unwrap();
    assert_eq!((correlation.correlation_id, correlation.causation_id.unwrap().as_str()), (None, "order-123"));
    assert_eq!(payment.extension("traceparent"), None);
}

#[test]
fn the_trace_goes_on_unless_there_is_another() {
    let order = order().extension("traceparent", TRACE).extension("tracestate", "rojo=1").build().unwrap();
    let payment = caused("payment-789", &order);
    assert_eq!(payment.extension("traceparent").unwrap(), TRACE);
    assert_eq!(payment.extension("tracestate").unwrap(), "rojo=1");
    let other = Event::builder().id("1").source("/s").ty("t").extension("traceparent", OTHER_TRACE);
    let other = other.caused_by(&order).build().unwrap();
    assert_eq!(other.extension("traceparent").unwrap(), OTHER_TRACE);
    assert_eq!(other.extension("tracestate"), None);
}
