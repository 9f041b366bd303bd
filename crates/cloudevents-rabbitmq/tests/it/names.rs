//! Names in URLs have 255 bytes at most. A longer one is an error of the URL, before anything connects.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_rabbitmq::lapin4::{RabbitReceiverOptions, RabbitSenderOptions, create, receiver, sender};
use cloudevents_transport::Endpoint;

/// There is nothing at this address. So an error is of kind `InvalidUrl` only if nothing has connected.
const HOST: &str = "rabbitmq://127.0.0.1:1/";

fn is_of_the_url(error: &Error, url: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}: {error}");
    let words = format!("{error:#}");
    assert!(words.contains("256 bytes") && words.contains("255"), "{url}: {words}");
}

#[tokio::test]
async fn a_name_that_is_too_long_is_an_error_of_the_url() {
    let name = "n".repeat(256);
    for query in
        [format!("queue={name}"), format!("exchange={name}"), format!("exchange=e&routing-key={name}")]
    {
        let url = format!("{HOST}?{query}");
        is_of_the_url(&sender(&url, RabbitSenderOptions::default()).await.unwrap_err(), &url);
    }
    for query in [format!("queue={name}&reject=drop"), format!("queue=q&dead-letter={name}")] {
        let url = format!("{HOST}?{query}");
        is_of_the_url(&receiver(&url, RabbitReceiverOptions::default()).await.unwrap_err(), &url);
    }
    let url = Endpoint::parse(&format!("{HOST}?queue={name}")).unwrap();
    let error = create(url, Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(error.detail().ends_with("has 256 bytes, and AMQP 0.9.1 allows 255"), "{error}");
}
