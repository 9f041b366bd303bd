//! Tokens by OAuth client credentials: an embedded token server, and targets that take its tokens.

use crate::tools::soon;
use cloudevents_core::{ErrorKind, Event};
use cloudevents_testkit::webhook::{Respond, TargetRequest, TestTarget};
use cloudevents_transport::Sender;
use cloudevents_webhook::{
    deliver::RetrySchedule,
    guard::{Resolve, SystemResolver, UrlGuard},
    handshake::Rate,
    reqwest013::{ClientCredentials, GuardedClient, Target, TokenSource, WebhookSenderOptions, sender},
};
use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const MS: Duration = Duration::from_millis(1);

fn guard() -> UrlGuard {
    UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap())
}

fn client() -> GuardedClient {
    GuardedClient::new(guard(), SystemResolver::new(), reqwest::Client::builder()).unwrap()
}

/// A server that responds to requests for tokens in this order; the last response goes on.
async fn server(responses: impl IntoIterator<Item = Respond>) -> TestTarget {
    TestTarget::start(Respond::HangUp, responses).await
}

fn json(status: &str, headers: &str, body: &str) -> Respond {
    let length = body.len();
    Respond::Raw(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    ))
}

/// The response of RFC 6749, section 4.4.3, with this bearer token.
fn token(token: &str) -> Respond {
    let body = format!(
        r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600,"example_parameter":"example_value"}}"#
    );
    json("200 OK", "cache-control: no-store\r\npragma: no-cache\r\n", &body)
}

fn tokens(server: &TestTarget) -> ClientCredentials {
    ClientCredentials::new(client(), server.url("/token"), "s6BhdRkqt3", "gX1fBat3bV").unwrap()
}

/// A sender for one target, which has agreed, with quick retries for five seconds.
fn quick() -> RetrySchedule {
    RetrySchedule::exponential(5 * MS, 20 * MS).with_deadline(5000 * MS)
}

fn delivering(target: &TestTarget, tokens: ClientCredentials, retry: RetrySchedule) -> Sender {
    let mut options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
    options.retry = retry;
    (options.first_pause, options.longest_pause) = (20 * MS, 20 * MS);
    let target = Target::new(target.url("/hook")).agreed(Rate::unlimited()).token_from(tokens);
    sender(target, client(), options).unwrap()
}

fn event(id: usize) -> Event {
    Event::builder()
        .id(id.to_string())
        .source("/tests")
        .ty("com.example.test")
        .text("payload")
        .build()
        .unwrap()
}

fn bearers(target: &TestTarget) -> Vec<String> {
    let bearer = |request: TargetRequest| request.header("authorization").unwrap().to_owned();
    target.deliveries().into_iter().map(bearer).collect()
}

