//! The sender, over sockets, against targets that do as they please.

use crate::tools::{SECRET, TOKEN, soon};
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_testkit::webhook::{Respond, TargetRequest, TestTarget};
use cloudevents_transport::{Bounds, Outgoing, Sender};
use cloudevents_webhook::{
    deliver::{Reason, RetrySchedule, TargetState},
    guard::{Resolve, SystemResolver, UrlGuard},
    handshake::Rate,
    reqwest013::{
        GuardedClient, Registered, Target, Undelivered, UndeliveredSink, WebhookSender, WebhookSenderOptions,
        WithoutConsent,
    },
    signature::{
        Coverage, MessageSignatures, MessageSigner, SigningKey, StandardSigner, StandardWebhooks, Verify,
    },
};
use http::Request;
use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn event(id: &str) -> Event {
    Event::builder().id(id).source("/tests").ty("com.example.test").text("payload").build().unwrap()
}

pub(crate) fn client() -> GuardedClient {
    let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
    GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder()).unwrap()
}

/// Quick retries, for ten seconds. Nothing but a target that hangs takes the time of an attempt, of which requests without retries have to
/// begin within the first half.
pub(crate) fn options() -> WebhookSenderOptions {
    let mut options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
    options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(10_000 * MS);
    options.timeout = 8000 * MS;
    options.first_pause = 20 * MS;
    options
}

pub(crate) fn accepted() -> Respond {
    Respond::status("204 No Content", "")
}

/// The undelivered ones.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<Undelivered>>>);

impl UndeliveredSink for Kept {
    async fn put(&self, delivery: Undelivered) -> Result<(), Error> {
        self.0.lock().unwrap().push(delivery);
        Ok(())
    }
}

impl Kept {
    pub(crate) fn all(&self) -> Vec<Undelivered> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn open(target: Target, options: WebhookSenderOptions) -> (WebhookSender, Sender, Kept) {
    let kept = Kept::default();
    let webhooks = WebhookSender::new(client(), options.with_undelivered(kept.clone()));
    webhooks.add(target).unwrap();
    (webhooks.clone(), webhooks.into_sender(), kept)
}

fn methods(target: &TestTarget) -> Vec<String> {
    target.requests().into_iter().map(|request| request.method).collect()
}

#[tokio::test]
async fn consent_then_deliveries_that_name_the_origin() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let hook = Target::new(target.url("/hook?a=1")).rate(Rate::per_minute(120).unwrap()).token(TOKEN);
    let (_, sender, _) = open(hook, options());
    soon(sender.send(Outgoing::from(&event("1")).header("traceparent", "00-1-2-01"))).await.unwrap();
    soon(sender.send(&event("2"))).await.unwrap();

    assert_eq!(methods(&target), ["OPTIONS", "POST", "POST"]); // consent is cached
    let requests = target.requests();
    assert!(requests.iter().all(|request| request.path == "/hook?a=1"));
    assert!(
        requests
            .iter()
            .all(|request| { request.header("webhook-request-origin") == Some("eventemitter.example.com") })
    );
    assert_eq!(requests[0].header("webhook-request-rate"), Some("120"));
    assert_eq!(requests[0].header("authorization"), None);
    let delivery = &requests[1];
    assert_eq!(delivery.header("authorization"), Some("Bearer mF_9.B5f-4.1JqM"));
    assert_eq!((delivery.header("ce-id"), delivery.header("traceparent")), (Some("1"), Some("00-1-2-01")));
    assert_eq!(delivery.body, b"payload");
    soon(sender.close()).await.unwrap();
}

#[tokio::test]
async fn without_consent_nothing_is_delivered() {
    for handshake in [
        Respond::status("200 OK", "allow: POST\r\n"),
        Respond::status("405 Method Not Allowed", "allow: POST\r\n"),
        Respond::status("403 Forbidden", ""),
        Respond::status("302 Found", "location: http://127.0.0.1:1/\r\nwebhook-allowed-rate: *\r\n"),
        // Grants that do not match.
        Respond::status("200 OK", "webhook-allowed-origin: other.example\r\nwebhook-allowed-rate: *\r\n"),
        Respond::status(
            "200 OK",
            "webhook-allowed-origin: eventemitter.example.com.evil.example\r\nwebhook-allowed-rate: *\r\n",
        ),
        Respond::status("200 OK", "webhook-allowed-origin: *\r\nwebhook-allowed-rate: 0\r\n"),
        Respond::status(
            "200 OK",
            "webhook-allowed-origin: *\r\nwebhook-allowed-origin: *\r\nwebhook-allowed-rate: 1\r\n",
        ),
    ] {
        let target = TestTarget::start(handshake.clone(), [accepted()]).await;
        let mut options = options();
        options.retry = RetrySchedule::new([]);
        let (_, sender, kept) = open(Target::new(target.url("/hook")), options);
        for _ in 0..2 {
            let error = soon(sender.send(&event("1"))).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.is_temporary()),
                (ErrorKind::Refused, true), // nothing was delivered that the target could refuse
                "{handshake:?}: {error}"
            );
        }
        assert_eq!(methods(&target), ["OPTIONS"], "{handshake:?}"); // the refusal is cached, too
        assert_eq!(kept.all().len(), 2);
    }
}

