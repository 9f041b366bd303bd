//! What the sender waits for by itself, what the target requests, and which failures are about the sender.

use crate::{
    sender::{MS, accepted, event, open, options},
    tools::{SECRET, TOKEN, soon},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::webhook::{Respond, TestTarget};
use cloudevents_transport::{Outgoing, binding::OwnWait};
use cloudevents_webhook::{
    deliver::{Practice, Reason, RetrySchedule, TargetState},
    handshake::Rate,
    reqwest013::{Target, TokenSource},
    signature::{Coverage, Sign, SignatureError, StandardSigner},
};
use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

const MINUTE: Duration = Duration::from_secs(60);

fn busy(status: &str, after: u32) -> Respond {
    Respond::status(status, &format!("retry-after: {after}\r\n"))
}

#[tokio::test]
async fn what_the_sender_waits_for_is_not_the_request_of_the_target() {
    for paused_by_hand in [false, true] {
        let target = TestTarget::start(Respond::agree("1"), [accepted()]).await;
        let mut options = options();
        (options.retry, options.timeout) = (RetrySchedule::new([]), 20_000 * MS);
        let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
        soon(sender.send(&event("1"))).await.unwrap();
        if paused_by_hand {
            webhooks.pause("hook", Some(Instant::now() + 10 * MINUTE)).unwrap();
        }
        let error = soon(sender.send(&event("2"))).await.unwrap_err();
        assert_eq!((error.retry_after(), error.is_temporary()), (None, true), "{error}");
        let wait = OwnWait::of(&error).unwrap();
        let (least, most) = if paused_by_hand { (9 * MINUTE, 10 * MINUTE) } else { (MINUTE / 2, MINUTE) };
        assert!(wait > least && wait <= most, "{wait:?}");
        assert!(!sender.refuses_message(&error));
        assert_eq!(target.deliveries().len(), 1);
    }
}

/// An outbox would wait for each, with a place that other targets need: sixteen targets that were paused would take all of them.
#[tokio::test]
async fn without_retries_a_target_that_is_paused_until_it_is_resumed_holds_no_place() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let mut options = options();
    (options.retry, options.timeout) = (RetrySchedule::new([]), MINUTE);
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    webhooks.pause("hook", None).unwrap();
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    let wait = OwnWait::of(&error).unwrap();
    // It may be resumed at any time, and an outbox gives up messages whose deadline is before the end of the wait.
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(5), "{wait:?}");
    assert!(error.is_temporary() && !sender.refuses_message(&error), "{error}");
    webhooks.resume("hook").unwrap();
    soon(sender.send(&event("1"))).await.unwrap();
    assert_eq!(target.deliveries().len(), 1);
}

/// The outbox knows how each attempt ended, and pauses the target by itself.
#[tokio::test]
async fn without_retries_failures_do_not_pause_the_target() {
    let fails = Respond::status("500 Internal Server Error", "");
    let target = TestTarget::start(Respond::agree("*"), [fails]).await;
    let mut options = options();
    (options.retry, options.failures, options.first_pause) = (RetrySchedule::new([]), 3, MINUTE);
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    for id in 0..6 {
        let error = soon(sender.send(&event(&id.to_string()))).await.unwrap_err();
        assert_eq!((error.retry_after(), OwnWait::of(&error)), (None, None), "{error}");
    }
    assert_eq!(target.deliveries().len(), 6);
    assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
}

/// Failures may be faster than successes.
#[tokio::test]
async fn a_target_does_not_pause_for_failures_while_an_earlier_delivery_runs() {
    let fails = Respond::status("500 Internal Server Error", "");
    let target = TestTarget::start(Respond::agree("*"), [Respond::Silence, fails]).await;
    let mut options = options();
    (options.failures, options.first_pause, options.timeout) = (2, MINUTE, 1500 * MS);
    options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(10 * MINUTE);
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    let mut changes = webhooks.changes();
    let _slow = sender.enqueue(&event("1")).await.unwrap();
    soon(async {
        while target.deliveries().is_empty() {
            tokio::time::sleep(MS).await;
        }
    })
    .await;
    let _failing = sender.enqueue(&event("2")).await.unwrap();
    let state = soon(changes.next()).await.unwrap().state;
    assert!(matches!(state, TargetState::Paused { reason: Reason::Failing, .. }), "{state:?}");
    assert!(target.deliveries().len() > 4, "{:?}", target.deliveries());
}

