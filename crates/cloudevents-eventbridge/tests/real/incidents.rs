//! A server that is slow, or away for a while, through a proxy.

use crate::tools::{ALL, Place, event, sending, url, within};
use cloudevents_core::ErrorKind;
use cloudevents_eventbridge::awssdk1::sender;
use cloudevents_testkit::fault_proxy::{End, FaultProxy, Flow};
use cloudevents_transport::Sender;
use futures_util::FutureExt as _;
use std::time::Duration;
use tokio::time::sleep;

/// A proxy before the server, and a sender through it.
async fn through(place: &Place, query: &str) -> (FaultProxy, Sender) {
    let server = place.server.trim_start_matches("http://").parse().unwrap();
    let proxy = FaultProxy::start(server).unwrap();
    let url = url(&format!("http://{}", proxy.address()), &place.name, query);
    let sender = within(sender(&url, sending())).await.unwrap();
    (proxy, sender)
}

/// Sends an event as soon as the server takes it: the proxy goes on a moment later, and the server may be slow beside other tests.
async fn sent(sender: &Sender) {
    within(async {
        while sender.send(&event(2)).await.is_err() {
            sleep(Duration::from_millis(10)).await; // between two tries
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stalls_and_goes_on_loses_nothing() {
    let Some(place) = Place::new("stalls", ALL).await else { return };
    let (proxy, sender) = through(&place, "").await;
    proxy.stall(Flow::ToClient);
    let mut under_way = sender.enqueue(&event(1)).await.unwrap();
    // EventBridge has the event, and its answer is on the way.
    assert!(place.take().await.contains(r#""id": "1""#));
    assert!((&mut under_way).now_or_never().is_none());
    proxy.resume();
    within(under_way).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_ends_a_send_in_time() {
    let Some(place) = Place::new("slow", ALL).await else { return };
    let (proxy, sender) = through(&place, "timeout=3s").await;
    proxy.stall(Flow::ToClient);
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(!sender.refuses_message(&error));
    proxy.end(End::Cut);
    proxy.resume();
    sent(&sender).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_and_comes_back() {
    let Some(place) = Place::new("away", ALL).await else { return };
    let (proxy, sender) = through(&place, "").await;
    proxy.refuse().await;
    proxy.end(End::Reset);
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    proxy.resume();
    sent(&sender).await;
    assert!(place.take().await.contains(r#""id": "2""#));
}