#[tokio::test]
async fn a_target_that_knows_no_handshake_can_be_delivered_to_slowly() {
    let target = TestTarget::start(Respond::status("405 Method Not Allowed", ""), [accepted()]).await;
    let mut options = options();
    options.without_consent = WithoutConsent::Slow(Rate::per_minute(600).unwrap());
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    let begin = Instant::now();
    soon(sender.send_all([&event("1"), &event("2"), &event("3")])).await.unwrap();
    let at: Vec<Instant> = target.deliveries().iter().map(|request| request.at).collect();
    // From the beginning, because a busy machine delays the first one, and none comes too early.
    assert!(at[1] - begin >= 100 * MS && at[2] - begin >= 200 * MS, "{at:?}");
    // One that refuses is another matter.
    let target = TestTarget::start(Respond::status("403 Forbidden", ""), [accepted()]).await;
    let mut options = self::options();
    options.without_consent = WithoutConsent::Slow(Rate::unlimited());
    options.retry = RetrySchedule::new([]);
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    soon(sender.send(&event("1"))).await.unwrap_err();
}

#[tokio::test]
async fn deliveries_keep_to_this_instances_part_of_the_granted_rate() {
    let target = TestTarget::start(Respond::agree("1200"), [accepted()]).await;
    let mut options = options();
    options.instances = 2.try_into().unwrap();
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    let begin = Instant::now();
    soon(sender.send_all((0..4).map(|id| event(&id.to_string())))).await.unwrap();
    let at: Vec<Instant> = target.deliveries().iter().map(|request| request.at).collect();
    // A delivery every 100 ms: three intervals.
    assert!(at[3] - begin >= 300 * MS, "{at:?}");
}

#[tokio::test]
async fn an_agreed_target_is_not_asked() {
    let target = TestTarget::start(Respond::HangUp, [accepted()]).await;
    let hook = Target::new(target.url("/hook")).agreed(Rate::unlimited());
    let (_, sender, _) = open(hook, options());
    soon(sender.send(&event("1"))).await.unwrap();
    assert_eq!(methods(&target), ["POST"]);
}

#[tokio::test]
async fn retries_carry_the_same_id_and_a_new_signature() {
    let target = TestTarget::start(
        Respond::agree("*"),
        [Respond::status("500 Internal Server Error", ""), Respond::HangUp, accepted()],
    )
    .await;
    let hook = Target::new(target.url("/hook")).sign(StandardSigner::new(SECRET).unwrap());
    let (_, sender, kept) = open(hook, options());
    soon(sender.send(&event("1"))).await.unwrap();
    let deliveries = target.deliveries();
    assert_eq!(deliveries.len(), 3);
    let verifier = StandardWebhooks::new(SECRET).unwrap();
    for delivery in &deliveries {
        assert_eq!(delivery.header("webhook-id"), deliveries[0].header("webhook-id"));
        // The signature covers the body, so the event is in it.
        assert_eq!(delivery.header("content-type"), Some("application/cloudevents+json"));
        assert_eq!(delivery.header("ce-id"), None);
        verifier.verify(&parts(delivery, &target), &delivery.body, SystemTime::now()).unwrap();
    }
    assert!(kept.all().is_empty());

    // The id is that of the event, and of no other.
    soon(sender.send(&event("1"))).await.unwrap();
    soon(sender.send(&event("2"))).await.unwrap();
    let ids: Vec<_> =
        target.deliveries().iter().map(|d| d.header("webhook-id").unwrap().to_owned()).collect();
    assert!(ids[3] == ids[0] && ids[4] != ids[0]);
}

/// The head of a request, as a verifier sees it.
fn parts(request: &TargetRequest, target: &TestTarget) -> http::request::Parts {
    let mut built = Request::post(format!("http://{}{}", target.address(), request.path));
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    built.body(()).unwrap().into_parts().0
}

#[tokio::test]
async fn a_signature_of_the_attributes_allows_binary_mode() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let key = SigningKey::ed25519([7; 32]).unwrap();
    let hook = Target::new(target.url("/hook")).sign(MessageSigner::new("2026", key.clone()));
    let (_, sender, _) = open(hook, options());
    soon(sender.send(&event("1"))).await.unwrap();
    let delivery = &target.deliveries()[0];
    assert_eq!((delivery.header("ce-id"), delivery.body.as_slice()), (Some("1"), b"payload".as_slice()));
    let verifier = MessageSignatures::new(&target.address().to_string(), "2026", key.verifying_key());
    let verified = verifier.verify(&parts(delivery, &target), &delivery.body, SystemTime::now()).unwrap();
    assert_eq!(verified.coverage, Coverage::Attributes);
}

