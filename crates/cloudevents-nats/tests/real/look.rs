//! Looking at streams.

use crate::tools::{create_stream, name, real};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_nats::async_nats051::BINDING;
use cloudevents_testkit::{
    deliveries::{self, number},
    nats::Server,
};
use cloudevents_transport::{Fact, Place, Places};
use futures_util::{StreamExt, TryStreamExt};

async fn look(url: &str) -> Result<Places, Error> {
    deliveries::look(&BINDING, url).await
}

fn numbers<const N: usize>(place: &Place, names: [&str; N]) -> [u64; N] {
    names.map(|name| number(place, name).unwrap())
}

#[tokio::test]
async fn real_streams_and_consumers_are_shown_and_nothing_changes() {
    let Some(server) = real() else { return };
    let name = name("look");
    let context = create_stream(&server, &name).await;
    let server = server.replacen("nats:", "nats+jetstream:", 1);
    for number in 0..4 {
        let published = context.publish(format!("{name}.x"), format!("{number}").into()).await.unwrap();
        published.await.unwrap();
    }
    let stream = context.get_stream(&name).await.unwrap();
    stream.delete_message(1).await.unwrap();
    for consumer in ["a", "b"] {
        let config = pull::Config {
            durable_name: Some(consumer.into()),
            ack_policy: AckPolicy::Explicit,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        // One is taken, and not acknowledged.
        let taken = consumer.fetch().max_messages(1).messages().await.unwrap();
        assert_eq!(taken.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    }

    let found = look(&format!("{server}/{name}.x?dead-letter=letters")).await.unwrap();
    let [place] = &found.list[..] else { panic!("{found:?}") };
    assert_eq!((place.kind, &*place.name), ("stream", &*name));
    assert_eq!(numbers(place, ["messages", "first", "last", "consumers"]), [3, 2, 4, 2]);
    assert_eq!(place.fact("subjects"), Some(&Fact::Texts(vec![format!("{name}.>").into()])));
    let parts = &place.parts.as_ref().unwrap().list;
    assert_eq!(parts.iter().map(|part| &*part.name).collect::<Vec<_>>(), ["a", "b"]);
    let members = ["pending", "ack_pending", "redelivered", "delivered"];
    assert_eq!(numbers(&parts[0], members), [2, 1, 0, 2]);

    let found = look(&format!("{server}/?stream={name}&consumer=b")).await.unwrap();
    let parts = &found.list[0].parts.as_ref().unwrap().list;
    assert_eq!(parts.iter().map(|part| &*part.name).collect::<Vec<_>>(), ["b"]);
    let found = look(&server).await.unwrap();
    let place = found.list.iter().find(|place| *place.name == *name).unwrap();
    assert_eq!(numbers(place, ["messages", "consumers"]), [3, 2]);
    assert!(place.parts.is_none());

    for wrong in [
        format!("{server}/{name}-missing.x"),
        format!("{server}/?stream={name}-missing"),
        format!("{server}/{name}.x?consumer=missing"),
    ] {
        assert_eq!(look(&wrong).await.unwrap_err().kind(), ErrorKind::Refused, "{wrong}");
    }
    let consumers: Vec<_> = stream.consumer_names().map(Result::unwrap).collect().await;
    assert_eq!(consumers.len(), 2);
}

#[tokio::test]
async fn core_nats_shows_nothing_and_the_error_says_what_does() {
    let server = Server::start().unwrap();
    let error = look(&server.url("orders")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.help().unwrap().contains("nats+jetstream"), "{error:?}");
    let without = server.url("orders").replacen("nats:", "nats+jetstream:", 1);
    for url in [without.clone(), without.replace("/orders", "/")] {
        let error = look(&url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{url}: {error:?}");
    }
}
