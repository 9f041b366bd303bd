//! Targets that change while deliveries to them are under way, and the limits of one attempt.

use crate::{
    sender::{MS, accepted, client, event, open, options},
    tools::soon,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{Entry, Outbox, OutboxOptions, rusqlite041::SqliteStore};
use cloudevents_testkit::webhook::{Respond, TestTarget};
use cloudevents_transport::{
    Sender,
    binding::{OwnWait, connect::Backoff},
};
use cloudevents_webhook::{
    deliver::{Reason, RetrySchedule, TargetState},
    guard::{Resolve, UrlGuard},
    handshake::Rate,
    reqwest013::{
        ClientCredentials, GuardedClient, Registered, Target, TokenSource, WebhookSender,
        WebhookSenderOptions,
    },
};
use http::StatusCode;
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

fn fails() -> Respond {
    Respond::status("500 Internal Server Error", "")
}

fn bearers(target: &TestTarget) -> Vec<String> {
    let bearer = |request: &cloudevents_testkit::webhook::TargetRequest| {
        request.header("authorization").unwrap_or("none").trim_start_matches("Bearer ").to_owned()
    };
    target.deliveries().iter().map(bearer).collect()
}

/// Never pauses a target for failures.
fn patient() -> WebhookSenderOptions {
    let mut options = options();
    options.failures = u32::MAX;
    options
}

#[tokio::test]
async fn deliveries_under_way_use_the_credentials_that_a_target_is_added_again_with() {
    let target = TestTarget::start(Respond::agree("*"), [fails(), fails(), fails(), accepted()]).await;
    let hook = |token: &str| Target::new(target.url("/hook")).named("hook").token(token);
    let mut options = patient();
    options.retry = RetrySchedule::new([300 * MS, MS, MS]);
    let (webhooks, sender, _) = open(hook("old"), options);
    let event = event("1");
    let (sent, ()) = tokio::join!(soon(sender.send(&event)), async {
        soon(target.wait_for(2)).await; // the handshake, too
        webhooks.add(hook("new")).unwrap();
    });
    sent.unwrap();
    assert_eq!(bearers(&target), ["old", "new", "new", "new"]);
}

#[tokio::test]
async fn deliveries_under_way_go_to_the_url_that_a_target_is_added_again_with() {
    let before = TestTarget::start(Respond::agree("*"), [fails()]).await;
    let after = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let mut options = patient();
    options.retry = RetrySchedule::new([300 * MS; 20]);
    let (webhooks, sender, _) = open(Target::new(before.url("/hook")).named("hook"), options);
    let event = event("1");
    let (sent, ()) = tokio::join!(soon(sender.send(&event)), async {
        soon(before.wait_for(2)).await;
        webhooks.add(Target::new(after.url("/hook")).named("hook")).unwrap();
    });
    sent.unwrap();
    assert_eq!((before.deliveries().len(), after.deliveries().len()), (1, 1));
}

#[tokio::test]
async fn what_the_operator_does_reaches_deliveries_that_are_older_than_their_target() {
    for disables in [false, true] {
        let target = TestTarget::start(Respond::agree("*"), [fails()]).await;
        let hook = || Target::new(target.url("/hook")).named("hook");
        let mut options = patient();
        options.per_target = 1;
        let (webhooks, sender, _) = open(hook(), options);
        let event = event("1");
        let (sent, ()) = tokio::join!(soon(sender.send(&event)), async {
            soon(target.wait_for(2)).await;
            webhooks.add(hook()).unwrap();
            if disables {
                return webhooks.disable("hook").unwrap();
            }
            webhooks.pause("hook", None).unwrap();
            sleep(100 * MS).await; // what is under way ends
            let before = target.deliveries().len();
            sleep(300 * MS).await;
            assert_eq!(target.deliveries().len(), before);
            webhooks.remove("hook");
        });
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::Refused);
    }
}

