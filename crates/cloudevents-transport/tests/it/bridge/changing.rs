//! Attributes that change on the way.

use super::{all, run, run_with, with};
use crate::events;
use cloudevents_core::{Document, Error, ErrorKind, Event, FormatId, Message, Payload};
use cloudevents_json::Json;
use cloudevents_transport::{
    EventFilter, Outgoing,
    bridge::{BridgePolicy, Form, KeyRule},
    fake::FakeQueue,
};
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn filters_see_the_event_as_it_came() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    let event = |tenant: &str| {
        Event::builder().id(tenant).source("/s").ty("t").extension("tenant", tenant).build().unwrap()
    };
    for tenant in ["t1", "t2"] {
        from.sender().send(event(tenant)).await.unwrap();
    }
    let filter =
        EventFilter::new(|message, with| Ok(message.attribute("tenant", with)?.as_deref() == Some("t1")));
    let mut policy = BridgePolicy::default();
    policy.change = Some(Arc::new(|event, _| {
        let customer = event.attribute("tenant").map(|tenant| tenant.to_canonical().into_owned());
        Ok(Some(event.clone().into_builder().without("tenant").extension("customer", customer).build()?))
    }));
    policy.key = KeyRule::From("{customer}".parse().unwrap());
    policy.destination = Some("to.{customer}".parse().unwrap());
    policy.admit = Some(Arc::new(|event| match event.attribute("tenant") {
        None => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::Refused)),
    }));
    let receiver = from.receiver(with()).filter(filter.drop_unmatched()).unwrap();
    let status = run_with(receiver, to.sender(), policy).await;
    assert_eq!((status.metrics().confirmed, status.received().unmatched), (1, 1));
    let arrived = all(&to).await.remove(0);
    assert_eq!((&*arrived.key().unwrap(), arrived.event().unwrap().id()), (&b"t1"[..], "t1"));
}

/// Only the attributes of the events that change are written anew, in the form that they have.
#[tokio::test(start_paused = true)]
async fn attributes_change_on_the_way_and_payloads_do_not() {
    const DATA: &str = r#"{ "b": 1.50, "a":[ ] }"#;
    const TYPE: &str = r#""datacontenttype":"application/json","#;
    let event = |id: u32| {
        let event = Event::builder().id(id.to_string()).source("/s").ty("t");
        event.payload("application/json", Payload::json(DATA)).build().unwrap()
    };
    let changed = |id: u32| event(id).into_builder().extension("origin", "header").build().unwrap();
    let document = |events: &[u32]| {
        let one = |id: &u32| {
            format!(r#"{{ "specversion":"1.0","id":"{id}","source":"/s","type":"t",{TYPE} "data":{DATA}}}"#)
        };
        events.iter().map(one).collect::<Vec<_>>().join(" ,")
    };
    let structured = |id: u32| Message::Structured(Document::new(FormatId::JSON, document(&[id])));
    let batched = |ids: &[u32]| {
        let text = format!("[{}]", document(ids));
        Message::Batched(Document::new(FormatId::JSON, text))
    };
    for form in [Form::Kept, Form::Binary] {
        let (from, to) = (FakeQueue::new(), FakeQueue::new());
        let sender = from.sender();
        let send = async |message: Message| {
            sender.send(Outgoing::from(message).header("origin", "header").key("k")).await.unwrap();
        };
        send(Message::Binary(event(1))).await;
        send(Message::Binary(event(12))).await;
        send(structured(2)).await;
        send(structured(22)).await;
        send(batched(&[3, 33])).await;
        send(batched(&[34, 35])).await;
        let mut policy = BridgePolicy::default();
        (policy.form, policy.limit) = (form.clone(), 1);
        // Ids of two digits stay.
        policy.change = Some(Arc::new(|event, received| {
            let origin = received.header_text("origin").unwrap();
            let builder = event.clone().into_builder();
            Ok((event.id().len() == 1).then(|| builder.extension("origin", &*origin).build().unwrap()))
        }));
        let status = run(&from, &to, policy).await;
        assert_eq!(status.metrics().confirmed, 6);
        let arrived = all(&to).await;
        let events: Vec<_> = arrived.iter().flat_map(|delivery| delivery.events().unwrap()).collect();
        assert_eq!(
            events,
            [changed(1), event(12), changed(2), event(22), changed(3), event(33), event(34), event(35)]
        );
        assert!(events.iter().all(|event| event.data_bytes().unwrap() == DATA));
        assert!(arrived.iter().all(|delivery| delivery.key().unwrap() == &b"k"[..]));
        if matches!(form, Form::Kept) {
            let modes: Vec<_> =
                arrived.iter().map(|delivery| delivery.message().unwrap().mode().as_str()).collect();
            assert_eq!(modes, ["binary", "binary", "structured", "structured", "batched", "batched"]);
            assert_eq!(arrived[3].body().unwrap(), document(&[22]));
            assert_eq!(arrived[5].body().unwrap(), format!("[{}]", document(&[34, 35])));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_changed_is_refused_with_its_whole_message() {
    let (from, to, letters) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    let events: Vec<Event> = events(3).collect();
    from.sender().send(&events[0]).await.unwrap();
    let batch = Message::batched(&events[1..], &Json::new()).unwrap().0;
    from.sender().send(batch).await.unwrap();
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(letters.sender());
    let last = events[2].id().to_owned();
    policy.change = Some(Arc::new(move |event, _| match event.id() == last {
        true => Err(Error::new(ErrorKind::Refused).with_attribute("tenant").with_detail("there is none")),
        false => Ok(Some(event.clone().into_builder().subject("changed").build()?)),
    }));
    let status = run(&from, &to, policy).await;
    assert_eq!((status.metrics().confirmed, status.metrics().refused["refused"]), (1, 1));
    assert_eq!(all(&to).await[0].event().unwrap().subject(), Some("changed"));
    let letter = all(&letters).await.remove(0);
    assert_eq!(letter.message().unwrap().mode().as_str(), "batched");
    assert_eq!(letter.events().unwrap(), events[1..], "they are as they were received");
    let reason = letter.header_text("dead-letter-reason").unwrap();
    assert!(reason.contains("`tenant`") && reason.contains("there is none"), "{reason}");
}
