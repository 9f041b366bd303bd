//! What deliveries get as their response, over sockets.

use crate::tools::{STRUCTURED, TOKEN, Target, bearer, document, soon, with_token};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_http::ClientSide;
use cloudevents_webhook::{
    DeliveryKey,
    deliver::Practice,
    handshake::Rate,
    receiver::{Begun, Claim, IdempotencyStore, MemoryStore, Webhook, WebhookOptions},
};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_settlement_is_the_response() {
    let (target, mut receiver) = Target::open(with_token()).await;
    for settlement in ["accept", "retry", "release", "reject"] {
        let respond = target.event("1");
        let handle = async {
            let delivery = soon(receiver.next()).await.unwrap().unwrap();
            match settlement {
                "accept" => delivery.accept(),
                "retry" => delivery.retry(Duration::from_millis(2500)),
                "release" => delivery.release(),
                _ => delivery.reject("the order is closed"),
            }
            .await
            .unwrap();
        };
        let (response, ()) = tokio::join!(respond, handle);
        let expected = match settlement {
            "accept" => (204, None),
            "retry" => (503, Some("3")),
            "release" => (503, Some("1")),
            _ => (422, None),
        };
        assert_eq!((response.status.as_u16(), response.header("retry-after")), expected, "{settlement}");
    }
}

#[tokio::test]
async fn a_reply_is_200_with_a_content_type_and_204_without_a_payload() {
    let (target, mut receiver) = Target::open(with_token()).await;
    let event = || Event::builder().id("2").source("/s").ty("t");
    for (reply, status, kind) in [
        (event().text("hello").build().unwrap(), 200, Some("text/plain; charset=UTF-8")),
        (event().build().unwrap(), 204, None),
    ] {
        let respond = target.event("1");
        let handle = async {
            let delivery = soon(receiver.next()).await.unwrap().unwrap();
            delivery.reply(&reply).await.unwrap();
            delivery.accept().await.unwrap();
        };
        let (response, ()) = tokio::join!(respond, handle);
        assert_eq!((response.status.as_u16(), response.header("ce-id")), (status, Some("2")));
        assert_eq!(response.header("content-type").is_some(), kind.is_some());
        assert_eq!(response.body.is_empty(), kind.is_none());
    }
}

#[tokio::test]
async fn the_status_of_acceptance_can_be_202() {
    let mut options = with_token();
    options.http.accepted = StatusCode::ACCEPTED;
    let (target, _seen) = Target::accepting(options).await;
    assert_eq!(target.event("1").await.status, 202);
}

#[tokio::test]
async fn what_is_no_delivery_is_refused() {
    let mut options = with_token();
    options.http.receiver.decoding.limits.bytes = 1000;
    let (target, seen) = Target::accepting(options).await;
    let bearer = bearer();
    let post = async |content_type: Option<&'static str>, body: String| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(content_type.map(|kind| ("content-type", kind)));
        let response = target.post(&headers, body).await;
        (response.status.as_u16(), response)
    };
    let (status, response) = post(Some("foo/bar"), document("1")).await;
    assert_eq!((status, response.header("accept").unwrap().contains(STRUCTURED)), (415, true));
    assert_eq!(post(Some("application/cloudevents+toml"), document("1")).await.0, 415);
    let (status, response) = post(None, document("1")).await;
    assert_eq!((status, response.problem("clause")), (400, "WEBHOOK-2.1-c".into()));
    let (status, response) = post(Some(STRUCTURED), String::new()).await;
    assert_eq!((status, response.problem("clause")), (400, "WEBHOOK-2.1-d".into()));
    assert_eq!(post(Some(STRUCTURED), document(&"x".repeat(1000))).await.0, 413);
    let (status, response) = post(Some(STRUCTURED), r#"{"specversion":"1.0"}"#.into()).await;
    assert_eq!((status, response.problem("code")), (400, "missing-attribute".into()));
    assert!(seen.ids().is_empty());
}

#[tokio::test]
async fn batches_come_as_one_delivery_or_are_refused() {
    let batch = format!("[{},{}]", document("1"), document("2"));
    let headers = [("content-type", "application/cloudevents-batch+json"), ("authorization", &bearer())];
    let (target, seen) = Target::accepting(with_token()).await;
    assert_eq!(target.post(&headers, batch.clone()).await.status, 204);
    assert_eq!(seen.ids(), ["1", "2"]);
    let (target, seen) = Target::accepting(with_token().refuse_batches()).await;
    assert_eq!(target.post(&headers, batch).await.status, 415);
    assert!(seen.ids().is_empty());
}