/// Of a gateway that limits rates by 403, for example. In the handshake, too.
#[tokio::test]
async fn a_refusal_that_names_a_time_is_one_until_then() {
    for status in
        ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required", "413 Content Too Large"]
    {
        for handshake in [false, true] {
            let (asked, answered) = if handshake {
                (busy(status, 120), accepted())
            } else {
                (Respond::agree("*"), busy(status, 120))
            };
            let target = TestTarget::start(asked, [answered]).await;
            let mut options = options();
            options.retry = RetrySchedule::new([]);
            let (_, sender, _) = open(Target::new(target.url("/hook")), options);
            let error = soon(sender.send(&event("1"))).await.unwrap_err();
            assert_eq!(error.retry_after(), Some(2 * MINUTE), "{status}, handshake: {handshake}: {error}");
            assert!(!sender.refuses_message(&error));
        }
    }
}

/// A source of tokens that refuses at first.
struct Away {
    times: AtomicUsize,
    error: Error,
}

impl TokenSource for Away {
    async fn token(&self) -> Result<Box<str>, Error> {
        let left = self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() { Err(self.error.clone()) } else { Ok(TOKEN.into()) }
    }
}

#[tokio::test]
async fn a_token_that_is_refused_to_the_sender_loses_no_delivery() {
    for kind in [ErrorKind::Refused, ErrorKind::InvalidUrl, ErrorKind::InvalidData] {
        let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
        let away = || Away { times: AtomicUsize::new(3), error: Error::new(kind).with_detail("no grant") };
        let hook = || Target::new(target.url("/hook")).token_from(away());
        let (_, sender, kept) = open(hook(), options());
        soon(sender.send(&event("1"))).await.unwrap();
        assert_eq!((target.deliveries().len(), kept.all().len()), (1, 0));

        // In an outbox, it is about the sender, whatever passes.
        let mut options = options();
        options.retry = RetrySchedule::new([]);
        let (_, sender, _) = open(hook(), options);
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        assert!(!sender.refuses_message(&error) && error.is_temporary(), "{kind:?}: {error}");
        assert!(error.to_string().contains("no grant"), "{error}");
    }
}

/// Nothing was sent: the target did not fail.
#[tokio::test]
async fn a_missing_token_does_not_pause_the_target() {
    for is_temporary in [false, true] {
        let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
        let error = Error::new(ErrorKind::Unreachable).with_temporary(is_temporary);
        let hook = Target::new(target.url("/hook")).token_from(Away { times: AtomicUsize::new(3), error });
        let mut options = options();
        (options.failures, options.first_pause) = (1, MINUTE);
        let (webhooks, sender, _) = open(hook.named("hook"), options);
        soon(sender.send(&event("1"))).await.unwrap();
        assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
    }
}

/// A refused handshake counts for a minute, and is one failure.
#[tokio::test]
async fn a_refusal_that_is_remembered_is_no_failure_of_the_target() {
    let target = TestTarget::start(Respond::status("403 Forbidden", ""), [accepted()]).await;
    let mut options = options();
    (options.failures, options.first_pause) = (2, MINUTE);
    options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(300 * MS);
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    soon(webhooks.register("hook")).await.unwrap_err(); // without that deadline
    for id in 0..3 {
        soon(sender.send(&event(&id.to_string()))).await.unwrap_err();
    }
    assert_eq!((target.requests().len(), webhooks.state("hook")), (1, Some(TargetState::Active)));
}

/// The wait is not the target's, but the token endpoint's.
#[tokio::test]
async fn a_wait_that_a_token_endpoint_requests_is_the_senders() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let busy = Error::new(ErrorKind::Refused).with_retry_after(MINUTE);
    let hook = Target::new(target.url("/hook")).token_from(Away { times: AtomicUsize::new(1), error: busy });
    let mut options = options();
    options.retry = RetrySchedule::new([]);
    let (_, sender, _) = open(hook, options);
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!((error.retry_after(), OwnWait::of(&error)), (None, Some(MINUTE)), "{error}");
}