#[tokio::test]
async fn one_delivery_at_a_time_stays_one_when_the_target_is_added_again() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::Silence]).await;
    let hook = || Target::new(target.url("/hook")).named("hook");
    let mut options = options();
    (options.per_target, options.retry, options.timeout) = (1, RetrySchedule::new([]), 6000 * MS);
    let (webhooks, sender, _) = open(hook(), options);
    let (one, two) = (event("1"), event("2"));
    let (first, (second, under_way)) = tokio::join!(soon(sender.send(&one)), async {
        soon(target.wait_for(2)).await;
        webhooks.add(hook()).unwrap();
        tokio::join!(soon(sender.send(&two)), async {
            sleep(500 * MS).await;
            target.deliveries().len()
        })
    });
    assert!(first.is_err() && second.is_err());
    assert_eq!(under_way, 1);
}

fn agree(webhooks: &WebhookSender, target: &TestTarget) -> StatusCode {
    let offered = target.requests().into_iter().rfind(|request| request.method == "OPTIONS").unwrap();
    let callback = offered.header("webhook-request-callback").unwrap().to_owned();
    let request = http::Request::get(callback).header("webhook-allowed-rate", "*").body(()).unwrap();
    webhooks.callback(&request.into_parts().0).status()
}

fn with_callback() -> WebhookSenderOptions {
    let mut options = options();
    options.callback = Some("https://eventemitter.example.com/callback".into());
    options.retry = RetrySchedule::standard_webhooks(); // deliveries wait for consent
    options
}

#[tokio::test]
async fn a_target_that_is_added_again_can_agree_by_the_callback_that_it_was_offered() {
    let target = TestTarget::start(Respond::status("202 Accepted", ""), [accepted()]).await;
    let hook = || Target::new(target.url("/hook")).named("hook");
    let (webhooks, sender, _) = open(hook(), with_callback());
    assert_eq!(soon(webhooks.register("hook")).await.unwrap(), Registered::Pending);
    webhooks.add(hook()).unwrap();
    let event = event("1");
    let (sent, ()) = tokio::join!(soon(sender.send(&event)), async {
        sleep(100 * MS).await;
        assert_eq!(agree(&webhooks, &target), 200);
    });
    sent.unwrap();
    assert_eq!(target.deliveries().len(), 1);

    // Elsewhere, it is another target: what it was offered is void, and it is asked itself.
    let (webhooks, _, _) = open(hook(), with_callback());
    soon(webhooks.register("hook")).await.unwrap();
    webhooks.add(Target::new(target.url("/moved")).named("hook")).unwrap();
    assert_eq!(agree(&webhooks, &target), 404);
    // One that has agreed by other means does not wait.
    soon(webhooks.register("hook")).await.unwrap();
    assert!(matches!(webhooks.state("hook"), Some(TargetState::Paused { .. })));
    let rate = cloudevents_webhook::handshake::Rate::unlimited();
    webhooks.add(Target::new(target.url("/moved")).named("hook").agreed(rate)).unwrap();
    assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
}

/// The target may be asked again while a person there has the callback, also where its response was lost.
#[tokio::test]
async fn a_callback_that_was_offered_holds_until_it_is_used() {
    let (later, away) = (StatusCode::ACCEPTED, StatusCode::SERVICE_UNAVAILABLE);
    for (responses, is_lost) in
        [([later, away, away], false), ([later; 3], false), ([later, away, away], true)]
    {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&asked);
        let respond = move |headers: http::HeaderMap| async move {
            let callback = headers["webhook-request-callback"].to_str().unwrap().to_owned();
            let number = {
                let mut asked = noted.lock().unwrap();
                asked.push(callback);
                asked.len() - 1
            };
            if number == 0 && is_lost {
                std::future::pending::<()>().await;
            }
            responses[number]
        };
        let app = axum::Router::new().route("/hook", axum::routing::options(respond));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut options = with_callback();
        options.timeout = 3000 * MS; // only a response that is lost takes it
        let (webhooks, _, _) = open(Target::new(url).named("hook"), options);
        for _ in 0..3 {
            let _ = soon(webhooks.register("hook")).await;
        }
        let asked = asked.lock().unwrap().clone();
        let call = |callback: &String| {
            let request = http::Request::get(callback).body(()).unwrap().into_parts().0;
            webhooks.callback(&request).status().as_u16()
        };
        // Whichever the person has.
        assert_eq!((asked.len(), call(&asked[0])), (3, 200));
        assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
        assert_eq!(asked.iter().map(call).collect::<Vec<_>>(), [404; 3]);
    }
}

