//! The facade as a program uses it.

#![allow(clippy::unwrap_used)]

use cloudevents_kit::{self as kit, prelude::*};

/// The example of the README, on a free port.
#[tokio::test]
async fn from_one_url_to_the_same() -> Result<(), Box<dyn std::error::Error>> {
    let url = format!("http://127.0.0.1:{}/events", cloudevents_testkit::ports::free());
    let mut deliveries = kit::connect_receiver(&url).await?;
    let sender = kit::connect_sender(&url).await?;
    let sent = Event::builder()
        .random_id()
        .time_now()
        .source("/shop")
        .ty("com.example.order")
        .text("42 pears")
        .build()?;
    let event = sent.clone();
    let sending = tokio::spawn(async move { sender.send(&event).await });
    let delivery = deliveries.next().await?.unwrap();
    let received = delivery.event()?;
    assert_eq!(
        (received.id(), received.time(), received.data_bytes()),
        (sent.id(), sent.time(), sent.data_bytes())
    );
    delivery.accept().await?;
    sending.await??;
    Ok(())
}

/// A build of the workspace turns more features on.
#[cfg(not(feature = "rdkafka039"))]
#[tokio::test]
async fn a_scheme_that_is_off_names_the_feature_to_turn_on() {
    for error in [
        kit::connect_sender("kafka://localhost/orders").await.unwrap_err(),
        kit::connect_receiver("kafka://localhost/orders?group=g").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), kit::ErrorKind::Unsupported);
        let help = error.help().unwrap();
        assert!(help.starts_with("turn on the feature `rdkafka039` of cloudevents-kit; "), "{help}");
    }
}

#[tokio::test]
async fn a_scheme_that_no_feature_brings() {
    let error = kit::connect_sender("gopher://localhost/").await.unwrap_err();
    assert_eq!(error.kind(), kit::ErrorKind::Unsupported);
    // Others may be there: a build of the workspace unifies features.
    let help = error.help().unwrap();
    assert!(
        help.starts_with("the schemes that can be sent to are ") && help.contains("`http`, `https`"),
        "{help}"
    );
    assert_eq!(
        kit::connect_receiver("https://localhost/").await.unwrap_err().kind(),
        kit::ErrorKind::Unsupported
    );
}
