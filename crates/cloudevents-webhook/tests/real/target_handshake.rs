//! The handshake of a target, over sockets.

use crate::tools::{STRUCTURED, TOKEN, Target, bearer, document, soon, with_token};
use cloudevents_webhook::{
    guard::{Resolve, UrlGuard},
    handshake::{AllowedOrigins, Rate},
    receiver::WebhookOptions,
    reqwest013::GuardedClient,
};
use http::Method;
use std::{io, net::IpAddr};

fn allowing() -> WebhookOptions {
    let allowed = AllowedOrigins::new(["trusted.example.com", "*.partner.example"]).unwrap();
    WebhookOptions::allowing(allowed).token(TOKEN)
}

#[tokio::test]
async fn consent_is_for_allowed_origins_and_carries_the_rate() {
    let (target, _seen) = Target::accepting(allowing().highest_rate(Rate::per_minute(100).unwrap())).await;
    let agreed = target
        .options(&[("webhook-request-origin", "Trusted.Example.com"), ("webhook-request-rate", "120")])
        .await;
    assert_eq!(agreed.status, 200);
    // As the sender writes it (WEBHOOK-4.2.1-b).
    assert_eq!(agreed.header("webhook-allowed-origin"), Some("Trusted.Example.com"));
    assert_eq!(agreed.header("webhook-allowed-rate"), Some("100"));
    assert!(agreed.header("allow").unwrap().contains("POST"));

    for (origin, status) in [
        ("trusted.example.com.attacker.tld", 403),
        ("attacker-partner.example", 403),
        ("partner.example", 403),
        ("https://trusted.example.com", 400),
    ] {
        let refused = target.options(&[("webhook-request-origin", origin)]).await;
        assert_eq!(refused.status, status, "{origin}");
        assert_eq!(refused.header("webhook-allowed-origin"), None, "{origin}");
        assert_eq!(refused.header("webhook-allowed-rate"), None, "{origin}");
    }
    assert_eq!(target.options(&[]).await.status, 405);
}

#[tokio::test]
async fn deliveries_name_an_allowed_origin() {
    let (target, seen) = Target::accepting(allowing()).await;
    let (bearer, id) = (bearer(), ("content-type", STRUCTURED));
    for origin in [None, Some("trusted.example.com.attacker.tld"), Some("")] {
        let mut headers = vec![id, ("authorization", bearer.as_str())];
        headers.extend(origin.map(|origin| ("webhook-request-origin", origin)));
        let refused = target.post(&headers, document("1")).await;
        assert_eq!((refused.status.as_u16(), refused.problem("clause")), (403, "WEBHOOK-2.1-e".into()));
    }
    let headers = [id, ("authorization", bearer.as_str()), ("webhook-request-origin", "eu.partner.example")];
    assert_eq!(target.post(&headers, document("2")).await.status, 204);
    assert_eq!(seen.ids(), ["2"]);
}

#[tokio::test]
async fn without_the_handshake_options_is_not_a_method() {
    let (target, _seen) = Target::accepting(with_token()).await;
    let refused = target.options(&[("webhook-request-origin", "trusted.example.com")]).await;
    assert_eq!(refused.status, 405);
    assert!(refused.header("allow").unwrap().contains("POST"));
    assert_eq!(refused.header("webhook-allowed-origin"), None);
    assert_eq!(target.send(Method::PUT, "", &[], "").await.status, 405);
}

/// Resolves every name to this machine.
struct Here;

impl Resolve for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

#[tokio::test]
async fn consent_by_callback_waits_in_a_bounded_queue_for_the_application() {
    let (target, _seen) = Target::accepting(allowing().by_callback(2)).await;
    let ask = async |callback: &str| {
        let headers = [
            ("webhook-request-origin", "trusted.example.com"),
            ("webhook-request-rate", "120"),
            ("webhook-request-callback", callback),
        ];
        target.options(&headers).await
    };
    // The sender: a server whose callback records the granted rate.
    let (granted, mut rates) = tokio::sync::mpsc::unbounded_channel();
    let callback = axum::Router::new().route(
        "/callback",
        axum::routing::post(async move |headers: http::HeaderMap| {
            granted.send(headers["webhook-allowed-rate"].to_str().unwrap().to_owned()).unwrap();
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, callback).await });
    let good = format!("http://emitter.example:{port}/callback?id=7&key=secret");

    for callback in [good.as_str(), good.as_str(), "https://169.254.169.254/latest/meta-data/"] {
        let later = ask(callback).await;
        assert_eq!((later.status.as_u16(), later.header("webhook-allowed-origin")), (202, None));
    }
    // The repeated one took no place; a third one finds the queue full.
    assert_eq!(ask("https://third.example/").await.status, 503);
    // Without a callback consent could never come, and the status alone is no consent.
    let refused = target.options(&[("webhook-request-origin", "trusted.example.com")]).await;
    assert_eq!((refused.status.as_u16(), refused.header("webhook-allowed-origin")), (403, None));

    let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
    let client = GuardedClient::new(guard, Here, reqwest::Client::builder()).unwrap();
    let pending = soon(target.webhook.next_pending()).await;
    assert_eq!((pending.origin().as_str(), pending.callback()), ("trusted.example.com", good.as_str()));
    soon(client.agree(&pending)).await.unwrap();
    assert_eq!(soon(rates.recv()).await.unwrap(), "120");

    // The guard looks at callbacks, and errors do not repeat the URL.
    let hostile = soon(target.webhook.next_pending()).await;
    let error = soon(client.agree(&hostile)).await.unwrap_err();
    assert_eq!(error.kind(), cloudevents_core::ErrorKind::Refused);
    assert!(error.to_string().contains("link-local") && !error.to_string().contains("meta-data"), "{error}");
}
