//! Deliveries of Amazon SNS. OpenSSL made the certificate and the signatures of the files.

use bytes::Bytes;
use cloudevents_adapters::Adapters;
use cloudevents_core::{DecodeOptions, ErrorKind, Event};
use cloudevents_transport::{Failure, fake::FakeQueue};
use cloudevents_webhook::{
    guard::{Resolve, UrlGuard},
    receiver::{Webhook, WebhookOptions},
    reqwest013::GuardedClient,
    signature::{Coverage, SignatureError, Verified, Verify},
    sns::SnsSignatures,
};
use http::{Request, StatusCode, request::Parts};
use http_body_util::Full;
use std::{
    future::{pending, ready},
    io,
    net::{IpAddr, Ipv4Addr},
    pin::pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::task::yield_now;

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:orders";
const URL: &str = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem";
const CERTIFICATE: &[u8] = include_bytes!("sns/certificate.pem");
const FIRST: &str = include_str!("sns/notification-1.json");
const SECOND: &str = include_str!("sns/notification-2.json");
const CONFIRMATION: &str = include_str!("sns/confirmation-2.json");

/// Resolves each name to an address that the guard refuses.
struct Private;

impl Resolve for Private {
    fn resolve(&self, _: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send {
        ready(Ok(vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))]))
    }
}

fn without_certificate(topics: &[&str]) -> SnsSignatures {
    let client = GuardedClient::new(UrlGuard::new(), Private, reqwest::Client::builder()).unwrap();
    SnsSignatures::new(client, topics).unwrap()
}

fn signatures() -> SnsSignatures {
    without_certificate(&["arn:aws:sns:eu-west-1:1:x", TOPIC]).with_certificate(URL, CERTIFICATE).unwrap()
}

fn parts() -> Parts {
    Request::post("/hook").body(()).unwrap().into_parts().0
}

fn verify(signatures: &SnsSignatures, body: &str) -> Result<String, SignatureError> {
    let verified = signatures.verify(&parts(), body.as_bytes(), SystemTime::now())?;
    assert_eq!(verified.coverage, Coverage::Body);
    Ok(verified.id.unwrap().into())
}

#[test]
fn signatures_of_both_versions_fit() {
    for body in [FIRST, SECOND, CONFIRMATION] {
        assert_eq!(verify(&signatures(), body).unwrap(), "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324");
    }
}

