//! What a bridge with default settings does with refusals of a target over HTTP.

use crate::tools::{event, serve, soon};
use cloudevents_core::DecodeOptions;
use cloudevents_http::reqwest013::{HttpSenderOptions, sender};
use cloudevents_transport::{
    Bridge,
    bridge::{BridgeMetrics, BridgePolicy},
    fake::FakeQueue,
};
use http::StatusCode;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::time::{Duration, sleep};

/// Bridges three messages to a target that answers the first two requests with this status.
async fn bridged(status: StatusCode) -> (BridgeMetrics, FakeQueue) {
    let requests = Arc::new(AtomicU32::new(0));
    let answer = {
        let requests = Arc::clone(&requests);
        async move || match requests.fetch_add(1, Ordering::Relaxed) {
            ..2 => status,
            _ => StatusCode::NO_CONTENT,
        }
    };
    let target = serve(axum::Router::new().fallback(answer)).await;
    let from = FakeQueue::new();
    from.sender().send_all((0..3).map(|id| event(&id.to_string()))).await.unwrap();
    let to = sender(&format!("http://{target}/"), HttpSenderOptions::default()).unwrap();
    let mut policy = BridgePolicy::default();
    policy.limit = 1;
    policy.retry.first = Duration::from_millis(1);
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to, policy).unwrap();
    let status = bridge.status();
    let settled = async {
        while status.metrics().confirmed + status.metrics().all_refused() < 3 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    soon(bridge.run().until(settled)).await.unwrap();
    (status.metrics(), from)
}

#[tokio::test]
async fn credentials_or_an_address_that_are_wrong_make_no_dead_letters() {
    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND] {
        let (metrics, from) = bridged(status).await;
        assert_eq!((metrics.confirmed, from.rejected().len()), (3, 0), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_message_itself_makes_a_dead_letter() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY] {
        let (metrics, from) = bridged(status).await;
        assert_eq!((metrics.confirmed, from.rejected().len()), (1, 2), "{status}");
    }
}
