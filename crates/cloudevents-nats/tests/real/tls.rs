//! TLS, with a real server in a process of its own.

use crate::{
    process::Process,
    tools::{event, id, next, strict},
};
use cloudevents_core::ErrorKind;
use cloudevents_nats::async_nats051::{NatsSenderOptions, Tls, receiver, sender};
use cloudevents_testkit::tls::Authority;
use std::fs;

#[tokio::test]
async fn a_real_server_is_known_by_its_authority() {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.issue("localhost").unwrap();
    let process = Process::start_with(|folder| {
        let (at, its) = (folder.join("certificate"), folder.join("key"));
        fs::write(&at, &certificate).unwrap();
        fs::write(&its, &key).unwrap();
        let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        vec!["--tls".into(), "--tlscert".into(), path(at), "--tlskey".into(), path(its)]
    });
    let Some(process) = process else { return };
    let port = process.url().rsplit_once(':').unwrap().1.to_owned();
    let url = format!("nats+tls://localhost:{port}/orders");
    let trusting = Tls::default().with_authorities(authority.pem());
    let (mut sending, mut receiving) = (NatsSenderOptions::default(), strict());
    sending.connection.tls = trusting.clone();
    receiving.connection.tls = trusting;
    let mut orders = receiver(&url, receiving).await.unwrap();
    let opened = sender(&url, sending.clone()).await.unwrap();
    opened.send(&event("1")).await.unwrap();
    assert_eq!(id(&next(&mut orders).await), "1");
    // Not among the authorities that browsers trust.
    let error = sender(&url, NatsSenderOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(
        error.to_string().contains("certificate") || error.to_string().contains("UnknownIssuer"),
        "{error}"
    );
    // The certificate is for another name.
    let error = sender(&url.replace("localhost", "127.0.0.1"), sending).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}

#[tokio::test]
async fn a_real_server_and_its_client_know_each_other_by_the_files_of_the_url() {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.issue("localhost").unwrap();
    let client = authority.issue("client").unwrap();
    let mut files = String::new();
    let process = Process::start_with(|folder| {
        let file = |name: &str, pem: &str| {
            let path = folder.join(name);
            fs::write(&path, pem).unwrap();
            path.to_string_lossy().into_owned()
        };
        let authority = file("authority", &authority.pem());
        files =
            format!("ca={authority}&cert={}&cert-key={}", file("cert", &client.0), file("its", &client.1));
        let (certificate, key) = (file("certificate", &certificate), file("key", &key));
        ["--tlsverify", "--tlscacert", &authority, "--tlscert", &certificate, "--tlskey", &key]
            .map(str::to_owned)
            .to_vec()
    });
    let Some(process) = process else { return };
    let port = process.url().rsplit_once(':').unwrap().1.to_owned();
    let url = format!("nats+tls://localhost:{port}/orders?{files}");
    let mut orders = receiver(&url, strict()).await.unwrap();
    sender(&url, NatsSenderOptions::default()).await.unwrap().send(&event("1")).await.unwrap();
    assert_eq!(id(&next(&mut orders).await), "1");
    let without = url.split("&cert=").next().unwrap();
    let error = sender(without, NatsSenderOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}