/// A refusal that the rules try again is not about the event, whatever its status.
#[tokio::test]
async fn a_refusal_that_is_tried_again_is_not_about_the_event() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::status("409 Conflict", "")]).await;
    for (practice, is_about_event) in [(Practice::Knative, false), (Practice::CloudEvents, true)] {
        let mut options = options();
        (options.retry, options.practice) = (RetrySchedule::new([]), practice);
        let (_, sender, _) = open(Target::new(target.url("/hook")), options);
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        let found = (sender.refuses_message(&error), error.is_temporary());
        assert_eq!(found, (is_about_event, !is_about_event), "{practice:?}: {error}");
    }
}

/// Another process adds it, or this one a moment later.
#[tokio::test]
async fn a_target_that_is_not_known_yet_loses_no_message() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options());
    let outgoing = || Outgoing::from(&event("1")).to("later");
    let error = soon(sender.send(outgoing())).await.unwrap_err();
    assert!(error.is_temporary() && !sender.refuses_message(&error), "{error}");
    webhooks.add(Target::new(target.url("/later")).named("later")).unwrap();
    soon(sender.send(outgoing())).await.unwrap();
    assert_eq!(target.deliveries()[0].path, "/later");
}

/// Many receivers respond 400 to a signature that does not fit.
#[tokio::test]
async fn a_bad_request_may_be_about_the_credentials_of_the_sender() {
    for has_credentials in [false, true] {
        let bad = Respond::status("400 Bad Request", "");
        let target = TestTarget::start(Respond::agree("*"), [bad.clone(), bad, accepted()]).await;
        let hook = || match has_credentials {
            false => Target::new(target.url("/hook")),
            true => Target::new(target.url("/hook")).sign(StandardSigner::new(SECRET).unwrap()),
        };
        let mut once = options();
        once.retry = RetrySchedule::new([]);
        let (_, sender, _) = open(hook(), once);
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        assert_eq!(
            (sender.refuses_message(&error), error.is_temporary()),
            (!has_credentials, false),
            "{error}"
        );
        let (_, sender, kept) = open(hook(), options());
        assert_eq!(soon(sender.send(&event("1"))).await.is_ok(), has_credentials);
        assert_eq!(kept.all().len(), usize::from(!has_credentials));
    }
}

#[tokio::test]
async fn a_target_that_is_added_again_keeps_its_pause() {
    let target = TestTarget::start(Respond::agree("*"), [busy("429 Too Many Requests", 60)]).await;
    let mut options = options();
    options.retry = RetrySchedule::new([]);
    let hook = |path: &str| Target::new(target.url(path)).named("hook");
    let (webhooks, sender, _) = open(hook("/hook"), options);
    soon(sender.send(&event("1"))).await.unwrap_err();
    let paused = webhooks.state("hook").unwrap();
    assert!(matches!(paused, TargetState::Paused { reason: Reason::Throttled, .. }));
    webhooks.add(hook("/hook").token("rotated")).unwrap();
    assert_eq!(webhooks.state("hook").unwrap(), paused);
    soon(sender.send(&event("2"))).await.unwrap_err();
    assert_eq!(target.deliveries().len(), 1);
    // Another URL is another target, which has requested nothing.
    webhooks.add(hook("/moved")).unwrap();
    assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
    // What the operator decided holds for the name.
    webhooks.disable("hook").unwrap();
    webhooks.add(hook("/moved/again")).unwrap();
    assert_eq!(webhooks.state("hook"), Some(TargetState::Disabled(Reason::Operator)));
    webhooks.resume("hook").unwrap();
    assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
}