#[tokio::test]
async fn header_only_deliveries_are_an_option() {
    let bearer = bearer();
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("authorization", &bearer),
    ];
    let (target, _seen) = Target::accepting(with_token()).await;
    assert_eq!(target.post(&headers, "").await.status, 400);
    let (target, seen) = Target::accepting(with_token().header_only()).await;
    assert_eq!(target.post(&headers, "").await.status, 204);
    assert_eq!(seen.ids(), ["1"]);
}

#[tokio::test]
async fn beyond_the_rate_comes_429_with_retry_after() {
    let (target, seen) = Target::accepting(with_token().highest_rate(Rate::per_minute(3).unwrap())).await;
    for id in ["1", "2", "3"] {
        assert_eq!(target.event(id).await.status, 204);
    }
    let over = target.event("4").await;
    let after: u64 = over.header("retry-after").unwrap().parse().unwrap();
    assert_eq!((over.status.as_u16(), (1..=20).contains(&after)), (429, true), "{after}");
    assert_eq!(seen.ids().len(), 3);
}

#[tokio::test]
async fn a_retired_target_is_gone() {
    let (target, _seen) = Target::accepting(with_token()).await;
    assert_eq!(target.event("1").await.status, 204);
    target.webhook.retire();
    assert_eq!(target.event("2").await.status, 410);
    assert_eq!(target.options(&[("webhook-request-origin", "a.example")]).await.status, 410);
}

#[tokio::test]
async fn senders_get_statuses_that_they_understand() {
    let (target, _seen) = Target::accepting(with_token().senders(Practice::EventGrid)).await;
    let headers = [("content-type", "foo/bar"), ("authorization", &bearer())];
    assert_eq!(target.post(&headers, document("1")).await.status, 400);
    let (target, mut receiver) = Target::open(with_token().senders(Practice::EventGrid)).await;
    for (settlement, status) in [("reject", 400), ("retry", 503)] {
        let handle = async {
            let delivery = soon(receiver.next()).await.unwrap().unwrap();
            match settlement {
                "reject" => delivery.reject("no").await.unwrap(),
                _ => delivery.retry(Duration::from_secs(1)).await.unwrap(),
            }
        };
        assert_eq!(tokio::join!(target.event("1"), handle).0.status, status);
    }
}

#[tokio::test]
async fn a_handler_that_is_late_gets_its_settlement_counted_with_a_store() {
    let options = with_token().respond_within(Duration::from_millis(50)).idempotency(MemoryStore::new(10));
    let (target, mut receiver) = Target::open(options).await;
    assert_eq!(target.event("1").await.status, 503);
    let delivery = soon(receiver.next()).await.unwrap().unwrap();
    assert_eq!(target.event("1").await.status, 503); // still being processed
    delivery.accept().await.unwrap();
    // The store has it as soon as the task has run.
    soon(async { while target.event("1").await.status != 204 {} }).await;
    assert_eq!(receiver.metrics().received, 1);

    // A delivery that was not processed is forgotten.
    let (target, mut receiver) = Target::open(with_token().idempotency(MemoryStore::new(10))).await;
    let respond = target.event("2");
    let handle = async { soon(receiver.next()).await.unwrap().unwrap().retry(Duration::ZERO).await.unwrap() };
    assert_eq!(tokio::join!(respond, handle).0.status, 503);
    let handle = async { soon(receiver.next()).await.unwrap().unwrap().accept().await.unwrap() };
    assert_eq!(tokio::join!(target.event("2"), handle).0.status, 204);
}