#[tokio::test]
async fn an_event_without_payload_goes_as_a_document() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let (_, sender, _) = open(Target::new(target.url("/hook")), options());
    soon(sender.send(&Event::builder().id("1").source("/s").ty("t").build().unwrap())).await.unwrap();
    let delivery = &target.deliveries()[0];
    assert_eq!(delivery.header("content-type"), Some("application/cloudevents+json"));
    assert!(!delivery.body.is_empty());
}

#[tokio::test]
async fn a_token_in_the_query_is_not_stored() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let hook = Target::new(target.url("/hook?p=q")).token("a&b").token_in_query();
    let (_, sender, _) = open(hook, options());
    soon(sender.send(&event("1"))).await.unwrap();
    let (asked, delivered) = (&target.requests()[0], &target.requests()[1]);
    assert_eq!((asked.path.as_str(), delivered.path.as_str()), ("/hook?p=q", "/hook?p=q&access_token=a%26b"));
    assert_eq!(delivered.header("cache-control"), Some("no-store"));
    assert_eq!(delivered.header("authorization"), None);
}

#[tokio::test]
async fn retry_after_is_kept_by_all_deliveries_to_the_target() {
    for date in [false, true] {
        let (started, wall) = (Instant::now(), SystemTime::now());
        let wait = match date {
            true => httpdate::fmt_http_date(wall + Duration::from_secs(2)),
            false => "1".to_owned(),
        };
        let overloaded = Respond::status("429 Too Many Requests", &format!("retry-after: {wait}\r\n"));
        let target = TestTarget::start(Respond::agree("*"), [overloaded, accepted()]).await;
        let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options());
        let mut changes = webhooks.changes();
        let first = sender.enqueue(&event("1")).await.unwrap();
        soon(target.wait_for(2)).await;
        let paused = soon(changes.next()).await.unwrap();
        assert!(matches!(paused.state, TargetState::Paused { until: Some(_), reason: Reason::Throttled }));
        let second = sender.enqueue(&event("2")).await.unwrap();
        soon(first).await.unwrap();
        soon(second).await.unwrap();
        assert_eq!(soon(changes.next()).await.unwrap().state, TargetState::Active);
        let at: Vec<Instant> = target.deliveries().iter().map(|request| request.at).collect();
        // A date has whole seconds, and counts from the clock on the wall.
        let earliest = match date {
            true => started + httpdate::parse_http_date(&wait).unwrap().duration_since(wall).unwrap(),
            false => at[0] + Duration::from_secs(1),
        };
        // The response took a moment to arrive.
        assert!(at[1] + 20 * MS >= earliest && at[2] + 20 * MS >= earliest, "{wait}: {at:?}");
    }
}

#[tokio::test]
async fn a_retry_after_of_a_century_gives_up_and_pauses() {
    // Seconds since 1970, too.
    for wait in ["1795219200", "3155760000", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let overloaded = Respond::status("429 Too Many Requests", &format!("retry-after: {wait}\r\n"));
        let target = TestTarget::start(Respond::agree("*"), [overloaded]).await;
        let (webhooks, sender, kept) = open(Target::new(target.url("/hook")).named("hook"), options());
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(24 * 3600)), "{wait}: {error}");
        let again = soon(sender.send(&event("2"))).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Timeout, "{wait}");
        assert!(matches!(webhooks.state("hook"), Some(TargetState::Paused { .. })));
        assert_eq!(target.deliveries().len(), 1, "{wait}");
        let kept = kept.all();
        assert_eq!((kept.len(), kept[0].attempts.len(), kept[1].attempts.len()), (2, 1, 0));
        assert_eq!(kept[0].attempts[0].status.unwrap(), 429);
    }
}

#[tokio::test]
async fn overload_without_end_ends_at_the_deadline() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::status("429 Too Many Requests", "")]).await;
    let mut options = options();
    options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(5000 * MS);
    let (_, sender, kept) = open(Target::new(target.url("/hook")), options);
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(target.deliveries().len() > 2);
    assert!(kept.all()[0].attempts.len() > 2);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = TestTarget::start(
        Respond::agree("*"),
        [Respond::status("308 Permanent Redirect", "location: /hook\r\n")],
    )
    .await;
    let (_, sender, _) = open(Target::new(target.url("/hook")), options());
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_temporary(), error.clause()),
        (ErrorKind::Refused, false, Some("WEBHOOK-2.2-c"))
    );
    assert_eq!(methods(&target), ["OPTIONS", "POST"]);
}

#[tokio::test]
async fn a_retired_target_is_disabled_until_it_is_resumed() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::status("410 Gone", ""), accepted()]).await;
    let (webhooks, sender, kept) = open(Target::new(target.url("/hook")).named("hook"), options());
    let mut changes = webhooks.changes();
    soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!(soon(changes.next()).await.unwrap().state, TargetState::Disabled(Reason::Gone));
    let error = soon(sender.send(&event("2"))).await.unwrap_err();
    assert!(error.to_string().contains("retired"), "{error}");
    assert_eq!((target.deliveries().len(), kept.all().len()), (1, 1));
    webhooks.resume("hook").unwrap();
    soon(sender.send(&event("3"))).await.unwrap();
    assert_eq!(soon(changes.next()).await.unwrap().state, TargetState::Active);
}