/// And not only for the deliveries that wait for its end.
#[tokio::test]
async fn an_operator_ends_a_pause_for_the_delivery_that_brought_it() {
    for status in ["429 Too Many Requests", "403 Forbidden"] {
        let target = TestTarget::start(Respond::agree("*"), [busy(status, 3600), accepted()]).await;
        let mut options = options();
        options.retry = RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(120 * MINUTE);
        let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
        let mut changes = webhooks.changes();
        let sent = sender.enqueue(&event("1")).await.unwrap();
        let state = soon(changes.next()).await.unwrap().state;
        assert!(matches!(state, TargetState::Paused { reason: Reason::Throttled, .. }), "{state:?}");
        tokio::time::sleep(100 * MS).await;
        assert_eq!(target.deliveries().len(), 1, "{status}: the pause holds for the delivery");
        webhooks.resume("hook").unwrap();
        soon(sent).await.unwrap();
        assert_eq!(target.deliveries().len(), 2, "{status}");
    }
}

/// The status says what is to be done: other deliveries are to learn of it.
#[tokio::test]
async fn a_body_that_does_not_come_delays_no_conclusion() {
    for (status, is_accepted) in [("200 OK", true), ("429 Too Many Requests", false)] {
        let response =
            format!("HTTP/1.1 {status}\r\nretry-after: 60\r\ncontent-length: 1000\r\n\r\nthe beginning");
        let target = TestTarget::start(Respond::agree("*"), [Respond::Raw(response)]).await;
        let mut options = options();
        (options.retry, options.timeout) = (RetrySchedule::new([]), 15_000 * MS);
        let (_, sender, _) = open(Target::new(target.url("/hook")), options);
        let begun = Instant::now();
        let sent = soon(sender.send(&event("1"))).await;
        assert!(begun.elapsed() < 7500 * MS, "{status}: {:?}", begun.elapsed());
        match sent {
            Ok(_) => assert!(is_accepted),
            Err(error) => {
                assert_eq!((is_accepted, error.retry_after()), (false, Some(MINUTE)), "{error}");
                assert!(error.to_string().contains("the beginning"), "{error}");
            }
        }
    }
}

/// The places that they had under the rate pass during the pause.
#[tokio::test]
async fn deliveries_keep_to_the_rate_after_a_pause() {
    let responses = [accepted(), busy("429 Too Many Requests", 1), accepted()];
    let target = TestTarget::start(Respond::agree("600"), responses).await;
    let (_, sender, _) = open(Target::new(target.url("/hook")), options());
    soon(sender.send_all((0..10).map(|id| event(&id.to_string())))).await.unwrap();
    let at: Vec<Instant> = target.deliveries().iter().map(|request| request.at).collect();
    assert_eq!(at.len(), 11);
    // A delivery every 100 ms, and one more that shows whether the pause is over.
    let (begin, end) = (at[2], at[10]);
    // The first of them may be late by 10 ms without an effect on the others.
    assert!(end - begin >= 690 * MS, "{:?}", at.iter().map(|at| *at - begin).collect::<Vec<_>>());
}

/// Consent ends the wait for it, and not a pause that the target requested meanwhile.
#[tokio::test]
async fn consent_by_callback_does_not_end_a_pause_that_the_target_requests() {
    let target =
        TestTarget::start(Respond::status("202 Accepted", ""), [busy("429 Too Many Requests", 60)]).await;
    let mut options = options();
    (options.retry, options.timeout) = (RetrySchedule::new([]), 20_000 * MS);
    options.callback = Some("https://eventemitter.example.com/callback".into());
    options.grant_lifetime = 3000 * MS;
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    let agree = |number: usize| {
        let offered = target.requests().into_iter().filter(|request| request.method == "OPTIONS").nth(number);
        let callback = offered.unwrap().header("webhook-request-callback").unwrap().to_owned();
        let request = http::Request::get(callback).header("webhook-allowed-rate", "*").body(()).unwrap();
        assert_eq!(webhooks.callback(&request.into_parts().0).status(), 200);
    };
    soon(sender.send(&event("1"))).await.unwrap_err();
    agree(0);
    assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
    // Its consent is withdrawn while a delivery is on its way, which gets 429.
    let mut changes = webhooks.changes();
    soon(sender.send(&event("2"))).await.unwrap_err();
    assert!(matches!(
        soon(changes.next()).await.unwrap().state,
        TargetState::Paused { reason: Reason::Throttled, .. }
    ));
    // Asked again, the target has not agreed yet: that pause is longer.
    tokio::time::sleep(3000 * MS).await;
    soon(webhooks.register("hook")).await.unwrap();
    assert!(matches!(
        webhooks.state("hook"),
        Some(TargetState::Paused { reason: Reason::AwaitingConsent, .. })
    ));
    agree(1);
    let state = webhooks.state("hook");
    assert!(matches!(state, Some(TargetState::Paused { reason: Reason::Throttled, .. })), "{state:?}");
    soon(sender.send(&event("3"))).await.unwrap_err();
    assert_eq!(target.deliveries().len(), 1);
}