#[tokio::test]
async fn a_handler_that_is_late_learns_it_without_a_store() {
    let (target, mut receiver) = Target::open(with_token().respond_within(Duration::from_millis(50))).await;
    let late = target.event("1").await;
    assert_eq!((late.status.as_u16(), late.header("retry-after")), (503, Some("1")));
    let delivery = soon(receiver.next()).await.unwrap().unwrap();
    assert_eq!(delivery.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_drained_receiver_responds_503() {
    let (target, mut receiver) = Target::open(with_token()).await;
    soon(receiver.drain(Duration::from_secs(5))).await.unwrap();
    assert_eq!(target.event("1").await.status, 503);
}

const VALIDATION: &str = r#"[{"id":"2d1781af-3a4c-4d7c-bd0c-e34b19da4e66","topic":"/subscriptions/xxxxxxxx","subject":"","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6","validationUrl":"https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/estest/validate?id=1"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2018-01-25T22:12:19.4556811Z","metadataVersion":"1","dataVersion":"1"}]"#;

#[tokio::test]
async fn the_validation_of_event_grid_is_an_option() {
    let headers = |name| {
        [
            ("content-type", "application/json; charset=utf-8"),
            ("aeg-event-type", "SubscriptionValidation"),
            ("aeg-subscription-name", name),
        ]
    };
    let query = format!("?access_token={TOKEN}");
    let ask = async |options: WebhookOptions, query: &str, name| {
        let (target, _seen) = Target::accepting(options).await;
        target.send(Method::POST, query, &headers(name), VALIDATION).await
    };
    let agreed = ask(with_token().event_grid_validation(["orders"]), &query, "ORDERS").await;
    assert_eq!((agreed.status.as_u16(), agreed.header("content-type")), (200, Some("application/json")));
    assert_eq!(agreed.body, r#"{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}"#);
    // The token is in the query (WEBHOOK-3.2-e).
    assert_eq!(agreed.header("cache-control"), Some("private"));

    // Another subscription, no token, not opted in.
    assert_eq!(ask(with_token().event_grid_validation(["orders"]), &query, "OTHERS").await.status, 415);
    assert_eq!(ask(with_token().event_grid_validation(["orders"]), "", "ORDERS").await.status, 401);
    assert_eq!(ask(with_token(), &query, "ORDERS").await.status, 415);
}

/// The sender hangs up: its request is dropped.
#[tokio::test]
async fn a_settlement_is_remembered_when_the_sender_has_hung_up() {
    let (webhook, mut receiver) = Webhook::open(with_token().idempotency(MemoryStore::new(10))).unwrap();
    let post = || Request::post("/hook").header("authorization", bearer()).header("content-type", STRUCTURED);
    let request = || post().body(Full::<Bytes>::from(document("1"))).unwrap();
    let delivery = tokio::select! {
        response = webhook.respond(request(), None) => panic!("before it is settled: {response:?}"),
        delivery = soon(receiver.next()) => delivery.unwrap().unwrap(),
    };
    assert_eq!(webhook.respond(request(), None).await.status(), 503); // it is being processed
    delivery.accept().await.unwrap();
    soon(async {
        while webhook.respond(request(), None).await.status() != 204 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(receiver.metrics().received, 1);
}

/// Of a peer that repeats a delivery and hangs up, nothing stays.
#[tokio::test]
async fn copies_whose_senders_hang_up_make_room() {
    let (webhook, mut receiver) = Webhook::open(with_token().idempotency(MemoryStore::new(10))).unwrap();
    let copy = |client: &Arc<Semaphore>| {
        let (webhook, client) = (webhook.clone(), Arc::clone(client));
        let client = ClientSide::new(move || {
            let client = Arc::clone(&client);
            async move { drop(client.acquire().await) }
        });
        let mut request = request("1");
        request.extensions_mut().insert(client);
        tokio::spawn(async move { webhook.respond(request, None).await.status().as_u16() })
    };
    let (here, gone) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let first = copy(&here);
    let delivery = soon(receiver.next()).await.unwrap().unwrap();
    let captured: Vec<_> = (0..32).map(|_| copy(&gone)).collect();
    soon(async { while copy(&here).await.unwrap() != 503 {} }).await;
    gone.close();
    for copy in captured {
        assert_eq!(soon(copy).await.unwrap(), 503);
    }
    let second = copy(&here);
    delivery.retry(Duration::ZERO).await.unwrap();
    assert_eq!(soon(first).await.unwrap(), 503);
    soon(receiver.next()).await.unwrap().unwrap().accept().await.unwrap();
    assert_eq!(soon(second).await.unwrap(), 204);
    assert_eq!(receiver.metrics().received, 2);
}

/// Two processes share a store.
#[tokio::test]
async fn a_copy_waits_until_another_process_has_ended() {
    let store = MemoryStore::new(10);
    let [(one, mut theirs), (other, mut ours)] =
        [(); 2].map(|()| Webhook::open(with_token().idempotency(store.clone())).unwrap());
    let respond = |webhook: Webhook| {
        tokio::spawn(async move { webhook.respond(request("1"), None).await.status().as_u16() })
    };
    for (is_accepted, received) in [(false, 1), (true, 1)] {
        let first = respond(one.clone());
        let delivery = soon(theirs.next()).await.unwrap().unwrap();
        let second = respond(other.clone());
        tokio::time::sleep(Duration::from_millis(50)).await; // while it waits
        assert!(!second.is_finished());
        if is_accepted {
            delivery.accept().await.unwrap();
        } else {
            delivery.release().await.unwrap();
            soon(ours.next()).await.unwrap().unwrap().release().await.unwrap();
        }
        let expected = if is_accepted { 204 } else { 503 };
        assert_eq!((soon(first).await.unwrap(), soon(second).await.unwrap()), (expected, expected));
        assert_eq!(ours.metrics().received, received);
    }
}

struct Panicking;

impl IdempotencyStore for Panicking {
    async fn begin(&self, _: DeliveryKey) -> Result<Begun, Error> {
        panic!("the store has a bug")
    }

    async fn complete(&self, _: DeliveryKey, _: Claim) -> Result<(), Error> {
        Ok(())
    }

    async fn abandon(&self, _: DeliveryKey, _: Claim) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn a_store_that_panics_makes_the_response_503() {
    let (target, seen) = Target::accepting(with_token().idempotency(Panicking)).await;
    assert_eq!(target.event("1").await.status, 503);
    assert!(seen.ids().is_empty());
}

/// It hangs while it records what was processed.
struct Hanging {
    store: MemoryStore,
    goes_on: Arc<Semaphore>,
}

impl IdempotencyStore for Hanging {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        self.store.begin(key).await
    }

    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        drop(self.goes_on.acquire().await);
        self.store.complete(key, claim).await
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        drop(self.goes_on.acquire().await);
        self.store.abandon(key, claim).await
    }
}

#[tokio::test]
async fn the_response_does_not_wait_for_a_store_that_hangs() {
    let goes_on = Arc::new(Semaphore::new(0));
    let store = Hanging { store: MemoryStore::new(10), goes_on: Arc::clone(&goes_on) };
    let (target, seen) = Target::accepting(with_token().idempotency(store)).await;
    let begin = Instant::now();
    assert_eq!(target.event("1").await.status, 204);
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    // It is not recorded yet, and a duplicate is not handled: it was processed.
    assert_eq!(target.event("1").await.status, 204);
    goes_on.add_permits(1);
    soon(target.webhook.recorded()).await;
    assert_eq!(target.event("1").await.status, 204);
    assert_eq!(seen.ids(), ["1"]);
}

#[tokio::test]
async fn a_process_that_ends_can_wait_until_deliveries_are_recorded() {
    let goes_on = Arc::new(Semaphore::new(0));
    let store = Hanging { store: MemoryStore::new(10), goes_on: Arc::clone(&goes_on) };
    let (webhook, mut receiver) = Webhook::open(with_token().idempotency(store)).unwrap();
    assert_eq!(webhook.unrecorded(), 0);
    soon(webhook.recorded()).await;
    let handle = async { soon(receiver.next()).await.unwrap().unwrap().accept().await.unwrap() };
    let (response, ()) = tokio::join!(webhook.respond(request("1"), None), handle);
    assert_eq!((response.status().as_u16(), webhook.unrecorded()), (204, 1));
    assert!(tokio::time::timeout(Duration::from_millis(10), webhook.recorded()).await.is_err());
    goes_on.add_permits(1);
    soon(webhook.recorded()).await;
    assert_eq!(webhook.unrecorded(), 0);
}

fn request(id: &str) -> Request<Full<Bytes>> {
    let request = Request::post("/hook").header("content-type", STRUCTURED).header("authorization", bearer());
    request.body(Full::new(Bytes::from(document(id)))).unwrap()
}

/// It claims a delivery when it goes on.
#[derive(Clone)]
struct Late {
    store: MemoryStore,
    goes_on: Arc<Semaphore>,
}

impl IdempotencyStore for Late {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        let _goes_on = self.goes_on.acquire().await;
        self.store.begin(key).await
    }

    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.store.complete(key, claim).await
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.store.abandon(key, claim).await
    }
}

/// Its lease may end while the handler has it.
#[tokio::test]
async fn a_delivery_that_was_claimed_too_late_is_given_back() {
    let goes_on = Arc::new(Semaphore::new(0));
    let store = Late { store: MemoryStore::new(10), goes_on: Arc::clone(&goes_on) };
    let options = with_token().respond_within(Duration::from_millis(50)).idempotency(store.clone());
    let (webhook, mut receiver) = Webhook::open(options).unwrap();
    assert_eq!(webhook.respond(request("1"), None).await.status(), 503);
    goes_on.add_permits(1);
    // The first attempt is claimed now, and the handler does not get it.
    let handle = async { soon(receiver.next()).await.unwrap().unwrap().accept().await.unwrap() };
    let again = async {
        while webhook.respond(request("1"), None).await.status() != 204 {
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(soon(again), handle);
    assert_eq!(receiver.metrics().received, 1);
}

/// A webhook is open to anyone, and events are rarely larger than the 64 KiB that intermediaries forward.
#[tokio::test]
async fn bodies_of_more_than_a_mebibyte_are_refused_by_default() {
    let (target, seen) = Target::accepting(with_token()).await;
    let post = async |length: usize| {
        let room = length - document("1").len() + "payload".len();
        let headers = [("content-type", STRUCTURED), ("authorization", &*bearer())];
        target.post(&headers, document("1").replace("payload", &"x".repeat(room))).await.status.as_u16()
    };
    assert_eq!((post(1 << 20).await, post((1 << 20) + 1).await), (204, 413));
    assert_eq!(seen.ids().len(), 1);
}
