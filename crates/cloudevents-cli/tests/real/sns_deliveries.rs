//! Deliveries of Amazon SNS to a webhook, with a fake host of SNS. Here, because only this program's build has TLS for reqwest.

use crate::program::ce;
use cloudevents_kit::{
    ErrorKind,
    webhook::{
        guard::{Resolve, UrlGuard},
        reqwest013::GuardedClient,
        signature::Verify,
        sns::SnsSignatures,
    },
};
use cloudevents_testkit::tls::Authority;
use http::{Request, request::Parts};
use reqwest::Certificate;
use std::{
    future::ready,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:orders";
const HOST: &str = "sns.eu-central-1.amazonaws.com";
const CERTIFICATE: &str = include_str!("../../../cloudevents-webhook/tests/it/sns/certificate.pem");
const NOTIFICATION: &str = include_str!("../../../cloudevents-webhook/tests/it/sns/notification-2.json");
const CONFIRMATION: &str = include_str!("../../../cloudevents-webhook/tests/it/sns/confirmation-2.json");

/// Resolves the host of SNS to this machine, and no other name.
struct Fake;

impl Resolve for Fake {
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send {
        ready(match host {
            HOST => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            _ => Err(io::Error::other("no other name is resolved")),
        })
    }
}

/// Serves a certificate, a redirect to it, a large file and the confirmation, and keeps the paths of requests.
async fn host() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (port, paths) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&paths);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && connection.read_buf(&mut head).await.unwrap_or(0) > 0 {}
            let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, body) = match path.split(['?', '.']).next().unwrap_or_default() {
                "/SimpleNotificationService-0" => ("200 OK", CERTIFICATE.to_owned()),
                "/large" => ("200 OK", format!("{CERTIFICATE}{}", " ".repeat(20_000))),
                "/moved" => ("302 Found\r\nlocation: /SimpleNotificationService-0.pem", String::new()),
                "/" => ("200 OK", "<ConfirmSubscriptionResponse/>".to_owned()),
                _ => ("403 Forbidden", String::new()),
            };
            seen.lock().unwrap().push(path);
            let length = body.len();
            let response =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = connection.write_all(response.as_bytes()).await;
        }
    });
    (port, paths)
}

fn parts() -> Parts {
    Request::post("/hook").body(()).unwrap().into_parts().0
}

/// The message, with URLs at the port of the fake host.
fn at(port: u16, message: &str) -> String {
    message.replace(&format!("https://{HOST}/"), &format!("https://{HOST}:{port}/"))
}

#[tokio::test]
async fn certificates_and_confirmations_come_from_the_host_of_sns() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::new().unwrap();
    let (server, paths) = host().await;
    let port = authority.terminate_as(HOST, server, false).await.unwrap();
    let trusted = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let builder = || reqwest::Client::builder().tls_certs_only([trusted.clone()]);
    let guard = || UrlGuard::new().allow_port(port).allow_network("127.0.0.1".parse().unwrap());
    let client = |guard| GuardedClient::new(guard, Fake, builder()).unwrap();
    let signatures = || SnsSignatures::new(client(guard()), [TOPIC]).unwrap();
    let (parts, now) = (parts(), SystemTime::now());

    let (sns, message) = (signatures(), at(port, NOTIFICATION));
    assert!(sns.verify(&parts, message.as_bytes(), now).is_err(), "the certificate is not there yet");
    sns.prepare(&parts, message.as_bytes(), now).unwrap().await.unwrap();
    sns.verify(&parts, message.as_bytes(), now).unwrap();
    assert!(sns.prepare(&parts, message.as_bytes(), now).is_none(), "it is fetched once");
    let tomorrow = now + Duration::from_secs(24 * 60 * 60);
    assert!(sns.prepare(&parts, message.as_bytes(), tomorrow).is_some(), "it is kept for a day");
    assert!(sns.confirm(at(port, CONFIRMATION).as_bytes()).await.unwrap());

    // Neither redirects nor large files, nor an address that the guard does not allow.
    for path in ["moved", "large", "missing"] {
        let (sns, message) = (signatures(), message.replace("SimpleNotificationService-0", path));
        let error = sns.prepare(&parts, message.as_bytes(), now).unwrap().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{path}");
        // The host is not asked again at once.
        let error = sns.prepare(&parts, message.as_bytes(), now).unwrap().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{path}");
        let later = now + Duration::from_secs(5);
        let error = sns.prepare(&parts, message.as_bytes(), later).unwrap().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{path}");
    }
    let guarded = SnsSignatures::new(client(UrlGuard::new().allow_port(port)), [TOPIC]).unwrap();
    let error = guarded.prepare(&parts, message.as_bytes(), now).unwrap().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(
        guarded.confirm(at(port, CONFIRMATION).as_bytes()).await.unwrap_err().kind(),
        ErrorKind::Refused
    );

    let paths: Vec<String> = paths.lock().unwrap().clone();
    let wanted = [
        "/SimpleNotificationService-0.pem",
        "/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:123456789012:orders&Token=2336",
    ];
    assert_eq!(paths[..2], wanted);
    assert_eq!(
        paths[2..],
        ["/moved.pem", "/moved.pem", "/large.pem", "/large.pem", "/missing.pem", "/missing.pem"]
    );
}

#[test]
fn a_target_of_the_program_refuses_what_is_not_signed() {
    for (arguments, why) in [
        (&["--sns-topic", TOPIC][..], "--sns-topic is for --from aws-sns"),
        (&["--from", "aws-sns", "--sns-topic", "orders"], "no ARN of a topic"),
        (&["--from", "aws-sns"], "neither a token nor a secret"),
    ] {
        let ran = ce(&[&["webhook", "serve", "http://127.0.0.1:0/hook"], arguments].concat());
        assert_eq!(ran.status, 2, "{}", ran.err);
        assert!(ran.err.contains(why), "{}", ran.err);
    }
}