/// Servers that pass headers as variables take `X_Shop_Hmac` for `X-Shop-Hmac`.
#[tokio::test]
async fn a_message_cannot_spell_the_header_of_a_signer_in_another_way() {
    struct Shop;
    impl Sign for Shop {
        fn sign(&self, parts: &mut Parts, _: &[u8], _: &str, _: SystemTime) -> Result<(), SignatureError> {
            parts.headers.insert("x-shop-hmac", HeaderValue::from_static("signed"));
            Ok(())
        }

        fn coverage(&self) -> Coverage {
            Coverage::Body
        }
    }
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let (_, sender, _) = open(Target::new(target.url("/hook")).sign(Shop), options());
    let outgoing = ["x_shop_hmac", "x-shop_hmac", "x-shop-hmac"]
        .into_iter()
        .fold(Outgoing::from(&event("1")), |outgoing, name| outgoing.header(name, "forged"));
    soon(sender.send(outgoing.header("x_tenant", "kept"))).await.unwrap();
    let delivery = target.deliveries().remove(0);
    let named = |name: &str| delivery.headers.iter().filter(|(other, _)| other == name).count();
    assert_eq!(
        (delivery.header("x-shop-hmac"), named("x_shop_hmac"), named("x-shop_hmac"), named("x-shop-hmac")),
        (Some("signed"), 0, 0, 1)
    );
    assert_eq!(delivery.header("x_tenant"), Some("kept"));
}

/// A signer may add the key that one target expects.
#[tokio::test]
async fn what_a_target_repeats_of_a_signer_s_headers_is_not_in_errors() {
    struct Keyed;
    impl Sign for Keyed {
        fn sign(&self, parts: &mut Parts, _: &[u8], _: &str, _: SystemTime) -> Result<(), SignatureError> {
            parts.headers.insert("x-api-key", HeaderValue::from_static("k3y-0f-th3-t4rget"));
            Ok(())
        }
    }
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 29\r\n\r\nunknown key k3y-0f-th3-t4rget";
    let target = TestTarget::start(Respond::agree("*"), [Respond::Raw(refusal.to_owned())]).await;
    let mut options = options();
    options.retry = RetrySchedule::new([]);
    let (_, sender, kept) = open(Target::new(target.url("/hook")).sign(Keyed), options);
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    let shown = format!("{error:#} {error:?} {:?}", kept.all());
    assert!(shown.contains("400 Bad Request") && !shown.contains("k3y"), "{shown}");
}