#[tokio::test]
async fn a_target_that_fails_is_paused_and_probed() {
    let fails = Respond::status("500 Internal Server Error", "");
    let responses = std::iter::repeat_n(fails, 4).chain([accepted()]);
    let target = TestTarget::start(Respond::agree("*"), responses).await;
    let mut options = options();
    (options.failures, options.first_pause) = (3, 150 * MS);
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    let mut changes = webhooks.changes();
    soon(sender.send(&event("1"))).await.unwrap();
    let mut states = Vec::new();
    for _ in 0..3 {
        states.push(soon(changes.next()).await.unwrap().state);
    }
    assert!(matches!(states[0], TargetState::Paused { reason: Reason::Failing, .. }));
    assert!(
        matches!(states[1], TargetState::Paused { reason: Reason::Failing, .. }) && states[0] != states[1]
    );
    assert_eq!(states[2], TargetState::Active);
    let at: Vec<Instant> = target.deliveries().iter().map(|request| request.at).collect();
    assert!(at[3] - at[2] >= 140 * MS && at[4] - at[3] >= 290 * MS, "{at:?}");
}

#[tokio::test]
async fn a_paused_target_waits_and_a_disabled_one_gives_up() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let (webhooks, sender, kept) = open(Target::new(target.url("/hook")).named("hook"), options());
    webhooks.pause("hook", None).unwrap();
    let first = sender.enqueue(&event("1")).await.unwrap();
    tokio::task::yield_now().await;
    webhooks.resume("hook").unwrap();
    soon(first).await.unwrap();
    webhooks.pause("hook", None).unwrap();
    let second = sender.enqueue(&event("2")).await.unwrap();
    webhooks.disable("hook").unwrap();
    assert_eq!(soon(second).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!((target.deliveries().len(), kept.all().len()), (1, 1));
    assert_eq!(webhooks.pause("other", None).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn one_attempt_for_an_outbox_that_keeps_the_rest() {
    let overloaded = Respond::status("503 Service Unavailable", "retry-after: 120\r\n");
    let target = TestTarget::start(Respond::agree("*"), [overloaded]).await;
    let mut options = options();
    options.retry = RetrySchedule::new([]);
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    // The target is paused: nothing is sent, and the wait is known at once.
    let error = soon(sender.send(&event("2"))).await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(110));
    assert_eq!(target.deliveries().len(), 1);
}

#[tokio::test]
async fn one_delivery_at_a_time_keeps_the_order() {
    let unavailable = Respond::status("503 Service Unavailable", "");
    let responses = [accepted(), unavailable.clone(), unavailable, accepted()];
    let target = TestTarget::start(Respond::agree("*"), responses).await;
    let mut options = options();
    options.per_target = 1;
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    let events: Vec<Event> = (1..=9).map(|id| event(&id.to_string())).collect();
    soon(sender.send_all(&events)).await.unwrap();
    let ids: Vec<String> =
        target.deliveries().iter().map(|request| request.header("ce-id").unwrap().to_owned()).collect();
    assert_eq!(ids, ["1", "2", "2", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

/// Resolves every name to this machine.
struct Here;

impl Resolve for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

#[tokio::test]
async fn the_guard_refuses_before_anything_is_sent() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let strict = GuardedClient::new(UrlGuard::new(), Here, reqwest::Client::builder()).unwrap();
    let webhooks = WebhookSender::new(strict, options());
    for url in [
        target.url("/hook").as_str(),
        "https://127.0.0.1/hook",
        "https://user@example.com/",
        "file:///etc/passwd",
    ] {
        assert_eq!(webhooks.add(Target::new(url)).unwrap_err().kind(), ErrorKind::Refused, "{url}");
    }
    assert!(target.requests().is_empty());
    // A name that resolves to this machine is found out when it is connected to.
    let public = UrlGuard::new().allow_http().allow_any_port();
    let webhooks =
        WebhookSender::new(GuardedClient::new(public, Here, reqwest::Client::builder()).unwrap(), options());
    let url = format!("http://partner.example:{}/hook", target.address().port());
    webhooks.add(Target::new(url)).unwrap();
    let error = soon(webhooks.into_sender().send(&event("1"))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert!(error.to_string().contains("loopback"), "{error}");
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn a_hostile_target_takes_neither_time_nor_memory() {
    for response in [
        Respond::EndlessBody,
        Respond::HeaderFlood,
        Respond::Drip(50 * MS),
        Respond::Silence,
        Respond::HangUp,
    ] {
        let target = TestTarget::start(Respond::agree("*"), [response.clone()]).await;
        let mut options = options();
        options.retry = RetrySchedule::new([]);
        // The others end by themselves.
        if matches!(response, Respond::Drip(_) | Respond::Silence) {
            options.timeout = 600 * MS;
        }
        let (_, sender, _) = open(Target::new(target.url("/hook")), options);
        let started = Instant::now();
        let sent = soon(sender.send(&event("1"))).await;
        assert!(started.elapsed() < 5000 * MS, "{response:?}");
        match response {
            // The status has arrived: the event is there. The rest of the body is not read.
            Respond::EndlessBody => drop(sent.unwrap()),
            // An outbox takes it for a target that does not respond.
            Respond::HangUp => assert_eq!(sent.unwrap_err().kind(), ErrorKind::Disconnected),
            _ => assert!(sent.unwrap_err().is_temporary(), "{response:?}"),
        }
    }
    // And so in the handshake.
    for response in [Respond::EndlessBody, Respond::HeaderFlood, Respond::Drip(50 * MS), Respond::Silence] {
        let target = TestTarget::start(response, [accepted()]).await;
        let mut options = options();
        (options.timeout, options.retry) = (600 * MS, RetrySchedule::new([]));
        let (_, sender, _) = open(Target::new(target.url("/hook")), options);
        soon(sender.send(&event("1"))).await.unwrap_err();
        assert!(target.deliveries().is_empty());
    }
}

#[tokio::test]
async fn consent_by_callback_is_given_once_and_expires() {
    let target = TestTarget::start(Respond::status("202 Accepted", ""), [accepted()]).await;
    let mut options = options();
    options.callback = Some("https://eventemitter.example.com/callback".into());
    let hook = Target::new(target.url("/hook")).named("hook 1").rate(Rate::per_minute(6000).unwrap());
    let (webhooks, sender, _) = open(hook, options.clone());
    assert_eq!(soon(webhooks.register("hook 1")).await.unwrap(), Registered::Pending);
    let waiting = sender.enqueue(&event("1")).await.unwrap();
    let state = webhooks.state("hook 1").unwrap();
    assert!(matches!(state, TargetState::Paused { reason: Reason::AwaitingConsent, .. }));

    let callback = target.requests()[0].header("webhook-request-callback").unwrap().to_owned();
    assert!(callback.starts_with("https://eventemitter.example.com/callback?id=hook+1&key="));
    let call = |method: &str, url: &str, rate: Option<&str>| {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(rate) = rate {
            request = request.header("webhook-allowed-rate", rate);
        }
        webhooks.callback(&request.body(()).unwrap().into_parts().0).status().as_u16()
    };
    assert_eq!(call("PUT", &callback, None), 405);
    assert_eq!(call("GET", &callback.replace("hook+1", "hook+2"), None), 404);
    assert_eq!(call("GET", "https://eventemitter.example.com/callback?id=hook+1&key=guess", None), 404);
    assert_eq!(call("POST", &callback, Some("0")), 400);
    assert_eq!(call("GET", &callback, None), 200);
    assert_eq!(call("GET", &callback, None), 404, "a key is used once");
    soon(waiting).await.unwrap();
    assert_eq!(webhooks.state("hook 1"), Some(TargetState::Active));

    // POST agrees, too, with a rate of its own; an expired key does not.
    for (lifetime, status) in [(3_600_000 * MS, 200), (Duration::ZERO, 404)] {
        let target = TestTarget::start(Respond::status("202 Accepted", ""), [accepted()]).await;
        options.callback_lifetime = lifetime;
        let (webhooks, _, _) = open(Target::new(target.url("/hook")).named("hook"), options.clone());
        assert_eq!(soon(webhooks.register("hook")).await.unwrap(), Registered::Pending);
        let callback = target.requests()[0].header("webhook-request-callback").unwrap().to_owned();
        let request = Request::post(callback).header("webhook-allowed-rate", "5").body(()).unwrap();
        assert_eq!(webhooks.callback(&request.into_parts().0).status(), status);
    }
}

/// A target may call back before it has answered the handshake.
#[tokio::test]
async fn consent_that_comes_before_the_response_to_the_handshake_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options();
    options.callback = Some("https://eventemitter.example.com/callback".into());
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (webhooks, sender, _) = open(Target::new(url).named("hook"), options);
    let sending = tokio::spawn(async move { sender.send(&event("1")).await });
    let mut open = Vec::new();
    for answer in ["202 Accepted\r\ncontent-length: 0", "204 No Content"] {
        let (mut stream, _) = soon(listener.accept()).await.unwrap();
        let mut head = String::new();
        while !head.contains("\r\n\r\n") {
            let mut buffer = [0; 4096];
            let length = soon(stream.read(&mut buffer)).await.unwrap();
            assert_ne!(length, 0, "{head}");
            head.push_str(str::from_utf8(&buffer[..length]).unwrap());
        }
        let callback = head.lines().find_map(|line| line.strip_prefix("webhook-request-callback: "));
        if let Some(callback) = callback {
            let request = Request::get(callback).body(()).unwrap().into_parts().0;
            assert_eq!(webhooks.callback(&request).status(), 200);
        }
        let answer = format!("HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        open.push(stream); // what is not read of a request resets a connection that is dropped
    }
    soon(sending).await.unwrap().unwrap();
    assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
}

/// Consent may come at any time: how long the callback is good for says nothing of when.
#[tokio::test]
async fn a_delivery_waits_for_consent_that_may_come_later_than_its_deadline() {
    for (deadline, lifetime) in [(10_000 * MS, 3_600_000 * MS), (10_000 * MS, Duration::MAX)] {
        let target = TestTarget::start(Respond::status("202 Accepted", ""), [accepted()]).await;
        let mut options = options();
        options.callback = Some("https://eventemitter.example.com/callback".into());
        options.callback_lifetime = lifetime;
        options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(deadline);
        let (webhooks, sender, kept) = open(Target::new(target.url("/hook")).named("hook"), options.clone());
        let sending = tokio::spawn(async move { sender.send(&event("1")).await });
        soon(async {
            while !matches!(
                webhooks.state("hook"),
                Some(TargetState::Paused { reason: Reason::AwaitingConsent, .. })
            ) {
                tokio::time::sleep(MS).await;
            }
        })
        .await;
        tokio::time::sleep(50 * MS).await; // what is given up, is given up now
        assert_eq!(kept.all().len(), 0);
        let callback = target.requests()[0].header("webhook-request-callback").unwrap().to_owned();
        let request = Request::get(callback).body(()).unwrap().into_parts().0;
        assert_eq!(webhooks.callback(&request).status(), 200);
        soon(sending).await.unwrap().unwrap();
        // And until its deadline, if none comes.
        let target = TestTarget::start(Respond::status("202 Accepted", ""), []).await;
        options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(200 * MS);
        let (_, sender, kept) = open(Target::new(target.url("/hook")).named("hook"), options);
        let begun = std::time::Instant::now();
        assert!(soon(sender.send(&event("1"))).await.is_err());
        assert!(begun.elapsed() >= 200 * MS, "{:?}", begun.elapsed());
        assert_eq!(kept.all().len(), 1);
    }
}

#[tokio::test]
async fn a_target_that_hangs_leaves_room_for_the_others() {
    let hanging = TestTarget::start(Respond::agree("*"), [Respond::Silence]).await;
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let mut options = options();
    (options.per_target, options.in_flight.messages) = (2, 4);
    let (webhooks, sender, _) = open(Target::new(hanging.url("/hook")).named("hanging"), options);
    webhooks.add(Target::new(target.url("/hook")).named("good")).unwrap();
    let to = |id: &str, name: &str| Outgoing::from(&event(id)).to(name);
    let _open = [
        sender.enqueue(to("1", "hanging")).await.unwrap(),
        sender.enqueue(to("2", "hanging")).await.unwrap(),
    ];
    for id in 0..10 {
        soon(sender.send(to(&id.to_string(), "good"))).await.unwrap();
    }
    assert!(webhooks.remove("hanging") && !webhooks.remove("hanging"));
}

#[tokio::test]
async fn a_message_without_the_name_of_a_target_is_an_error_that_says_what_to_name() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("one"), options());
    webhooks.add(Target::new(target.url("/hook")).named("two")).unwrap();
    let misspelt = Outgoing::from(&event("2")).to("https://three.example/?token=secret");
    for (outgoing, says) in [
        (Outgoing::from(&event("1")), "no destination: name one of 2 targets with `Outgoing::to`"),
        (misspelt, "there is no such target: name one of 2 with `Outgoing::to`"),
    ] {
        let error = soon(sender.send(outgoing)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Unsupported && error.is_temporary(), "{error:?}");
        assert!(error.to_string().contains(says) && !error.to_string().contains("secret"), "{error}");
    }
    assert!(target.deliveries().is_empty());
}

/// The room of a target has its share of the bytes, too.
#[tokio::test]
async fn large_deliveries_to_a_target_that_hangs_leave_room_for_the_others() {
    for (messages, bytes, size) in [(8, 4000, 1500), (7, 10_000, 3000)] {
        let hanging = TestTarget::start(Respond::agree("*"), [Respond::Silence]).await;
        let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
        let mut options = options();
        options.in_flight = Bounds { messages, bytes };
        options.per_target = 4;
        let (webhooks, sender, _) = open(Target::new(hanging.url("/hook")).named("hanging"), options);
        webhooks.add(Target::new(target.url("/hook")).named("good")).unwrap();
        let large = |id: &str, name: &str| {
            let event = Event::builder().id(id).source("/tests").ty("com.example.test");
            Outgoing::from(&event.text("x".repeat(size)).build().unwrap()).to(name)
        };
        let _open = [
            sender.enqueue(large("1", "hanging")).await.unwrap(),
            sender.enqueue(large("2", "hanging")).await.unwrap(),
        ];
        tokio::select! {
            _ = sender.enqueue(large("3", "hanging")) => panic!("it takes the room of the others"),
            () = async {
                for id in 0..10 {
                    soon(sender.send(large(&id.to_string(), "good"))).await.unwrap();
                }
            } => {}
        }
    }
}

/// It keeps its place until its deadline.
#[tokio::test]
async fn one_large_delivery_that_fails_leaves_room_for_others_to_its_target() {
    let respond = async |body: axum::body::Bytes| {
        if body.len() > 2000 { http::StatusCode::BAD_GATEWAY } else { http::StatusCode::NO_CONTENT }
    };
    let app = axum::Router::new().route("/hook", axum::routing::post(respond));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut options = options();
    (options.in_flight, options.per_target) = (Bounds { messages: 8, bytes: 4000 }, 4);
    options.failures = u32::MAX;
    options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(600_000 * MS);
    let (_, sender, _) = open(Target::new(url).agreed(Rate::unlimited()), options);
    let large = Event::builder().id("large").source("/tests").ty("com.example.test");
    let _waits = sender.enqueue(&large.text("x".repeat(2500)).build().unwrap()).await.unwrap();
    soon(sender.send(&event("small"))).await.unwrap();
}

/// The bytes of a target are at least a sixteenth.
#[tokio::test]
async fn a_sender_that_is_bounded_by_bytes_alone_delivers_at_once() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::Silence]).await;
    let mut options = options();
    options.in_flight.messages = usize::MAX;
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    let _first = soon(sender.enqueue(&event("1"))).await.unwrap();
    let _second = soon(sender.enqueue(&event("2"))).await.unwrap();
}

