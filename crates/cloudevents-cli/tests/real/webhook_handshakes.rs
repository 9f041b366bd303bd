//! Handshakes of webhooks that nothing answers, and the options that answer them.

use crate::{
    webhook_gate::{Service, headers, post},
    webhook_schemes::{serving, until},
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

/// The option in the help.
const NAMED: &str = "`--provider event-grid`";

/// Sends the handshake of this sender, and returns the status.
fn handshake(url: &str, origin: &str) -> u16 {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let origin =
        if origin.is_empty() { String::new() } else { format!("webhook-request-origin: {origin}\r\n") };
    write!(stream, "OPTIONS /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{origin}\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

/// With and without a service.
#[test]
fn a_refused_handshake_names_the_option_that_answers_it() {
    let service = Service::start();
    let to = service.url();
    for to in [&[][..], &["--to", &to]] {
        for (options, status) in [(&[][..], 405), (&["--origin", "another.example"], 403)] {
            let arguments = [&["--unauthenticated"], options, to].concat();
            let (target, reports) = serving("", &arguments);
            assert_eq!(handshake(&target.url, "eventgrid.azure.net"), status, "{arguments:?}");
            assert!(until(&reports, NAMED).contains("--origin NAME"), "{arguments:?}");
        }
        let arguments = [&["--unauthenticated", "--provider", "event-grid"], to].concat();
        let (target, reports) = serving("", &arguments);
        assert_eq!(handshake(&target.url, "eventgrid.azure.net"), 200);
        assert!(!fs::read_to_string(&reports).unwrap().contains("help"));
        // A browser asks whether a page may send. That is no handshake, and the option does not answer it.
        let (target, reports) = serving("", &[&["--unauthenticated"], to].concat());
        assert_eq!(handshake(&target.url, ""), 405);
        assert!(!until(&reports, "405 Method Not Allowed").contains("help"));
    }
}

#[test]
fn a_validation_of_event_grid_names_the_option_that_answers_it() {
    let body = br#"[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","subject":"","data":{"validationCode":"5"},"eventTime":"2018-01-25T22:12:19Z","dataVersion":"1"}]"#;
    let given = headers(&[
        ("content-type", "application/json"),
        ("aeg-event-type", "SubscriptionValidation"),
        ("aeg-subscription-name", "ORDERS"),
    ]);
    let (target, reports) = serving("", &["--unauthenticated"]);
    assert!(post(&target.url, &given, body).status >= 400);
    until(&reports, "`ce webhook serve --provider event-grid --subscription ORDERS` answers");
    // Deliveries are to name an allowed origin, unless they are of a subscription that is allowed.
    let provider = ["--unauthenticated", "--provider", "event-grid"];
    let (target, reports) = serving("", &provider);
    assert_eq!(post(&target.url, &given, body).status, 403);
    until(&reports, "`--subscription NAME`");
    let (target, reports) = serving("", &[&provider[..], &["--subscription", "orders"]].concat());
    assert_eq!(post(&target.url, &given, body).status, 200);
    assert!(!fs::read_to_string(&reports).unwrap().contains("help"));
}