/// A target that agrees when it is first asked, and perhaps again.
struct Granting {
    url: String,
    /// `OPTIONS`, and the ids of deliveries.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Granting {
    /// Grants these rates, one after the other, and no more. The handshake and deliveries take this long.
    async fn start(rates: &'static [&'static str], [asking, takes]: [Duration; 2]) -> Self {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (asked, sent) = (Arc::clone(&seen), Arc::clone(&seen));
        let agree = move || async move {
            let number = asked.lock().unwrap().iter().filter(|seen| *seen == "OPTIONS").count();
            asked.lock().unwrap().push("OPTIONS".to_owned());
            tokio::time::sleep(asking).await;
            let rate = rates.get(number).ok_or(StatusCode::FORBIDDEN)?;
            Ok::<_, StatusCode>([("webhook-allowed-origin", "*"), ("webhook-allowed-rate", *rate)])
        };
        let deliver = move |headers: HeaderMap| async move {
            sent.lock().unwrap().push(headers["ce-id"].to_str().unwrap().to_owned());
            tokio::time::sleep(takes).await;
            StatusCode::NO_CONTENT
        };
        let app = axum::Router::new().route("/hook", axum::routing::options(agree).post(deliver));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    /// How often it was asked.
    fn asked(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| *seen == "OPTIONS").count()
    }

    /// It has four deliveries, and was asked again between the first and the last one.
    fn has_all_in_order(&self) {
        let seen = self.seen.lock().unwrap().clone();
        let ids: Vec<_> = seen.iter().filter(|seen| *seen != "OPTIONS").collect();
        assert!(ids == ["0", "1", "2", "3"] && self.asked() >= 2, "{seen:?}");
        assert!(seen[0] == "OPTIONS" && seen.last().unwrap() == "3", "{seen:?}");
    }
}

/// They keep their order.
#[tokio::test]
async fn deliveries_that_wait_for_the_rate_are_sent_with_consent_that_counts_then() {
    for agrees in [true, false] {
        let rates: &[&str] = if agrees { &["60"; 10] } else { &["60"] };
        let target = Granting::start(rates, [Duration::ZERO; 2]).await;
        let mut options = options();
        options.grant_lifetime = 1500 * MS;
        options.retry = RetrySchedule::exponential(MINUTE, MINUTE).with_deadline(10 * MINUTE);
        let (_, sender, _) = open(Target::new(&*target.url), options);
        // Their places are now and in one, two and three seconds, or later: the last one comes behind the end of the grant in any case.
        let mut sent = Vec::new();
        for id in 0..4 {
            sent.push(sender.enqueue(&event(&id.to_string())).await.unwrap());
        }
        if agrees {
            for outcome in sent {
                soon(outcome).await.unwrap();
            }
            target.has_all_in_order();
        } else {
            soon(async {
                while target.asked() < 2 {
                    tokio::time::sleep(MS).await;
                }
            })
            .await;
            tokio::time::sleep(500 * MS).await;
            let seen = target.seen.lock().unwrap().clone();
            assert!(target.asked() == 2 && seen.last().unwrap() == "OPTIONS", "{seen:?}");
        }
    }
}

/// What is begun with next to no time is most likely processed, and comes again.
#[tokio::test]
async fn without_retries_the_waits_of_an_attempt_leave_half_of_its_time_to_the_request() {
    let target = Granting::start(&["10"], [Duration::ZERO, 1500 * MS]).await;
    let mut options = options();
    // A request may begin within 3.4 seconds, and the second one's place comes six seconds after the first.
    (options.retry, options.timeout) = (RetrySchedule::new([]), 6800 * MS);
    let (_, sender, _) = open(Target::new(&*target.url), options);
    let (one, two) = (event("1"), event("2"));
    let (first, second) = soon(async {
        tokio::join!(sender.send(&one), async {
            tokio::time::sleep(100 * MS).await;
            sender.send(&two).await // its place comes 0.9 s before its end, or more
        })
    })
    .await;
    first.unwrap();
    let error = second.unwrap_err();
    let wait = OwnWait::of(&error).unwrap_or_else(|| panic!("{error}"));
    assert!(wait > 3400 * MS && wait <= 6000 * MS, "{wait:?}");
    assert_eq!(*target.seen.lock().unwrap(), ["OPTIONS", "1"]);
}

/// Whatever `enqueue_timeout` is: an outbox would take that for a failure of the target.
#[tokio::test]
async fn without_retries_waiting_for_room_is_a_wait_of_the_sender() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::Silence]).await;
    let mut options = options();
    (options.retry, options.timeout, options.per_target) = (RetrySchedule::new([]), 5000 * MS, 1);
    options.sender.enqueue_timeout = 200 * MS;
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    let _first = sender.enqueue(&event("1")).await.unwrap();
    let error = soon(sender.send(&event("2"))).await.unwrap_err();
    assert!(OwnWait::of(&error).is_some(), "{error}");
}