#[tokio::test]
async fn consent_by_callback_does_not_end_a_pause_of_the_operator() {
    for until in [None, Some(Instant::now() + Duration::from_secs(600))] {
        let target = TestTarget::start(Respond::status("202 Accepted", ""), [accepted()]).await;
        let (webhooks, _, _) = open(Target::new(target.url("/hook")).named("hook"), with_callback());
        // The wait for consent lasts an hour, and replaces the shorter pause.
        webhooks.pause("hook", until).unwrap();
        soon(webhooks.register("hook")).await.unwrap();
        assert_eq!(agree(&webhooks, &target), 200);
        let paused = TargetState::Paused { until, reason: Reason::Operator };
        assert_eq!(webhooks.state("hook"), Some(paused));
        webhooks.resume("hook").unwrap();
        assert_eq!(webhooks.state("hook"), Some(TargetState::Active));
    }
}

#[tokio::test]
async fn waiting_for_room_counts_towards_the_deadline_of_an_attempt() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::Silence]).await;
    let mut options = options();
    (options.per_target, options.retry, options.timeout) = (1, RetrySchedule::new([]), 6000 * MS);
    let (_, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    let (one, two) = (event("1"), event("2"));
    let (_, error) = tokio::join!(soon(sender.send(&one)), async {
        sleep(200 * MS).await;
        let begun = Instant::now();
        let error = soon(sender.send(&two)).await.unwrap_err();
        assert!(begun.elapsed() < 11_500 * MS, "{:?}", begun.elapsed());
        error
    });
    assert!(error.is_temporary() && !sender.refuses_message(&error), "{error}");
}

/// A target that knows one token, and takes its time for a delivery with the id `slow`.
struct TokenTarget {
    url: String,
    right: Arc<Mutex<bool>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl TokenTarget {
    async fn start() -> Self {
        let (right, seen) = (Arc::new(Mutex::new(false)), Arc::<Mutex<Vec<String>>>::default());
        let (known, noted) = (Arc::clone(&right), Arc::clone(&seen));
        let respond = move |headers: http::HeaderMap| async move {
            let id = headers["ce-id"].to_str().unwrap().to_owned();
            let is_right = *known.lock().unwrap();
            noted.lock().unwrap().push(id.clone());
            let number = noted.lock().unwrap().iter().filter(|seen| **seen == id).count();
            if id == "slow" && number == 2 {
                sleep(1000 * MS).await;
            }
            if is_right { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
        };
        let app = axum::Router::new().route("/hook", axum::routing::post(respond));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, right, seen }
    }
}

/// Its second attempt is refused before the sender has the right token, and the response comes after another delivery was accepted.
#[tokio::test]
async fn an_attempt_is_not_judged_by_what_was_accepted_after_it_began() {
    let target = TokenTarget::start().await;
    let mut options = patient();
    options.retry = RetrySchedule::exponential(200 * MS, 200 * MS).with_deadline(10_000 * MS);
    let rate = cloudevents_webhook::handshake::Rate::unlimited();
    let (_, sender, kept) = open(Target::new(&*target.url).agreed(rate), options);
    let (slow, other) = (event("slow"), event("other"));
    let (first, ()) = tokio::join!(soon(sender.send(&slow)), async {
        while target.seen.lock().unwrap().len() < 2 {
            sleep(MS).await;
        }
        *target.right.lock().unwrap() = true;
        soon(sender.send(&other)).await.unwrap();
    });
    first.unwrap();
    assert!(kept.all().is_empty());
}

/// RFC 9110, section 10.2.3: how long to wait before a further request. Section 15.5.14: with 413, before this one is tried again.
#[tokio::test]
async fn a_retry_after_is_about_the_target_or_about_one_delivery() {
    for (status, is_about_target) in [
        ("429 Too Many Requests", true),
        ("500 Internal Server Error", true),
        ("503 Service Unavailable", true),
        ("507 Insufficient Storage", true),
        ("403 Forbidden", true),
        ("408 Request Timeout", false),
        ("413 Content Too Large", false),
        ("425 Too Early", false),
    ] {
        let respond = Respond::status(status, "retry-after: 60\r\n");
        let target = TestTarget::start(Respond::agree("*"), [respond, accepted()]).await;
        let mut options = options();
        options.retry = RetrySchedule::new([]);
        let (_, sender, _) = open(Target::new(target.url("/hook")), options);
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(60)), "{status}");
        // An outbox distinguishes the one that is about an event.
        assert_eq!(error.kind() == ErrorKind::TooLarge, status.starts_with("413"), "{status}");
        assert_eq!(soon(sender.send(&event("2"))).await.is_err(), is_about_target, "{status}");
    }
}

