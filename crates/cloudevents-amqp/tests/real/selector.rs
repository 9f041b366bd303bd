//! Filters that the broker evaluates.

use crate::tools::{id, next, strict};
use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, receiver, sender};
use cloudevents_core::{ErrorKind, Event};
use cloudevents_testkit::amqp::Broker;

fn event(id: &str, ty: &str) -> Event {
    Event::builder().id(id).source("/tests").ty(ty).build().unwrap()
}

/// The broker of the testkit has no filters, and refuses them.
#[tokio::test]
async fn a_broker_without_filters_is_an_error() {
    let broker = Broker::start().unwrap();
    let mut options = strict();
    options.selector = Some("cloudEvents_type = 'placed'".into());
    let error = receiver(&broker.url("orders"), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

/// What is not selected stays in the queue, for others.
#[tokio::test]
async fn a_real_broker_delivers_what_is_selected() {
    let Ok(server) = std::env::var("CE_TEST_AMQP_URL") else {
        println!("skipped: CE_TEST_AMQP_URL is not set");
        return;
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let url = format!("{server}selected-{now}");
    let to = sender(&url, AmqpSenderOptions::default()).await.unwrap();
    for (id, ty) in [("1", "placed"), ("2", "paid"), ("3", "it's")] {
        to.send(&event(id, ty)).await.unwrap();
    }
    let selecting = format!(
        "{url}?reject=drop&selector=cloudEvents_type%20%3D%20'placed'%20OR%20cloudEvents_type%20%3D%20'it''s'"
    );
    let mut selected = match receiver(&selecting, strict()).await {
        Ok(selected) => selected,
        // Better than to deliver everything.
        Err(error) => {
            let broker = std::env::var("CE_TEST_AMQP_BROKER").unwrap();
            assert!(broker != "artemis" && error.kind() == ErrorKind::Refused, "{broker}: {error}");
            return println!("{broker} has no selectors: {error}");
        }
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let delivery = next(&mut selected).await;
        ids.push(id(&delivery));
        delivery.accept().await.unwrap();
    }
    assert_eq!(ids, ["1", "3"]);
    let mut all = receiver(&format!("{url}?reject=drop"), strict()).await.unwrap();
    let left = next(&mut all).await;
    assert_eq!(id(&left), "2");
    left.accept().await.unwrap();

    // A selector that is none is refused.
    let error = receiver(&format!("{url}?reject=drop&selector=%3D%3D"), strict()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}
