//! Who gets the place of a connection, and when.

use crate::tools::{GOOD, Wire, soon};
use cloudevents_http::HttpReceiverOptions;
use http::StatusCode;
use std::time::Duration;

/// The place of a client is free for the next one when it has its response, also if it stays, and nothing else happens.
#[tokio::test]
async fn a_client_that_has_its_response_gives_way_at_once() {
    let mut options = HttpReceiverOptions::default();
    options.connections = 1;
    let receiver = cloudevents_http::HttpReceiver::bind("http://127.0.0.1:0/events", options).await.unwrap();
    let address = receiver.local_addr();
    let mut deliveries = receiver.into_receiver();
    let mut stays = Wire::connect(address).await;
    stays.write(GOOD).await;
    let first = soon(deliveries.next()).await.unwrap().unwrap();
    let mut next = Wire::connect(address).await;
    next.write(GOOD).await;
    // The time is the subject: for longer than a new client keeps its place without a request. The server has looked then, and found none.
    tokio::time::sleep(Duration::from_millis(600)).await;
    first.accept().await.unwrap();
    assert_eq!(stays.answer().await.unwrap().status, StatusCode::NO_CONTENT);
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    assert_eq!(next.answer().await.unwrap().status, StatusCode::NO_CONTENT);
}
