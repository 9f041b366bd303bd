//! A contract as a step of a bridge.

use cloudevents_catalog::{Catalog, Judge};
use cloudevents_core::{DecodeOptions, Error, Event, Payload};
use cloudevents_transport::{
    Bridge, Received,
    bridge::{BridgePolicy, Fate},
    fake::FakeQueue,
};
use std::sync::Arc;
use tokio::sync::mpsc;

const CONTRACT: &str = r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
    "envelope": "CloudEvents/1.0",
    "dataschemaformat": "JsonSchema/draft-07",
    "dataschema": {"type": "object", "required": ["number"]}
}}}}}"#;

#[tokio::test]
async fn sends_only_what_the_contract_allows() {
    let catalog = Catalog::parse(CONTRACT).unwrap();
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    for (ty, data) in
        [("com.example.order", r#"{"number": 1}"#), ("com.example.order", "{}"), ("com.example.other", "{}")]
    {
        let event = Event::builder().id("1").source("/shops/7").ty(ty);
        let event = event.payload("application/json", Payload::body(data)).build().unwrap();
        from.sender().send(event).await.unwrap();
    }
    let (told, mut fates) = mpsc::unbounded_channel();
    let mut policy = BridgePolicy::default();
    policy.admit = Some(Arc::new(move |event: &Event| catalog.admit(event).map(drop).map_err(Error::from)));
    policy.observer = Some(Arc::new(move |_: &Received, fate: &Fate| drop(told.send(fate.to_string()))));
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let mut seen = Vec::new();
    let all = async {
        for _ in 0..3 {
            seen.extend(fates.recv().await);
        }
    };
    bridge.run().until(all).await.unwrap();
    assert_eq!((to.len(), from.rejected().len()), (1, 2), "{seen:?}");
    for words in ["confirmed", "\"number\" is a required property", "nothing defines this event"] {
        assert!(seen.iter().any(|fate: &String| fate.contains(words)), "{seen:?}");
    }
}
