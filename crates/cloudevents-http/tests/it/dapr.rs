//! The subscriber's side of Dapr, with the documents that Dapr publishes.

use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_http::dapr::{Bulk, Status, Statuses, Subscription};
use serde_json::{Value, json, to_value};
use std::time::Duration;

/// The request and the response of the bulk subscription in the example `AspNetCore/RoutingSample` of dapr/dotnet-sdk.
const BULK: &str = r#"{
   "entries":[
      {
         "entryId":"653dd9f5-f375-499b-8b2a-c4599bbd36b0",
         "event":{
            "data":{"amount":10, "id":"17"},
            "datacontenttype":"application/json",
            "id":"DaprClient",
            "pubsubname":"pubsub",
            "source":"Dapr",
            "specversion":"1.0",
            "topic":"multideposit",
            "type":"com.dapr.event.sent"
         },
         "metadata":null,
         "contentType":"application/cloudevents+json"
      },
      {
         "entryId":"7ea8191e-1e62-46d0-9ba8-ff6e571351cc",
         "event":{
            "data":{"amount":20, "id":"17"},
            "datacontenttype":"application/json",
            "id":"DaprClient",
            "pubsubname":"pubsub",
            "source":"Dapr",
            "specversion":"1.0",
            "topic":"multideposit",
            "type":"com.dapr.event.sent"
         },
         "metadata":null,
         "contentType":"application/cloudevents+json"
      }
   ],
   "id":"fa68c580-1b96-40d3-aa2c-04bab05e954e",
   "metadata":{"pubsubName":"pubsub"},
   "pubsubname":"pubsub",
   "topic":"multideposit",
   "type":"com.dapr.event.sent.bulk"
}"#;

const STATUSES: &str = r#"{"statuses":[
    {"entryId":"653dd9f5-f375-499b-8b2a-c4599bbd36b0", "status":"SUCCESS"},
    {"entryId":"7ea8191e-1e62-46d0-9ba8-ff6e571351cc", "status":"SUCCESS"}
]}"#;

#[test]
fn subscriptions_are_the_published_documents() {
    // https://docs.dapr.io/reference/api/pubsub_api/
    let orders = Subscription::new("pubsub", "newOrder", "/orders").metadata("rawPayload", "true");
    assert_eq!(
        to_value([orders]).unwrap(),
        json!([{"pubsubname": "pubsub", "topic": "newOrder", "route": "/orders", "metadata": {"rawPayload": "true"}}])
    );
    // https://docs.dapr.io/developing-applications/building-blocks/pubsub/subscription-methods/
    let checkout =
        Subscription::new("pubsub", "checkout", "/products").rule(r#"event.type == "order""#, "/orders");
    assert_eq!(
        to_value([checkout]).unwrap(),
        json!([{"pubsubname": "pubsub", "topic": "checkout", "routes": {
            "rules": [{"match": r#"event.type == "order""#, "path": "/orders"}], "default": "/products"}}])
    );
    // The names of pkg/runtime/pubsub/subscriptions.go of dapr/dapr.
    let bulk = Subscription::new("order-pub-sub", "orders", "/checkout")
        .bulk(Some(100), Some(Duration::from_millis(40)))
        .dead_letter_topic("rejected");
    assert_eq!(
        to_value(bulk).unwrap(),
        json!({"pubsubname": "order-pub-sub", "topic": "orders", "route": "/checkout", "deadLetterTopic": "rejected",
            "bulkSubscribe": {"enabled": true, "maxMessagesCount": 100, "maxAwaitDurationMs": 40}})
    );
    let bulk = to_value(Subscription::new("p", "t", "/").bulk(None, None)).unwrap();
    assert_eq!(bulk["bulkSubscribe"], json!({"enabled": true}));
}

#[test]
fn statuses_have_their_names() {
    for (status, name) in [(Status::Success, "SUCCESS"), (Status::Retry, "RETRY"), (Status::Drop, "DROP")] {
        assert_eq!(to_value(status).unwrap(), json!({ "status": name }));
    }
}

#[test]
fn a_published_bulk_message() {
    let bulk = Bulk::parse(BULK, &DecodeOptions::strict()).unwrap();
    assert_eq!(bulk.topic, "multideposit");
    let amounts: Vec<_> =
        bulk.entries.iter().map(|entry| entry.event.as_ref().unwrap().value.data_bytes().unwrap()).collect();
    assert_eq!(amounts, [r#"{"amount":10, "id":"17"}"#, r#"{"amount":20, "id":"17"}"#]);
    let statuses: Statuses = bulk.entries.iter().map(|entry| (&*entry.id, Status::Success)).collect();
    assert_eq!(to_value(statuses).unwrap(), serde_json::from_str::<Value>(STATUSES).unwrap());
}

#[test]
fn a_bad_message_leaves_the_others() {
    let body = r#"{"entries": [
        {"entryId": "1", "event": "cmF3"},
        {"entryId": "2", "event": {"specversion": "1.0", "id": "", "source": "Dapr", "type": "t"}},
        {"entryId": "3", "event": {"specversion": "1.0", "id": "1", "source": "Dapr", "type": "t"}}
    ]}"#;
    let bulk = Bulk::parse(body, &DecodeOptions::strict()).unwrap();
    let read: Vec<_> = bulk.entries.iter().map(|entry| (&*entry.id, entry.event.is_ok())).collect();
    assert_eq!(read, [("1", false), ("2", false), ("3", true)]);
}

#[test]
fn what_is_no_bulk_message_is_refused() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"entries": 1}"#,
        r#"{"entries": [{"event": {}}]}"#,
        r#"{"entries": [{"entryId": "1"}]}"#,
    ] {
        let error = Bulk::parse(body, &DecodeOptions::strict()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{body}");
    }
    assert!(Bulk::parse(r#"{"entries": []}"#, &DecodeOptions::strict()).unwrap().entries.is_empty());
    let mut with = DecodeOptions::strict();
    with.limits.batch = 1;
    assert_eq!(Bulk::parse(BULK, &with).unwrap_err().kind(), ErrorKind::TooMany);
    with.limits.bytes = 10;
    assert_eq!(Bulk::parse(BULK, &with).unwrap_err().kind(), ErrorKind::TooLarge);
}