#[tokio::test]
async fn one_request_serves_all_deliveries() {
    let (server, target) = (server([token("2YotnFZFEjr1zCsicMWpAA")]).await, accepting().await);
    let sender = delivering(
        &target,
        tokens(&server).scope("a b").parameter("resource", "https://x.example/?y=1"),
        quick(),
    );
    soon(sender.send_all((0..20).map(event).collect::<Vec<_>>().iter())).await.unwrap();
    soon(sender.send(&event(20))).await.unwrap();
    assert_eq!(bearers(&target), vec!["Bearer 2YotnFZFEjr1zCsicMWpAA"; 21]);

    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/token"));
    // The credentials of RFC 6749, section 4.4.2.
    assert_eq!(request.header("authorization"), Some("Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        String::from_utf8_lossy(&request.body),
        "grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fx.example%2F%3Fy%3D1"
    );
}

/// It takes longer than the half of an attempt that is for the token, which must not mean that no attempt ever has one.
#[tokio::test]
async fn a_slow_token_server_serves_a_later_attempt() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    let respond = async move || {
        seen.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(800 * MS).await;
        ([("content-type", "application/json")], r#"{"access_token":"a","token_type":"Bearer"}"#)
    };
    let app = axum::Router::new().route("/token", axum::routing::post(respond));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let target = accepting().await;
    let mut options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
    options.timeout = 1000 * MS;
    options.retry = quick();
    let source = ClientCredentials::new(client(), url, "id", "secret").unwrap();
    let hook = Target::new(target.url("/hook")).agreed(Rate::unlimited()).token_from(source);
    let sender = sender(hook, client(), options).unwrap();
    soon(sender.send(&event(1))).await.unwrap();
    // An attempt that has it late may be cut, and made again.
    let bearers = bearers(&target);
    assert!(!bearers.is_empty() && bearers.iter().all(|bearer| bearer == "Bearer a"), "{bearers:?}");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

async fn accepting() -> TestTarget {
    TestTarget::start(Respond::HangUp, [Respond::status("204 No Content", "")]).await
}

#[tokio::test]
async fn credentials_are_encoded_and_may_be_in_the_body() {
    let server = server([token("a")]).await;
    let source = || ClientCredentials::new(client(), server.url("/token"), "id:1", "a b&c").unwrap();
    soon(source().token()).await.unwrap();
    soon(source().credentials_in_body().token()).await.unwrap();
    let requests = server.requests();
    // "id%3A1:a+b%26c" (RFC 6749, section 2.3.1 and appendix B).
    assert_eq!(requests[0].header("authorization"), Some("Basic aWQlM0ExOmErYiUyNmM="));
    assert_eq!(requests[1].header("authorization"), None);
    assert_eq!(
        String::from_utf8_lossy(&requests[1].body),
        "grant_type=client_credentials&client_id=id%3A1&client_secret=a+b%26c"
    );
}

#[tokio::test]
async fn clones_share_a_token_and_sources_of_other_tokens_do_not() {
    let server = server([token("a"), token("b")]).await;
    let source = tokens(&server);
    let (one, other) = (source.clone(), source.clone().scope("other"));
    let (first, second) = soon(async { tokio::join!(source.token(), one.token()) }).await;
    assert_eq!((&*first.unwrap(), &*second.unwrap()), ("a", "a"));
    assert_eq!(&*soon(other.token()).await.unwrap(), "b");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_delivery_tried_again() {
    let refused = Respond::status("401 Unauthorized", "");
    let server = server([token("a"), token("b"), token("c")]).await;
    let accepted = Respond::status("204 No Content", "");
    let target =
        TestTarget::start(Respond::HangUp, [accepted.clone(), refused.clone(), accepted, refused]).await;
    let sender = delivering(&target, tokens(&server), RetrySchedule::new([]));
    soon(sender.send(&event(1))).await.unwrap();
    soon(sender.send(&event(2))).await.unwrap(); // at once, whatever the schedule
    assert_eq!(bearers(&target), ["Bearer a", "Bearer a", "Bearer b"]);
    // It is not the token that this target refuses: no token is requested, and nothing is sent again.
    for id in 3..6 {
        let error = soon(sender.send(&event(id))).await.unwrap_err();
        assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    }
    assert_eq!(bearers(&target).len(), 6);
    assert_eq!(server.requests().len(), 2);
}

/// A request with another token does not repeat the one that was to wait.
#[tokio::test]
async fn a_token_is_renewed_at_once_whatever_time_the_refusal_names() {
    let busy = Respond::status("401 Unauthorized", "retry-after: 120\r\n");
    for retry in [RetrySchedule::new([]), quick()] {
        let server = server([token("a"), token("b")]).await;
        let responses = [busy.clone(), Respond::status("204 No Content", ""), busy.clone()];
        let target = TestTarget::start(Respond::HangUp, responses).await;
        let sender = delivering(&target, tokens(&server), retry);
        soon(sender.send(&event(1))).await.unwrap();
        assert_eq!(bearers(&target), ["Bearer a", "Bearer b"]);
        // It is not the token: the time counts, for all deliveries.
        for id in 2..4 {
            let error = soon(sender.send(&event(id))).await.unwrap_err();
            assert!(error.retry_after().is_some_and(|after| after > 110_000 * MS), "{error}");
        }
        assert_eq!(bearers(&target).len(), 3);
        assert_eq!(server.requests().len(), 2);
    }
}

/// It says nothing about the target.
#[tokio::test]
async fn a_refused_token_that_is_renewed_does_not_pause_the_target() {
    let (server, accepted) = (server([token("a"), token("b")]).await, Respond::status("204 No Content", ""));
    let responses = [accepted.clone(), Respond::status("401 Unauthorized", ""), accepted];
    let target = TestTarget::start(Respond::HangUp, responses).await;
    let mut options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
    (options.retry, options.failures, options.first_pause) = (quick(), 1, 60_000 * MS);
    let hook = Target::new(target.url("/hook")).agreed(Rate::unlimited()).token_from(tokens(&server));
    let sender = sender(hook, client(), options).unwrap();
    for id in 0..3 {
        soon(sender.send(&event(id))).await.unwrap();
    }
    assert_eq!(bearers(&target), ["Bearer a", "Bearer a", "Bearer b", "Bearer b"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_attempts_go_on() {
    let unavailable = json("503 Service Unavailable", "", "");
    let unauthorized = json("401 Unauthorized", "", r#"{"error":"invalid_client"}"#);
    let (server, target) = (server([unavailable, unauthorized, token("a")]).await, accepting().await);
    let sender = delivering(&target, tokens(&server), quick());
    // Many attempts in two seconds, and a request in each of them.
    soon(sender.send_all((0..5).map(event).collect::<Vec<_>>().iter())).await.unwrap();
    assert_eq!(server.requests().len(), 3);
    assert_eq!(bearers(&target), vec!["Bearer a"; 5]);
    let apart = |requests: &[TargetRequest]| requests[1].at - requests[0].at;
    assert!(server.requests().windows(2).all(|pair| apart(pair) >= 990 * MS));
}

#[tokio::test]
async fn whatever_a_token_server_responds() {
    let no_token = r#"{"access_token":"a","token_type":"mac"}"#;
    let nested = format!("{{\"access_token\":{}", "[".repeat(10_000));
    let big = format!(r#"{{"access_token":"{}","token_type":"bearer"}}"#, "a".repeat(70_000));
    let described = r#"{"error":"invalid_scope","error_description":"gX1fBat3bV has no such scope"}"#;
    let hidden = r#"{"error":"gX1fBat3bV is wrong"}"#;
    for (response, said) in [
        (json("200 OK", "", no_token), "no bearer token"),
        (json("200 OK", "", r#"{"access_token":"a"}"#), "no bearer token"),
        (json("200 OK", "", r#"{"token_type":"bearer"}"#), "without an access token"),
        (json("200 OK", "", r#"{"access_token":"","token_type":"bearer"}"#), "without an access token"),
        (
            json("200 OK", "", r#"{"access_token":"a\r\nb: c","token_type":"bearer"}"#),
            "without an access token",
        ),
        (json("200 OK", "", r#"{"access_token":"a","token_type":"bearer","expires_in":-1}"#), "expires_in"),
        (
            json("200 OK", "", r#"{"access_token":"a","token_type":"bearer","expires_in":"soon"}"#),
            "expires_in",
        ),
        (json("200 OK", "", "[]"), "something other"),
        (json("200 OK", "", &nested), "something other"),
        (json("200 OK", "", &big), "something other"),
        (json("400 Bad Request", "", described), "400 Bad Request: invalid_scope"),
        (json("401 Unauthorized", "", hidden), "401 Unauthorized"),
        (json("302 Found", "location: /elsewhere\r\n", ""), "302 Found"),
        (json("429 Too Many Requests", "retry-after: 7\r\n", ""), "429 Too Many Requests"),
        (Respond::EndlessBody, "something other"),
        (Respond::HeaderFlood, "the request failed"),
        (Respond::Silence, "the request failed"),
        (Respond::HangUp, "the request failed"),
    ] {
        let server = server([response.clone()]).await;
        // The others end by themselves.
        let limit = if matches!(response, Respond::Silence) { 500 * MS } else { 10_000 * MS };
        let source = tokens(&server).timeout(limit);
        let begin = Instant::now();
        let error = soon(source.token()).await.unwrap_err();
        assert!(error.to_string().contains(said) && error.is_temporary(), "{response:?}: {error}");
        let shown = format!("{error} {error:?} {source:?}");
        assert!(!shown.contains("gX1fBat3bV") && !shown.contains("/token"), "{shown}");
        // The error counts for a second.
        assert_eq!(soon(source.token()).await.unwrap_err().to_string(), error.to_string());
        assert!(server.requests().len() == 1 || begin.elapsed() >= 1000 * MS, "{response:?}");
        if said.starts_with("429") {
            assert_eq!(error.retry_after(), Some(7000 * MS));
        }
    }
    for lifetime in ["null", "3600", "\"3600\"", "18446744073709551615"] {
        let body = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{lifetime}}}"#);
        let server = server([json("200 OK", "", &body)]).await;
        let source = tokens(&server);
        for _ in 0..2 {
            assert_eq!(&*soon(source.token()).await.unwrap(), "a");
        }
        assert_eq!(server.requests().len(), 1, "{lifetime}");
    }
}

/// As a code of the error, too.
#[tokio::test]
async fn a_secret_that_a_token_server_repeats_is_not_in_errors() {
    // RFC 6749, section 4.4.2: the credentials, as they are sent, and what a secret of letters looks like.
    for (secret, code) in [
        ("gX1fBat3bV", "gX1fBat3bV"),
        ("gX1fBat3bV", "czZCaGRSa3F0MzpnWDFmQmF0M2JW"),
        ("correcthorse", "unknown_correcthorse"),
    ] {
        let body = format!(r#"{{"error":"{code}"}}"#);
        let server = server([json("400 Bad Request", "", &body)]).await;
        let source = ClientCredentials::new(client(), server.url("/token"), "s6BhdRkqt3", secret).unwrap();
        let error = soon(source.token()).await.unwrap_err();
        assert!(error.to_string().ends_with("400 Bad Request [refused]"), "{error}");
    }
}

/// Resolves every name to this machine.
struct Rebinding;

impl Resolve for Rebinding {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

#[tokio::test]
async fn the_guard_watches_the_token_endpoint() {
    let server = server([token("a")]).await;
    let strict = |guard| GuardedClient::new(guard, Rebinding, reqwest::Client::builder()).unwrap();
    for url in [
        server.url("/token"),
        "https://169.254.169.254/token".into(),
        "https://id:secret@login.example/".into(),
    ] {
        let error = ClientCredentials::new(strict(UrlGuard::new()), url, "id", "secret").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    let url = server.url("/token").replace("127.0.0.1", "login.example");
    let guard = UrlGuard::new().allow_http().allow_any_port();
    let source = ClientCredentials::new(strict(guard), url, "id", "secret").unwrap();
    let error = soon(source.token()).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1 is not on the public internet"), "{error}");
    assert!(server.requests().is_empty());
}

/// Some servers say 0 of a token that does not expire.
#[tokio::test]
async fn a_token_without_a_lifetime_is_not_requested_for_each_delivery() {
    let at_once = json("200 OK", "", r#"{"access_token":"a","token_type":"bearer","expires_in":0}"#);
    let (server, target) = (server([at_once]).await, accepting().await);
    let sender = delivering(&target, tokens(&server), quick());
    for id in 0..20 {
        soon(sender.send(&event(id))).await.unwrap();
    }
    soon(sender.send_all((20..60).map(event).collect::<Vec<_>>().iter())).await.unwrap();
    assert_eq!(bearers(&target).len(), 60);
    // One a second.
    assert!((1..10).contains(&server.requests().len()), "{} requests", server.requests().len());
}
