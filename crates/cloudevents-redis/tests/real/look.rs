//! Looking at streams.

use crate::tools::{Place as Stream, name};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_redis::redis1::BINDING;
use cloudevents_testkit::deliveries::{self, number};
use cloudevents_transport::{Fact, Place, Places};
use redis::Value;

async fn look(url: &str) -> Result<Places, Error> {
    deliveries::look(&BINDING, url).await
}

#[tokio::test]
async fn streams_groups_and_consumers_are_shown_and_nothing_changes() {
    let Some(stream) = Stream::new("look") else { return };
    let key = stream.stream.as_str();
    for number in 1..=4 {
        let id = format!("{number}-0");
        let added: String = stream.ask(&["XADD", key, &id, "data", "{}"]).await;
        assert_eq!(added, id);
    }
    let _: Value = stream.ask(&["XGROUP", "CREATE", key, "billing", "0"]).await;
    let _: Value = stream.ask(&["XGROUP", "CREATE", key, "audit", "0"]).await;
    let read = ["XREADGROUP", "GROUP", "billing", "one", "COUNT", "3", "STREAMS", key, ">"];
    let _: Value = stream.ask(&read).await;
    let _: Value = stream.ask(&["XACK", key, "billing", "1-0"]).await;

    let found = look(&stream.url("")).await.unwrap();
    let [place] = &found.list[..] else { panic!("{found:?}") };
    assert_eq!((place.kind, &*place.name, number(place, "length")), ("stream", key, Some(4)));
    let text = |name| place.fact(name).cloned();
    assert_eq!((text("first"), text("last")), (Some(Fact::from("1-0")), Some(Fact::from("4-0"))));
    let groups = &place.parts.as_ref().unwrap().list;
    let shown =
        |group: &Place| (group.name.to_string(), number(group, "pending"), number(group, "consumers"));
    let mut groups: Vec<_> = groups.iter().map(shown).collect();
    groups.sort();
    assert_eq!(groups, [("audit".into(), Some(0), Some(0)), ("billing".into(), Some(2), Some(1))]);

    let found = look(&stream.url("group=billing")).await.unwrap();
    let [group] = &found.list[0].parts.as_ref().unwrap().list[..] else { panic!("{found:?}") };
    // Redis has it since version 7.
    assert!(matches!(number(group, "lag"), None | Some(1)), "{group:?}");
    assert_eq!(number(&found.list[0], "added"), number(group, "lag").map(|_| 4));
    assert_eq!(group.fact("delivered"), Some(&Fact::from("3-0")));
    let [consumer] = &group.parts.as_ref().unwrap().list[..] else { panic!("{group:?}") };
    assert_eq!((&*consumer.name, number(consumer, "pending")), ("one", Some(2)));
    assert!(number(consumer, "idle_milliseconds").is_some());

    for url in [stream.url("group=missing"), format!("{}/?stream={}", stream.server, name("missing"))] {
        assert_eq!(look(&url).await.unwrap_err().kind(), ErrorKind::Refused, "{url}");
    }
    let other = name("string");
    let _: Value = stream.ask(&["SET", &other, "x"]).await;
    let error = look(&format!("{}/?stream={other}", stream.server)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");

    let found = look(&stream.server).await.unwrap();
    let place = found.list.iter().find(|place| *place.name == *key).unwrap();
    assert_eq!(number(place, "length"), Some(4));
    assert!(found.list.iter().all(|place| *place.name != *other));
    let groups: Vec<Value> = stream.ask(&["XINFO", "GROUPS", key]).await;
    assert_eq!(groups.len(), 2);
}
