//! Which requests the cache saves.

use super::server::{FakeRegistry, soon};
use cloudevents_core::{CodecContext, Data, ErrorKind};
use cloudevents_kafka::registry::{
    CacheOptions, Cached, Schema, SchemaRegistry, apacheavro022::RegistryAvro,
};
use cloudevents_transport::AsyncCodec;
use futures_util::{FutureExt, future::join_all};
use std::{sync::Arc, time::Duration};

const FRAME: [u8; 6] = [0, 0, 0, 0, 7, 2];

#[tokio::test]
async fn many_who_decode_ask_once() {
    let fake = FakeRegistry::closed().await;
    fake.has(7, "AVRO", "\"int\"");
    let codec = RegistryAvro::new(fake.registry());
    let context = CodecContext::default();
    let all = join_all((0..16).map(|_| AsyncCodec::<i32>::decode(&codec, Data::Binary(&FRAME), &context)));
    let opened = async {
        fake.asked(1).await;
        fake.open();
    };
    let (values, ()) = soon(async { tokio::join!(all, opened) }).await;
    assert!(values.into_iter().all(|value| value.unwrap() == 1));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_cache_asks_once_for_each_thing() {
    let fake = FakeRegistry::start().await;
    fake.has(7, "AVRO", "\"int\"");
    fake.has(8, "AVRO", "\"int\"");
    fake.answers("POST /subjects/a", 200, r#"{"id": 7}"#);
    fake.answers("POST /subjects/b", 200, r#"{"id": 7}"#);
    let cached = fake.cached();
    for _ in 0..3 {
        let clone = cached.clone();
        for id in [7, 8] {
            clone.schema(id).await.unwrap();
        }
        for subject in ["a", "b"] {
            assert_eq!(clone.id_of(subject, &Schema::avro("\"int\"")).await.unwrap(), 7);
        }
    }
    assert_eq!(fake.seen().len(), 4);
    assert_eq!(cached.id_of("a", &Schema::json("\"int\"")).await.unwrap(), 7);
    assert_eq!(fake.seen().len(), 5, "the same text of another kind is another schema");
}

#[tokio::test]
async fn who_goes_away_leaves_the_others_waiting() {
    let fake = FakeRegistry::closed().await;
    fake.has(7, "AVRO", "\"int\"");
    let cached = fake.cached();
    let first = tokio::spawn({
        let cached = cached.clone();
        async move { cached.schema(7).await }
    });
    fake.asked(1).await;
    let mut second = Box::pin(cached.schema(7));
    assert!((&mut second).now_or_never().is_none());
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    fake.open();
    assert_eq!(soon(second).await.unwrap(), Schema::avro("\"int\""));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn when_all_go_away_the_next_asks_again() {
    let fake = FakeRegistry::closed().await;
    fake.has(7, "AVRO", "\"int\"");
    let codec = Arc::new(RegistryAvro::new(fake.cached()));
    let first = tokio::spawn({
        let codec = Arc::clone(&codec);
        async move { AsyncCodec::<i32>::decode(&*codec, Data::Binary(&FRAME), &CodecContext::default()).await }
    });
    fake.asked(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    fake.open();
    let value: i32 = soon(codec.decode(Data::Binary(&FRAME), &CodecContext::default())).await.unwrap();
    assert_eq!((value, fake.seen().len()), (1, 2));
}

#[tokio::test]
async fn refusals_are_kept_for_a_while_and_failures_are_not() {
    let fake = FakeRegistry::start().await;
    for (refused_for, requests) in [(Duration::from_secs(3600), 1), (Duration::ZERO, 3)] {
        let mut options = CacheOptions::default();
        options.refused_for = refused_for;
        let cached = Cached::with_options(fake.registry(), options);
        let before = fake.seen().len();
        for _ in 0..3 {
            assert_eq!(cached.schema(1).await.unwrap_err().kind(), ErrorKind::InvalidData);
        }
        assert_eq!(fake.seen().len() - before, requests);
    }
    let cached = fake.cached();
    fake.answers("GET /schemas/ids/1", 503, "");
    assert_eq!(cached.schema(1).await.unwrap_err().kind(), ErrorKind::Transport);
    fake.has(1, "AVRO", "\"int\"");
    assert!(cached.schema(1).await.is_ok());
}

#[tokio::test]
async fn a_failure_is_that_of_all_who_wait() {
    let fake = FakeRegistry::closed().await;
    fake.answers("GET /schemas/ids/7", 503, "");
    let cached = fake.cached();
    let all = join_all((0..4).map(|_| cached.schema(7)));
    let opened = async {
        fake.asked(1).await;
        fake.open();
    };
    let (answers, ()) = soon(async { tokio::join!(all, opened) }).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap_err().kind() == ErrorKind::Transport));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn the_memory_is_bounded_and_strangers_push_nothing_out() {
    let fake = FakeRegistry::start().await;
    let mut options = CacheOptions::default();
    options.entries = 3;
    let cached = Cached::with_options(fake.registry(), options);
    for id in 1..=4 {
        fake.has(id, "AVRO", "\"int\"");
    }
    let requests = async |ids: &[u32]| {
        let before = fake.seen().len();
        for id in ids {
            let _ = cached.schema(*id).await;
        }
        fake.seen().len() - before
    };
    assert_eq!(requests(&[1, 2]).await, 2);
    // Ids without a schema evict each other.
    assert_eq!(requests(&(100..120).collect::<Vec<_>>()).await, 20);
    assert_eq!(requests(&[1, 2]).await, 0);
    // The least recently used one is evicted.
    assert_eq!(requests(&[3]).await, 1);
    assert_eq!(requests(&[1, 4]).await, 1);
    assert_eq!(requests(&[1, 3, 4]).await, 0);
    assert_eq!(requests(&[2]).await, 1);
}