#[tokio::test]
async fn a_refusal_of_the_sender_gives_nothing_up_until_another_delivery_passes() {
    // The token is refused for a while: for all deliveries, and so for none of them in particular.
    for refusal in ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required"] {
        let refused = std::iter::repeat_n(Respond::status(refusal, ""), 12);
        let target = TestTarget::start(Respond::agree("*"), refused.chain([accepted()])).await;
        let (_, sender, kept) = open(Target::new(target.url("/hook")), options());
        soon(sender.send_all((0..50).map(|id| event(&id.to_string())))).await.unwrap();
        assert_eq!((kept.all().len(), target.deliveries().len()), (0, 62), "{refusal}");
    }
    // And the handshake.
    let target = TestTarget::start(Respond::status("403 Forbidden", ""), [accepted()]).await;
    let mut options = options();
    options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(300 * MS);
    let (_, sender, kept) = open(Target::new(target.url("/hook")), options);
    let begun = Instant::now();
    soon(sender.send(&event("1"))).await.unwrap_err();
    assert!(begun.elapsed() >= 100 * MS && kept.all().len() == 1, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_delivery_that_is_refused_while_others_pass_is_given_up() {
    let target = PickyTarget::start().await;
    let (_, sender, kept) = open(Target::new(target.url.clone()).agreed(Rate::unlimited()), options());
    let refused = sender.enqueue(&event("refused")).await.unwrap();
    // The second attempt begins when the sender knows of the first refusal.
    soon(target.seen("refused", 2)).await;
    soon(sender.send(&event("1"))).await.unwrap();
    let error = soon(refused).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    assert_eq!(kept.all().len(), 1);
}

/// A target that refuses the event with the id `refused` by 403.
struct PickyTarget {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl PickyTarget {
    async fn start() -> Self {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&seen);
        let respond = move |headers: http::HeaderMap| async move {
            let id = headers["ce-id"].to_str().unwrap().to_owned();
            let is_refused = id == "refused";
            noted.lock().unwrap().push(id);
            if is_refused { http::StatusCode::FORBIDDEN } else { http::StatusCode::NO_CONTENT }
        };
        let app = axum::Router::new().route("/hook", axum::routing::post(respond));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    async fn seen(&self, id: &str, times: usize) {
        while self.seen.lock().unwrap().iter().filter(|seen| *seen == id).count() < times {
            tokio::time::sleep(MS).await;
        }
    }
}

#[tokio::test]
async fn an_outbox_learns_which_refusals_are_about_the_message() {
    for (status, is_own) in [
        ("400 Bad Request", true),
        ("422 Unprocessable Content", true),
        ("401 Unauthorized", false),
        ("404 Not Found", false),
    ] {
        let target = TestTarget::start(Respond::agree("*"), [Respond::status(status, "")]).await;
        let mut options = options();
        options.retry = RetrySchedule::new([]);
        let (_, sender, _) = open(Target::new(target.url("/hook")), options);
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        assert_eq!(
            (sender.refuses_message(&error), error.is_temporary()),
            (is_own, false),
            "{status}: {error}"
        );
    }
}

#[tokio::test]
async fn one_deadline_contains_all_waits_of_an_attempt() {
    // The second delivery waits for the rate, for three seconds, and then for a target that hangs.
    let target = TestTarget::start(Respond::agree("20"), [accepted(), Respond::Silence]).await;
    let mut options = options();
    (options.retry, options.timeout) = (RetrySchedule::new([]), 12_000 * MS);
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    soon(sender.send(&event("1"))).await.unwrap();
    let begun = Instant::now();
    let error = soon(sender.send(&event("2"))).await.unwrap_err();
    assert_eq!((error.kind(), target.deliveries().len()), (ErrorKind::Timeout, 2));
    assert!(begun.elapsed() < 14_500 * MS, "{:?}", begun.elapsed());
}

/// A handshake leaves the request what is left of the time of the attempt.
#[tokio::test]
async fn an_attempt_has_one_time_for_handshake_and_delivery() {
    let agree = async || {
        tokio::time::sleep(4000 * MS).await;
        [("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "*"), ("allow", "POST")]
    };
    let hang = async || std::future::pending::<()>().await;
    let app = axum::Router::new().route("/hook", axum::routing::options(agree).post(hang));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut options = options();
    options.timeout = 5000 * MS;
    options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(6000 * MS);
    let (_, sender, kept) = open(Target::new(url), options);
    soon(sender.send(&event("1"))).await.unwrap_err();
    let first = kept.all()[0].attempts[0].latency;
    assert!(first >= 4000 * MS && first < 8500 * MS, "{first:?}");
}

/// What comes in the request line is what was signed.
#[tokio::test]
async fn the_url_that_is_signed_is_the_one_that_is_sent() {
    let key = SigningKey::ed25519([7; 32]).unwrap();
    for (path, sent) in [
        ("/hooks/{id}", "/hooks/{id}"),
        ("/hooks/<id>", "/hooks/%3Cid%3E"),
        ("/a/../hook", "/hook"),
        ("/a/./b//c", "/a/b//c"),
        ("/h\u{fc}te?q=\u{fc} x", "/h%C3%BCte?q=%C3%BC%20x"),
        ("/hook#part", "/hook"),
    ] {
        let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
        let hook = Target::new(target.url(path)).sign(MessageSigner::new("2026", key.clone()));
        let (_, sender, _) = open(hook, options());
        soon(sender.send(&event("1"))).await.unwrap_or_else(|error| panic!("{path}: {error:#}"));
        let delivery = &target.deliveries()[0];
        let path_and_query = delivery.path.clone();
        let verifier = MessageSignatures::new(&target.address().to_string(), "2026", key.verifying_key());
        let verified = verifier.verify(&parts(delivery, &target), &delivery.body, SystemTime::now());
        assert!(verified.is_ok(), "{path}: {verified:?}");
        assert!(path_and_query == sent || path_and_query == sent.replace('{', "%7B").replace('}', "%7D"));
    }
}

#[test]
fn the_name_of_a_target_does_not_tell_its_url() {
    let name = |url: &str| Target::new(url).name().to_owned();
    let url = "https://hooks.example.com/T024BE7LH/B03V7KAN2/pXc8Zb3nTqWm?key=secret";
    assert!(name(url).starts_with("hooks.example.com#"), "{}", name(url));
    for secret in ["T024BE7LH", "B03V7KAN2", "pXc8Zb3nTqWm", "secret"] {
        assert!(!name(url).contains(secret), "{}", name(url));
    }
    assert_eq!(name(url), name(url));
    assert_ne!(name(url), name("https://hooks.example.com/T024BE7LH/B03V7KAN2/pXc8Zb3nTqWn?key=secret"));
}

#[tokio::test]
async fn secrets_that_a_target_repeats_are_not_in_errors() {
    let (token, capability) = ("s3cr3t/T0kenLong+Value==", "pXc8Zb3nTqWmEXAMPLE0");
    let echoes = [
        format!("you sent Bearer {token}"),
        "you sent s3cr3t%2FT0kenLong%2BValue%3D%3D".to_owned(),
        r#"{"token":"s3cr3t\/T0kenLong\u002bValue\u003d="}"#.to_owned(),
        format!("{}{token}", " x".repeat(507)), // where an excerpt ends
        format!("no such hook: /hooks/{capability}"),
    ];
    let refusal = |body: &str| {
        Respond::Raw(format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    };
    for echo in echoes {
        let target = TestTarget::start(Respond::agree("*"), [refusal(&echo)]).await;
        let hook = Target::new(target.url(&format!("/hooks/{capability}"))).token(token);
        let (_, sender, kept) = open(hook, options());
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        let shown = format!("{error:#} {error:?} {:?}", kept.all());
        for secret in ["s3cr3t", "T0ken", "pXc8Zb"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("400 Bad Request"), "{shown}");
    }
    // What is no secret stays, in one line, and without what acts on a terminal.
    let target =
        TestTarget::start(Respond::agree("*"), [refusal("no\nsuch \u{1b}[2J\u{9b}2J\u{61c}hook")]).await;
    let (_, sender, _) = open(Target::new(target.url("/hook")).token(token), options());
    let error = soon(sender.send(&event("1"))).await.unwrap_err().to_string();
    assert!(error.contains(r"no\nsuch \u{1b}[2J\u{9b}2J\u{61c}hook"), "{error}");
}
