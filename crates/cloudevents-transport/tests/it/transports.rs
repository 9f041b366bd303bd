//! Opening senders and receivers by URL.

use crate::{event, id};
use cloudevents_core::{DecodeOptions, ErrorKind, Formats, Leniency, Peer, RepairKind};
use cloudevents_json::Json;
use cloudevents_transport::{
    Binding, Create, Endpoint, Look, ReceiverOptions, Scheme, SenderOptions, Transports, UnreadablePolicy,
    UrlFamily, Urls, fake::FakeQueue,
};

fn transports() -> Transports {
    let queue = FakeQueue::new();
    let sending = queue.clone();
    Transports::default()
        .with_options(DecodeOptions::strict().with_formats(Formats::none().with(Json::new())))
        .with_sender("fake", move |endpoint, formats| {
            let sender = sending.sender();
            async move {
                endpoint.check_options(&[])?;
                assert_eq!(formats.decoding.formats.iter().count(), 1);
                Ok(sender)
            }
        })
        .with_receiver("fake+queue", move |_, options: ReceiverOptions| {
            let receiver = queue.receiver(options);
            async move { Ok(receiver) }
        })
}

#[tokio::test]
async fn a_scheme_opens_its_transport() {
    let transports = transports();
    let sender = transports.sender("FAKE://user:secret@localhost/queue").await.unwrap();
    let mut options = ReceiverOptions::default();
    options.not_cloudevents = UnreadablePolicy::Skip;
    let mut receiver = transports.receiver_with("fake+queue://localhost/queue", options).await.unwrap();
    sender.send(&event(1)).await.unwrap();
    let delivery = receiver.next().await.unwrap().unwrap();
    assert_eq!(id(&delivery), "1");
    delivery.accept().await.unwrap();
    assert!(transports.clone().receiver("fake+queue://").await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_opened() {
    let transports = transports();
    let error = transports.sender("fake+queue://user:secret@localhost/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.help(), Some("the schemes that can be sent to are `fake`"));
    assert!(!format!("{error:?}").contains("secret"));
    let error = transports.receiver("fake://localhost/").await.unwrap_err();
    assert_eq!(error.help(), Some("the schemes that can be received from are `fake+queue`"));
    let error = Transports::default().sender("fake://").await.unwrap_err();
    assert_eq!(error.help(), Some("the schemes that can be sent to are none"));
    for (url, kind) in [("localhost", ErrorKind::InvalidUrl), ("fake://x?typo=1", ErrorKind::InvalidUrl)] {
        assert_eq!(transports.sender(url).await.unwrap_err().kind(), kind);
    }
    assert!(format!("{transports:?}").contains(r#"senders: ["fake"]"#));
}

#[tokio::test]
async fn a_hint_is_for_its_scheme() {
    let transports = transports().with_hint("kafka", "turn on the feature `rdkafka039`");
    let help = async |url: &str| transports.sender(url).await.unwrap_err().help().map(str::to_owned).unwrap();
    assert_eq!(
        help("kafka://localhost/orders").await,
        "turn on the feature `rdkafka039`; the schemes that can be sent to are `fake`"
    );
    assert_eq!(help("amqp://localhost/orders").await, "the schemes that can be sent to are `fake`");
    let error = transports.receiver("KAFKA://localhost/orders").await.unwrap_err();
    assert!(error.help().unwrap().starts_with("turn on the feature `rdkafka039`; "), "{error:?}");
}

/// Repairs and peers by name, for both ends.
#[test]
fn leniency_and_peers_in_urls() {
    let endpoint = |options: &str| Endpoint::parse(&format!("kafka://localhost/orders?{options}")).unwrap();
    let receiver = |options: &str| ReceiverOptions::default().with_url(&endpoint(options));
    let named = receiver("lenient=dropped-name,raw-text").unwrap().decoding.leniency;
    assert!(named.repairs().eq([RepairKind::DroppedName, RepairKind::RawText]));
    let both = receiver("lenient=all&peer=python-2").unwrap().decoding.leniency;
    assert_eq!(both, Leniency::all().with(RepairKind::NumericTime));
    let sender = SenderOptions::default().with_url(&endpoint("peer=go-2")).unwrap();
    assert_eq!((sender.peer, sender.decoding.leniency), (Some(Peer::Go2), Peer::Go2.leniency()));
    for (options, known) in [("lenient=raw", "raw-text"), ("peer=go", "go-2"), ("lenient=", "raw-text")] {
        for error in [
            receiver(options).unwrap_err(),
            SenderOptions::default().with_url(&endpoint(options)).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidUrl);
            assert!(error.help().unwrap().contains(known), "{error:#}");
        }
    }
}

#[tokio::test]
async fn credentials_without_tls_are_warned_about_once_and_not_shown() {
    let logged = cloudevents_testkit::logged::Logged::begin();
    static URLS: Urls = Urls {
        name: "amqp",
        families: &[UrlFamily {
            form: "amqp://HOST/ADDRESS",
            schemes: &[Scheme::plain("amqp", 5672)],
            options: &[],
            has_broker: true,
            is_structured: false,
            has_keys: false,
        }],
        tls: false,
    };
    static BINDING: Binding = Binding {
        urls: &URLS,
        sender: Some(|_, _| Box::pin(async { Ok(FakeQueue::new().sender()) })),
        receiver: None,
        look: Look::Elsewhere("ask the broker"),
        create: Create::Elsewhere("ask the broker"),
        show: None,
    };
    let transports = Transports::default().with_binding(&BINDING);
    transports.sender("amqp://alice:s3cret@localhost/orders").await.unwrap();
    assert_eq!(logged.text(), "");
    transports.sender("amqp://alice:s3cret@broker.example/orders").await.unwrap();
    let text = logged.text();
    assert_eq!(text.matches("without TLS").count(), 1, "{text}");
    assert!(text.contains("broker.example") && !text.contains("s3cret") && !text.contains("alice"), "{text}");
}
