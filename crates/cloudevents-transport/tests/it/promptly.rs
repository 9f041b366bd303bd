//! Waiting for what is usually ready soon.

use cloudevents_transport::binding::promptly;
use std::{future::pending, pin::pin};
use tokio::sync::oneshot;

#[tokio::test]
async fn ready_now_or_after_a_turn_of_the_other_tasks() {
    assert_eq!(promptly(pin!(async { 1 })).await, Some(1));
    let (send, receive) = oneshot::channel();
    let task = tokio::spawn(async { send.send(2) });
    assert_eq!(promptly(pin!(receive)).await, Some(Ok(2)));
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_takes_longer_goes_on_afterwards() {
    assert_eq!(promptly(pin!(pending::<()>())).await, None);
    let (send, mut receive) = oneshot::channel();
    assert_eq!(promptly(pin!(&mut receive)).await, None);
    let task = tokio::spawn(async { send.send(3) });
    assert_eq!(receive.await, Ok(3));
    task.await.unwrap().unwrap();
}