/// A source of tokens that never has one.
struct Hangs;

impl TokenSource for Hangs {
    async fn token(&self) -> Result<Box<str>, Error> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn waiting_for_a_token_ends_before_the_attempt_and_is_not_the_fault_of_the_target() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let server = TestTarget::start(fails(), [Respond::Silence]).await;
    let mut options = options();
    (options.retry, options.timeout) = (RetrySchedule::new([]), 8000 * MS);
    let credentials = ClientCredentials::new(client(), server.url("/token"), "id", "secret").unwrap();
    let waits = async |hook| {
        let (_, sender, _) = open(hook, options.clone());
        let begun = Instant::now();
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        assert!(begun.elapsed() < 7500 * MS, "{:?}", begun.elapsed());
        assert!(error.to_string().contains("there is no access token"), "{error}");
        assert!(error.is_temporary() && OwnWait::of(&error).is_none());
    };
    let hook = || Target::new(target.url("/hook"));
    tokio::join!(waits(hook().token_from(Hangs)), waits(hook().token_from(credentials)));
}

/// Resolves each name to this machine, and every other time to an address that the guard refuses.
#[derive(Default)]
struct Alternates(AtomicUsize);

impl Resolve for Alternates {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let is_even = self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        let address = if is_even { "127.0.0.1" } else { "10.0.0.1" };
        Ok(vec![address.parse().unwrap()])
    }
}

/// Nothing was sent: that is no sign of life of the target, neither among its failures nor as a probe.
#[tokio::test]
async fn what_the_sender_itself_refuses_says_nothing_about_the_target() {
    for has_agreed in [true, false] {
        let target = TestTarget::start(fails(), [fails()]).await;
        let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
        let builder = reqwest::Client::builder().pool_max_idle_per_host(0);
        let client = GuardedClient::new(guard, Alternates::default(), builder).unwrap();
        let mut hook = Target::new(format!("http://partner.example:{}/hook", target.address().port()));
        if has_agreed {
            hook = hook.agreed(Rate::unlimited());
        }
        let mut options = options();
        options.failures = 2;
        let webhooks = WebhookSender::new(client, options);
        webhooks.add(hook.named("hook")).unwrap();
        let sender = webhooks.clone().into_sender();
        for _ in 0..2 {
            // A response of the target, and then a refusal of the guard. The second one of those is of a probe.
            let error = soon(sender.send(&event("1"))).await.unwrap_err();
            assert!(error.to_string().contains("10.0.0.1"), "{error}");
        }
        let state = webhooks.state("hook").unwrap();
        assert!(matches!(state, TargetState::Paused { reason: Reason::Failing, .. }), "{state:?}");
        assert_eq!(target.requests().len(), 2);
    }
}

/// Has a token every other time.
#[derive(Clone)]
struct Alternating(Arc<AtomicUsize>);

impl TokenSource for Alternating {
    async fn token(&self) -> Result<Box<str>, Error> {
        match self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            true => Ok("token".into()),
            false => Err(Error::new(ErrorKind::Refused).with_detail("no grant")),
        }
    }
}