#[test]
fn every_signed_member_counts() {
    for (body, from, to) in [
        (FIRST, "and more", "and less"),
        (FIRST, "My subject", "Your subject"),
        (FIRST, "22b80b92", "32b80b92"),
        (FIRST, "00:54", "00:55"),
        (FIRST, r#""SignatureVersion": "1""#, r#""SignatureVersion": "2""#),
        (FIRST, r#""Notification""#, r#""UnsubscribeConfirmation""#),
        (SECOND, r#""MessageId""#, r#""Subject": "added", "MessageId""#),
        (SECOND, r#""SignatureVersion": "2""#, r#""SignatureVersion": "3""#),
        (SECOND, r#""Signature": ""#, r#""Signature": "!"#),
        (CONFIRMATION, "Token=2336", "Token=2337"),
        (CONFIRMATION, r#""Token": "2336""#, r#""Token": "2337""#),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_ne!(changed, body);
        assert!(verify(&signatures(), &changed).is_err(), "{to}");
    }
}

#[test]
fn a_message_names_what_is_wrong() {
    let of = |body: &str| verify(&signatures(), body).unwrap_err();
    let component = |name: &str| SignatureError::Component(name.into());
    assert_eq!(of(&FIRST.replace("123456789012:orders", "123456789012:other")), SignatureError::Topic);
    assert_eq!(
        of(&FIRST.replace("sns.eu-central-1.amazonaws", "sns.eu-west-1.amazonaws")),
        component("SigningCertURL")
    );
    assert_eq!(
        of(&FIRST.replace("amazonaws.com/", "amazonaws.com.evil.example/")),
        component("SigningCertURL")
    );
    // A raw delivery.
    assert_eq!(of("hello"), component("the body"));
    assert_eq!(of("{}"), component("Type"));
    assert_eq!(verify(&without_certificate(&[TOPIC]), FIRST).unwrap_err(), SignatureError::Mismatch);
}

#[test]
fn a_certificate_holds_for_its_time_and_its_key() {
    for days in [0, 365 * 200] {
        let now = UNIX_EPOCH + Duration::from_secs(days * 24 * 60 * 60);
        let error = signatures().verify(&parts(), FIRST.as_bytes(), now).unwrap_err();
        assert_eq!(error, SignatureError::Mismatch, "{days}");
    }
    let other = &include_bytes!("sns/other.pem")[..];
    let other = without_certificate(&[TOPIC]).with_certificate(URL, other).unwrap();
    assert_eq!(verify(&other, SECOND).unwrap_err(), SignatureError::Mismatch);
    for no_key in [
        &b""[..],
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        include_bytes!("sns/elliptic.pem"),
    ] {
        let error = without_certificate(&[TOPIC]).with_certificate(URL, no_key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}

#[test]
fn a_certificate_is_fetched_only_from_the_host_of_the_topic() {
    let prepares = |signatures: &SnsSignatures, body: &str| {
        signatures.prepare(&parts(), body.as_bytes(), SystemTime::now()).is_some()
    };
    assert!(!prepares(&signatures(), FIRST));
    let empty = without_certificate(&[TOPIC]);
    assert!(prepares(&empty, FIRST));
    for body in [
        FIRST.replace("123456789012:orders", "123456789012:other"),
        FIRST.replace("sns.eu-central-1.amazonaws", "sns.eu-west-1.amazonaws"),
        FIRST.replace("https://sns", "http://sns"),
        "hello".to_owned(),
    ] {
        assert!(!prepares(&empty, &body), "{body}");
    }
}

#[tokio::test]
async fn a_subscription_is_confirmed_at_the_host_of_the_topic() {
    let signatures = signatures();
    assert!(!signatures.confirm(FIRST.as_bytes()).await.unwrap());
    for (from, to) in [
        ("https://sns.eu-central-1.amazonaws.com/?", "https://evil.example/?"),
        ("https://sns.eu-central-1.amazonaws.com/?", "http://sns.eu-central-1.amazonaws.com/?"),
        ("123456789012:orders\"", "123456789012:other\""),
    ] {
        let changed = CONFIRMATION.replace(from, to);
        assert_ne!(changed, CONFIRMATION);
        assert_eq!(
            signatures.confirm(changed.as_bytes()).await.unwrap_err().kind(),
            ErrorKind::Refused,
            "{to}"
        );
    }
}

async fn respond(signatures: SnsSignatures, body: &str) -> (StatusCode, Vec<String>) {
    let adapters = Adapters::known().only("aws-sns").unwrap();
    let options = WebhookOptions::without_handshake().signature(signatures).adapters(adapters);
    let (webhook, mut receiver) = Webhook::open(options).unwrap();
    let types = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&types);
    let handling = tokio::spawn(async move {
        while let Ok(Some(delivery)) = receiver.next().await {
            seen.lock().unwrap().push(delivery.event().unwrap().ty().to_owned());
            delivery.accept().await.unwrap();
        }
    });
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    let request =
        Request::post("/hook").header("content-type", "text/plain; charset=UTF-8").body(body).unwrap();
    let response = webhook.respond(request, None).await;
    handling.abort();
    let types = types.lock().unwrap().clone();
    (response.status(), types)
}

#[tokio::test]
async fn a_receiver_takes_signed_notifications_only() {
    let (status, types) = respond(signatures(), SECOND).await;
    assert_eq!((status, types), (StatusCode::NO_CONTENT, vec!["com.amazonaws.sns.Notification".to_owned()]));
    let (status, types) = respond(signatures(), CONFIRMATION).await;
    let confirmation = "com.amazonaws.sns.SubscriptionConfirmation".to_owned();
    assert_eq!((status, types), (StatusCode::NO_CONTENT, vec![confirmation]));
    let (status, types) = respond(signatures(), &SECOND.replace("and more", "and less")).await;
    assert_eq!((status, types.len()), (StatusCode::FORBIDDEN, 0));
    // SNS sends it again when the certificate can be fetched.
    let (status, types) = respond(without_certificate(&[TOPIC]), SECOND).await;
    assert_eq!((status, types.len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
}

/// The way from SNS into a broker. The program of the README has the same handler.
#[tokio::test(start_paused = true)]
async fn a_signed_notification_is_accepted_when_the_broker_has_its_event() {
    let adapters = Adapters::known().only("aws-sns").unwrap();
    let sns = signatures();
    let options = WebhookOptions::without_handshake().signature(sns.clone()).adapters(adapters);
    let (webhook, receiver) = Webhook::open(options).unwrap();
    let queue = FakeQueue::new();
    let broker = queue.sender();
    let forward = async |event: Event| -> Result<(), Failure> {
        match event.data_bytes() {
            Some(message) if event.ty() == "com.amazonaws.sns.SubscriptionConfirmation" => {
                sns.confirm(message).await?;
            }
            _ => {
                broker.send(&event).await?;
            }
        }
        Ok(())
    };
    let request = |body: &str| {
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        Request::post("/hook").header("content-type", "text/plain; charset=UTF-8").body(body).unwrap()
    };
    let deliver = async {
        queue.hold_confirms(true);
        let mut response = pin!(webhook.respond(request(SECOND), None));
        let arrived = async {
            while queue.is_empty() {
                yield_now().await;
            }
        };
        tokio::select! {
            biased;
            early = &mut response => panic!("the broker has not confirmed the event: {early:?}"),
            () = arrived => {}
        }
        queue.hold_confirms(false);
        assert_eq!(response.await.status(), StatusCode::NO_CONTENT);
        // The message of a stranger does not get there. An event that the broker does not take is not accepted.
        let forged = SECOND.replace("and more", "and less");
        assert_eq!(webhook.respond(request(&forged), None).await.status(), StatusCode::FORBIDDEN);
        queue.refuse_if(|_| true);
        assert!(!webhook.respond(request(SECOND), None).await.status().is_success());
        // The guard refuses the host of the confirmation here: SNS sends it again, and the broker does not get its token.
        assert!(!webhook.respond(request(CONFIRMATION), None).await.status().is_success());
    };
    tokio::select! {
        ended = receiver.run(forward).until(pending::<()>()) => panic!("{ended:?}"),
        () = deliver => {}
    }
    assert_eq!(queue.len(), 1);
    let delivery = queue.receiver(DecodeOptions::strict()).next().await.unwrap().unwrap();
    let event = delivery.event().unwrap();
    assert_eq!(
        (event.ty(), event.id(), event.source().as_str()),
        ("com.amazonaws.sns.Notification", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", TOPIC)
    );
    assert_eq!(event.data_bytes().unwrap(), SECOND.trim_end().as_bytes());
}

/// A check that every body passes.
struct Passes;

impl Verify for Passes {
    fn verify(&self, _: &Parts, _: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        Ok(Verified::new(Coverage::Body))
    }
}

#[tokio::test]
async fn attributes_without_a_signature_get_into_no_event() {
    let body = r#"{"Type":"Notification","MessageId":"7","TopicArn":"arn:aws:sns:eu-central-1:1:t",
        "Message":"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/s\",\"type\":\"t\"}",
        "MessageAttributes":{"tenant":{"Type":"String","Value":"t7"}}}"#;
    let of = async |options: WebhookOptions| {
        let options = options.adapters(Adapters::known().only("aws-sns").unwrap());
        let (webhook, mut receiver) = Webhook::open(options).unwrap();
        let request = Request::post("/hook").header("content-type", "text/plain; charset=UTF-8");
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let (response, event) = tokio::join!(webhook.respond(request, None), async {
            let delivery = receiver.next().await.unwrap().unwrap();
            let event = delivery.event().unwrap();
            delivery.accept().await.unwrap();
            event
        });
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        event.attribute("tenant").map(|value| value.to_canonical().into_owned())
    };
    assert_eq!(of(WebhookOptions::without_handshake().unauthenticated()).await.as_deref(), Some("t7"));
    assert_eq!(of(WebhookOptions::without_handshake().signature(Passes)).await, None);
}