/// A delivery that has its turn in time is not given up because others had to wait longer before.
#[tokio::test]
async fn those_that_wait_for_the_rate_are_sent_at_the_rate_that_is_granted_next() {
    let target = Granting::start(&["20", "40", "40", "40"], [Duration::ZERO; 2]).await;
    let mut options = options();
    options.grant_lifetime = 4500 * MS;
    // Their turns are at 0, 3, 6 and 7.5 seconds. Behind the turns of the first rate, the last one would come at 13.5.
    options.retry = RetrySchedule::exponential(MINUTE, MINUTE).with_deadline(12_900 * MS);
    let (_, sender, _) = open(Target::new(&*target.url), options);
    let mut sent = Vec::new();
    for id in 0..4 {
        sent.push(sender.enqueue(&event(&id.to_string())).await.unwrap());
    }
    for outcome in sent {
        soon(outcome).await.unwrap();
    }
    target.has_all_in_order();
}

/// By whoever operates the sender, to get a backlog out.
#[tokio::test]
async fn a_rate_that_is_raised_counts_for_those_that_wait() {
    let target = TestTarget::start(Respond::agree("1"), [accepted()]).await;
    let hook = || Target::new(target.url("/hook")).named("hook");
    let mut options = options();
    options.retry = RetrySchedule::exponential(MINUTE, MINUTE).with_deadline(10 * MINUTE);
    let (webhooks, sender, _) = open(hook(), options);
    soon(sender.send(&event("1"))).await.unwrap();
    let waiting = [sender.enqueue(&event("2")).await.unwrap(), sender.enqueue(&event("3")).await.unwrap()];
    tokio::time::sleep(100 * MS).await;
    let raised = Instant::now();
    webhooks.add(hook().agreed(Rate::per_minute(600).unwrap())).unwrap();
    for outcome in waiting {
        soon(outcome).await.unwrap();
    }
    let at: Vec<Instant> = target.deliveries().iter().map(|request| request.at).collect();
    // The second is sent after that, whenever it arrives, and less than 10 ms behind its own place.
    assert!(at[2] - raised >= 90 * MS, "{raised:?}: {at:?}");
}

/// A handshake that takes long leaves the consent, and the request to the next attempt.
#[tokio::test]
async fn without_retries_no_request_begins_in_the_second_half_of_an_attempt() {
    let target = Granting::start(&["*"], [4500 * MS, Duration::ZERO]).await;
    let mut options = options();
    (options.retry, options.timeout) = (RetrySchedule::new([]), 8000 * MS);
    let (_, sender, _) = open(Target::new(&*target.url), options);
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert!(OwnWait::of(&error).is_some(), "{error}");
    soon(sender.send(&event("1"))).await.unwrap();
    assert_eq!(*target.seen.lock().unwrap(), ["OPTIONS", "1"]);
}

/// A source that always has another token.
struct Renewing;

impl TokenSource for Renewing {
    async fn token(&self) -> Result<Box<str>, Error> {
        Ok(TOKEN.into())
    }

    fn refused(&self, _: &str) -> bool {
        true
    }
}

/// An outbox would take it for a message that was not sent, for ever.
#[tokio::test]
async fn without_retries_a_refused_token_is_the_result_where_another_one_has_to_wait() {
    for (refused, pause) in
        [(Respond::status("401 Unauthorized", ""), None), (busy("401 Unauthorized", 120), Some(120_000 * MS))]
    {
        let target = TestTarget::start(Respond::agree("4"), [refused.clone(), refused]).await;
        let mut options = options();
        options.retry = RetrySchedule::new([]);
        let (_, sender, _) = open(Target::new(target.url("/hook")).token_from(Renewing), options);
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        assert_eq!((error.kind(), OwnWait::of(&error)), (ErrorKind::Refused, None), "{error}");
        assert!(error.to_string().contains("401"), "{error}");
        // It is no refusal of the event: with the next token, it goes first.
        assert!(error.is_temporary(), "{error}");
        assert_eq!(error.retry_after(), pause);
        assert_eq!(target.deliveries().len(), 1);
    }
}