/// Where nothing was sent, what the target accepts next shows nothing.
#[tokio::test]
async fn what_never_left_the_sender_is_no_dead_letter_of_an_outbox() {
    for by_guard in [true, false] {
        let target = TestTarget::start(Respond::HangUp, [accepted()]).await;
        let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
        let builder = reqwest::Client::builder().pool_max_idle_per_host(0);
        // The first message in order is the one that is not sent.
        let (host, client) = match by_guard {
            true => ("partner.example", GuardedClient::new(guard, Alternates(1.into()), builder).unwrap()),
            false => ("127.0.0.1", client()),
        };
        let url = format!("http://{host}:{}/hook", target.address().port());
        let mut hook = Target::new(url).agreed(Rate::unlimited());
        if !by_guard {
            hook = hook.token_from(Alternating(Arc::new(1.into())));
        }
        let mut once = options();
        once.retry = RetrySchedule::new([]);
        let webhooks = WebhookSender::new(client, once);
        webhooks.add(hook).unwrap();
        let outbox = Outbox::new(SqliteStore::in_memory().unwrap());
        outbox
            .enqueue_all((0..3).map(|id| Entry::new("a", event(&id.to_string())).in_order()))
            .await
            .unwrap();
        let mut options = OutboxOptions::default();
        (options.retry, options.poll) = (RetrySchedule::exponential(10 * MS, 20 * MS), 10 * MS);
        deliver(&outbox, webhooks.into_sender(), options).await;
        assert_eq!(
            (outbox.counts().await.unwrap().dead, ids(&target)),
            (0, ["0", "1", "2"].map(String::from).into())
        );
    }
}

/// Delivers all messages of an outbox to its target `a`.
async fn deliver(outbox: &Outbox<SqliteStore>, sender: Sender, options: OutboxOptions) {
    let done = async {
        while outbox.counts().await.unwrap().pending > 0 {
            sleep(5 * MS).await;
        }
    };
    let senders = HashMap::from([("a".to_owned(), sender)]);
    soon(outbox.run(senders, options).until(done)).await.unwrap();
}

fn ids(target: &TestTarget) -> Vec<String> {
    target.deliveries().iter().map(|request| request.header("ce-id").unwrap().to_owned()).collect()
}

/// So does a load balancer without a server behind it: that is an outage, which counts no attempts.
#[tokio::test]
async fn a_target_that_hangs_up_for_a_while_makes_no_dead_letters_of_an_outbox() {
    let responses = std::iter::repeat_n(Respond::HangUp, 20).chain([accepted()]);
    let target = TestTarget::start(Respond::HangUp, responses).await;
    let mut once = options();
    once.retry = RetrySchedule::new([]);
    let webhooks = WebhookSender::new(client(), once);
    webhooks.add(Target::new(target.url("/hook")).agreed(Rate::unlimited())).unwrap();
    let outbox = Outbox::new(SqliteStore::in_memory().unwrap());
    outbox.enqueue_all((0..5).map(|id| Entry::new("a", event(&id.to_string())).in_order())).await.unwrap();
    let mut options = OutboxOptions::default();
    let hour = Duration::from_secs(3600);
    options.retry = RetrySchedule::exponential(10 * MS, 20 * MS).with_attempts(4).with_deadline(hour);
    (options.pauses, options.poll) = (Backoff::default().with_delays(5 * MS, 10 * MS), 5 * MS);
    deliver(&outbox, webhooks.into_sender(), options).await;
    assert_eq!(outbox.counts().await.unwrap().dead, 0);
    assert_eq!(ids(&target)[20..], ["0", "1", "2", "3", "4"].map(String::from));
}

/// It may be resumed, and is no fault of a message.
#[tokio::test]
async fn a_target_that_is_disabled_by_hand_refuses_no_message_of_an_outbox() {
    let target = TestTarget::start(Respond::agree("*"), [Respond::status("410 Gone", "")]).await;
    let mut options = options();
    options.retry = RetrySchedule::new([]);
    let (webhooks, sender, _) = open(Target::new(target.url("/hook")).named("hook"), options);
    webhooks.disable("hook").unwrap();
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert!(error.is_temporary() && target.requests().is_empty(), "{error}");
    webhooks.resume("hook").unwrap();
    for _ in 0..2 {
        // What the target itself says is final.
        assert!(!soon(sender.send(&event("1"))).await.unwrap_err().is_temporary());
    }
}

