//! What servers do with requests for messages that were withdrawn, shown with the client library alone.

use crate::tools::{create_stream, name, real, within};
use async_nats::{
    Client, Message, Subscriber,
    jetstream::consumer::{AckPolicy, pull},
};
use futures_util::StreamExt;
use std::{collections::BTreeMap, time::Duration};

const COUNT: usize = 20;

/// Before 2.10.16, the first released message is sent to the request that was withdrawn, and is gone until its time is over. Up to 2.10.12,
/// the last message comes twice then. Our receiver makes such servers forget the request when it connects and when it drains; a message
/// that is released in between, while the requests of all receivers are dead, may still meet one.
#[tokio::test]
async fn a_real_server_before_2_10_16_sends_a_released_message_to_a_withdrawn_request() {
    let Some(server) = real() else { return };
    let stream = name("withdrawn");
    let context = create_stream(&server, &stream).await;
    let mut config = pull::Config { ack_policy: AckPolicy::Explicit, ..pull::Config::default() };
    // Longer than the test takes: nothing comes again because its time is over.
    (config.durable_name, config.ack_wait) = (Some("c".into()), Duration::from_secs(600));
    context.create_consumer_on_stream(config, &stream).await.unwrap();
    let client = async_nats::connect(&server).await.unwrap();
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.c");
    for number in 0..COUNT {
        context.publish(format!("{stream}.x"), number.to_string().into()).await.unwrap().await.unwrap();
    }
    let mut first = request(&client, &next).await;
    let received = take(&mut first, COUNT).await;
    first.unsubscribe().await.unwrap();
    echo(&client).await;
    for message in &received {
        // Returns when the server has handled it.
        within(client.request(message.reply.clone().unwrap(), "-NAK".into())).await.unwrap();
    }
    let once = (0..COUNT).map(|number| (number, 1));
    let is_since = |patch| client.is_server_compatible(2, 10, patch);
    let expected: BTreeMap<_, _> = match (is_since(16), is_since(13)) {
        (true, _) => once.collect(),
        (false, true) => once.skip(1).collect(),
        (false, false) => once.skip(1).chain([(COUNT - 1, 2)]).collect(),
    };
    let mut second = request(&client, &next).await;
    let mut seen = BTreeMap::<usize, usize>::new();
    for message in take(&mut second, expected.values().sum()).await {
        let number = str::from_utf8(&message.payload).unwrap().parse().unwrap();
        *seen.entry(number).or_default() += 1;
        client.publish(message.reply.unwrap(), "+ACK".into()).await.unwrap();
    }
    // On a busy machine, such a server may have the next request before it looks for what was released.
    let is_in_time = !is_since(16) && seen == (0..COUNT).map(|number| (number, 1)).collect();
    assert!(is_in_time || seen == expected, "{seen:?}");
}

/// Requests more messages than there are.
async fn request(client: &Client, next: &str) -> Subscriber {
    let inbox = client.new_inbox();
    let messages = client.subscribe(inbox.clone()).await.unwrap();
    let request = format!(r#"{{"batch":{},"expires":30000000000}}"#, 10 * COUNT);
    client.publish_with_reply(next.to_owned(), inbox, request.into()).await.unwrap();
    messages
}

async fn take(messages: &mut Subscriber, count: usize) -> Vec<Message> {
    within(messages.take(count).collect()).await
}

/// Returns when the server has read everything so far.
async fn echo(client: &Client) {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, "".into()).await.unwrap();
    within(echo.next()).await.unwrap();
}
