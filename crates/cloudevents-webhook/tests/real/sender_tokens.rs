//! Deliveries that wait for their token.

use crate::{
    sender::{MS, accepted, event, open, options},
    tools::soon,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_testkit::webhook::{Respond, TargetRequest, TestTarget};
use cloudevents_transport::binding::OwnWait;
use cloudevents_webhook::{
    deliver::RetrySchedule,
    reqwest013::{Target, TokenSource},
};
use http::StatusCode;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{sync::watch, time::sleep};

/// What comes of a request for a token; `None` as long as it hangs.
type Given = Option<Result<&'static str, ErrorKind>>;

/// A source of tokens that the test gives.
#[derive(Clone)]
struct Tokens(Arc<(AtomicUsize, watch::Sender<Given>)>);

impl TokenSource for Tokens {
    async fn token(&self) -> Result<Box<str>, Error> {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        let mut given = self.0.1.subscribe();
        let given = *given.wait_for(Option::is_some).await.unwrap();
        given.unwrap().map(Box::from).map_err(Error::new)
    }
}

impl Tokens {
    fn hanging() -> Self {
        Self(Arc::new((AtomicUsize::new(0), watch::Sender::new(None))))
    }

    fn give(&self, given: Result<&'static str, ErrorKind>) {
        self.0.1.send_replace(Some(given));
    }

    /// How often one was requested.
    fn asked(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    async fn requested(&self) {
        soon(async {
            while self.asked() == 0 {
                sleep(MS).await;
            }
        })
        .await;
    }
}

fn seen(target: &TestTarget) -> Vec<(String, String)> {
    let of = |request: TargetRequest| (request.path.clone(), request.header("authorization").unwrap().into());
    target.deliveries().into_iter().map(of).collect()
}

#[tokio::test]
async fn deliveries_that_waited_for_a_token_keep_to_the_rate_and_their_order() {
    let target = TestTarget::start(Respond::agree("120"), [accepted()]).await;
    let tokens = Tokens::hanging();
    let mut options = options();
    options.timeout = 30_000 * MS;
    options.retry = RetrySchedule::exponential(MS, MS).with_deadline(60_000 * MS);
    let (_, sender, _) = open(Target::new(target.url("/hook")).token_from(tokens.clone()), options);
    let mut sent = Vec::new();
    for id in 0..4 {
        sent.push(sender.enqueue(&event(&id.to_string())).await.unwrap());
    }
    sleep(2000 * MS).await; // the rate would have allowed all of them
    tokens.give(Ok("a"));
    for outcome in sent {
        soon(outcome).await.unwrap();
    }
    let deliveries = target.deliveries();
    let ids: Vec<_> = deliveries.iter().map(|request| request.header("ce-id").unwrap()).collect();
    assert_eq!(ids, ["0", "1", "2", "3"]);
    // One every half second; the first may be late.
    let took = deliveries[3].at - deliveries[0].at;
    assert!(took >= 900 * MS, "{took:?}");
}

/// As soon as there is a token, the first delivery may go.
#[tokio::test]
async fn what_is_not_sent_for_want_of_a_token_takes_no_place_under_the_rate() {
    let target = TestTarget::start(Respond::agree("1"), [accepted()]).await;
    let tokens = Tokens::hanging();
    let mut options = options();
    (options.retry, options.timeout) = (RetrySchedule::new([]), 10_000 * MS);
    let (_, sender, _) = open(Target::new(target.url("/hook")).token_from(tokens.clone()), options);
    tokens.give(Err(ErrorKind::Unreachable));
    for id in ["1", "2"] {
        let error = soon(sender.send(&event(id))).await.unwrap_err();
        assert_eq!((error.kind(), OwnWait::of(&error)), (ErrorKind::Unreachable, None), "{error}");
    }
    tokens.give(Ok("a"));
    soon(sender.send(&event("1"))).await.unwrap();
    let error = soon(sender.send(&event("2"))).await.unwrap_err();
    assert!(OwnWait::of(&error).is_some_and(|wait| wait > 30_000 * MS), "{error}");
    assert_eq!(target.deliveries().len(), 1);
}

/// It may be processed, and its response comes too late.
#[tokio::test]
async fn without_retries_no_request_begins_in_the_second_half_for_a_token_that_came_late() {
    let posts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&posts);
    let agree = async || {
        sleep(7500 * MS).await;
        [("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "*"), ("allow", "POST")]
    };
    let deliver = async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        StatusCode::NO_CONTENT
    };
    let app = axum::Router::new().route("/hook", axum::routing::options(agree).post(deliver));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let tokens = Tokens::hanging();
    let mut options = options();
    // A request may begin within ten seconds, and the token come within 13.75: each is seconds away from what has to be before or after it.
    (options.retry, options.timeout) = (RetrySchedule::new([]), 20_000 * MS);
    let (_, sender, _) = open(Target::new(url).token_from(tokens.clone()), options);
    let late = async {
        tokens.requested().await;
        sleep(4000 * MS).await; // within its half of what is left, and behind the first half of all
        tokens.give(Ok("a"));
    };
    let sent = event("1");
    let (sent, ()) = soon(async { tokio::join!(sender.send(&sent), late) }).await;
    let error = sent.unwrap_err();
    assert!(OwnWait::of(&error).is_some(), "{error}");
    assert_eq!(posts.load(Ordering::Relaxed), 0);
    soon(sender.send(&event("1"))).await.unwrap();
}

/// And what was requested before the pause may be worth nothing after it.
#[tokio::test]
async fn a_target_that_is_paused_while_a_token_is_requested_gets_nothing_until_it_is_resumed() {
    for rate in ["*", "6000"] {
        let target = TestTarget::start(Respond::agree(rate), [accepted()]).await;
        let tokens = Tokens::hanging();
        let mut options = options();
        options.timeout = 30_000 * MS;
        let hook = Target::new(target.url("/hook")).named("hook").token_from(tokens.clone());
        let (webhooks, sender, _) = open(hook, options);
        let outcome = sender.enqueue(&event("1")).await.unwrap();
        tokens.requested().await;
        webhooks.pause("hook", None).unwrap();
        tokens.give(Ok("a"));
        sleep(1500 * MS).await;
        assert_eq!(seen(&target), []);
        tokens.give(Ok("b"));
        webhooks.resume("hook").unwrap();
        soon(outcome).await.unwrap();
        assert_eq!(seen(&target), [("/hook".into(), "Bearer b".into())]);
    }
}

/// Neither goes where it does not belong: the token of the one before, and the delivery.
#[tokio::test]
async fn a_target_that_moves_while_a_token_is_requested_gets_one_of_its_own() {
    let target = TestTarget::start(Respond::agree("*"), [accepted()]).await;
    let tokens = Tokens::hanging();
    let mut options = options();
    options.timeout = 30_000 * MS;
    let hook = |path: &str| Target::new(target.url(path)).named("hook");
    let (webhooks, sender, _) = open(hook("/hook").token_from(tokens.clone()), options);
    let outcome = sender.enqueue(&event("1")).await.unwrap();
    tokens.requested().await;
    webhooks.add(hook("/moved").token("b")).unwrap();
    tokens.give(Ok("a"));
    soon(outcome).await.unwrap();
    assert_eq!(seen(&target), [("/moved".into(), "Bearer b".into())]);
}

#[tokio::test]
async fn no_token_is_requested_for_what_may_not_be_sent() {
    let refusing = TestTarget::start(Respond::status("403 Forbidden", ""), [accepted()]).await;
    let agreeing = TestTarget::start(Respond::agree("1"), [accepted()]).await;
    let tokens = Tokens::hanging();
    tokens.give(Ok("a"));
    let mut options = options();
    (options.retry, options.timeout) = (RetrySchedule::new([]), 20_000 * MS);
    let hook =
        |target: &TestTarget| Target::new(target.url("/hook")).named("hook").token_from(tokens.clone());
    let (_, sender, _) = open(hook(&refusing), options.clone());
    soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!(tokens.asked(), 0);
    let (webhooks, sender, _) = open(hook(&agreeing), options);
    webhooks.pause("hook", None).unwrap();
    soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!(tokens.asked(), 0);
    webhooks.resume("hook").unwrap();
    soon(sender.send(&event("1"))).await.unwrap();
    // The rate is used up.
    soon(sender.send(&event("2"))).await.unwrap_err();
    assert_eq!((tokens.asked(), agreeing.deliveries().len()), (1, 1));
}

/// A token that was requested before the wait may have expired: each would be refused, and would take another place under the rate.
#[tokio::test]
async fn deliveries_that_waited_for_the_rate_have_the_token_of_then() {
    let target = TestTarget::start(Respond::agree("20"), [accepted()]).await;
    let tokens = Tokens::hanging();
    tokens.give(Ok("a"));
    let (_, sender, _) = open(Target::new(target.url("/hook")).token_from(tokens.clone()), options());
    soon(sender.send(&event("1"))).await.unwrap();
    let waiting = sender.enqueue(&event("2")).await.unwrap();
    sleep(100 * MS).await;
    tokens.give(Ok("b"));
    soon(waiting).await.unwrap();
    assert_eq!(seen(&target), ["Bearer a", "Bearer b"].map(|bearer| ("/hook".into(), bearer.into())));
}