/// The handshake is about the sender, also where its refusal is remembered.
#[tokio::test]
async fn a_refused_handshake_refuses_no_message_of_an_outbox() {
    let target = TestTarget::start(Respond::status("403 Forbidden", ""), [accepted()]).await;
    let mut options = options();
    options.retry = RetrySchedule::new([]);
    let (_, sender, _) = open(Target::new(target.url("/hook")), options);
    for id in ["1", "2"] {
        let error = soon(sender.send(&event(id))).await.unwrap_err();
        assert!(error.is_temporary() && error.to_string().contains("403"), "{error}");
    }
    assert_eq!(target.requests().len(), 1);
}

/// No token at first, then one for another delivery, and then none again.
#[tokio::test]
async fn a_delivery_that_was_not_sent_is_not_given_up_for_what_the_target_accepts() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let source = Alternating(Arc::new(1.into()));
    let mut options = patient();
    options.retry = RetrySchedule::exponential(400 * MS, 400 * MS).with_jitter(0);
    let (_, sender, kept) = open(Target::new(target.url("/hook")).token_from(source.clone()), options);
    let first = sender.enqueue(&event("1")).await.unwrap();
    soon(async {
        while source.0.load(Ordering::Relaxed) < 2 {
            sleep(MS).await;
        }
    })
    .await;
    soon(sender.send(&event("2"))).await.unwrap();
    soon(first).await.unwrap();
    assert_eq!((source.0.load(Ordering::Relaxed), target.deliveries().len(), kept.all().len()), (5, 2, 0));
}

/// A token is refused to two deliveries, accepted, and refused to both again.
#[tokio::test]
async fn what_was_accepted_before_a_refusal_shows_nothing_about_the_next_one() {
    let refused = || Respond::status("401 Unauthorized", "");
    let before = [refused(), refused(), refused(), refused(), accepted()];
    let responses = before.into_iter().chain([refused(), refused(), accepted()]);
    let target = TestTarget::start(Respond::HangUp, responses).await;
    let mut options = patient();
    options.retry = RetrySchedule::exponential(2000 * MS, 2000 * MS).with_jitter(0);
    let (_, sender, kept) =
        open(Target::new(target.url("/hook")).token("token").agreed(Rate::unlimited()), options);
    let first = sender.enqueue(&event("1")).await.unwrap();
    let second = sender.enqueue(&event("2")).await.unwrap();
    // The second attempts begin when the sender knows of the first refusals.
    soon(target.wait_for(4)).await;
    soon(sender.send(&event("3"))).await.unwrap();
    let (first, second) = soon(async { tokio::join!(first, second) }).await;
    // The one whose refusal was the first one.
    assert!(first.is_ok() != second.is_ok(), "{first:?}, {second:?}");
    assert_eq!((kept.all().len(), target.deliveries().len()), (1, 8));
}

/// The sender remembers the pause by itself, for whoever sends without an outbox.
#[tokio::test]
async fn an_operator_resumes_a_target_in_the_sender_and_in_the_outbox() {
    let busy = Respond::status("429 Too Many Requests", "retry-after: 3600\r\n");
    let target = TestTarget::start(Respond::HangUp, [busy, accepted()]).await;
    let mut once = options();
    once.retry = RetrySchedule::new([]);
    let webhooks = WebhookSender::new(client(), once);
    webhooks.add(Target::new(target.url("/hook")).named("hook").agreed(Rate::unlimited())).unwrap();
    let outbox = Outbox::new(SqliteStore::in_memory().unwrap());
    outbox.enqueue(Entry::new("a", event("1"))).await.unwrap();
    let mut options = OutboxOptions::default();
    options.poll = 10 * MS;
    let is_paused =
        async || outbox.targets("").await.unwrap().iter().any(|a| a.health.requested_until.is_some());
    let resumed = async {
        while !is_paused().await {
            sleep(5 * MS).await;
        }
        webhooks.resume("hook").unwrap();
        outbox.resume("a").await.unwrap();
        while outbox.counts().await.unwrap().pending > 0 {
            sleep(5 * MS).await;
        }
    };
    let senders = HashMap::from([("a".to_owned(), webhooks.clone().into_sender())]);
    soon(outbox.run(senders, options).until(resumed)).await.unwrap();
    assert_eq!((target.deliveries().len(), is_paused().await), (2, false));
}
