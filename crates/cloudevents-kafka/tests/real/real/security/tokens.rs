//! SASL OAUTHBEARER with tokens that are not signed (RFC 7515, appendix A.5). librdkafka has it only with TLS.

use crate::{
    broker::{Topic, event, next, number, soon},
    real::skipped,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_kafka::rdkafka039::{
    BearerToken, BearerTokens, KafkaReceiverOptions, KafkaSenderOptions, receiver, sender,
};
use cloudevents_transport::{Sender, binding::log::LogOptions};
use std::{
    env,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

/// Makes tokens that expire when the client does not expect it.
#[derive(Debug)]
struct Identity {
    /// How long the broker accepts the first token.
    first: Duration,
    /// How long it accepts the others.
    others: Duration,
    /// How long the client expects all of them to be accepted.
    expected: Duration,
    calls: AtomicU32,
}

impl Identity {
    fn new(first: u64, others: u64, expected: u64) -> Arc<Self> {
        let [first, others, expected] = [first, others, expected].map(Duration::from_secs);
        Arc::new(Self { first, others, expected, calls: AtomicU32::new(0) })
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl BearerTokens for Identity {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<BearerToken, Error>> + Send + '_>> {
        let valid = match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => self.first,
            _ => self.others,
        };
        let now = SystemTime::now();
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        // A token that is valid for no time has expired long ago.
        let expires = if valid.is_zero() { seconds(now) - 30.0 } else { seconds(now + valid) };
        let issued = seconds(now) - 60.0;
        let claims = format!(r#"{{"sub":"orders","iat":{issued:.3},"exp":{expires:.3}}}"#);
        let text = format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(claims.as_bytes()));
        let mut token = BearerToken::new(text, now + self.expected);
        token.principal = "orders".into();
        Box::pin(std::future::ready(Ok(token)))
    }
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

/// The listener that takes tokens.
fn listener() -> Option<String> {
    env::var("CE_TEST_KAFKA_OAUTH").ok()
}

/// Sends and receives with tokens of these sources until each has been called so often, and then some more.
async fn work_until(topic: &Topic, listener: &str, identities: [&Arc<Identity>; 2], calls: u32) -> Sender {
    let [sending, receiving] = identities;
    let url = format!("kafka://{listener}/{}", topic.name);
    let mut options = KafkaSenderOptions::default();
    options.tokens = Some(Arc::clone(sending) as Arc<dyn BearerTokens>);
    let sender = soon(sender(&url, options)).await.unwrap();
    let mut options = KafkaReceiverOptions::default();
    options.tokens = Some(Arc::clone(receiving) as Arc<dyn BearerTokens>);
    options.log = LogOptions::default().dropping_rejected();
    let mut receiver = soon(receiver(&format!("{url}?group={}", topic.group()), options)).await.unwrap();
    let (mut sent, mut more) = (0, 5);
    while more > 0 {
        if sending.calls() >= calls && receiving.calls() >= calls {
            more -= 1;
        }
        soon(sender.send(&event(sent, "k"))).await.unwrap();
        let delivery = next(&mut receiver).await;
        assert_eq!(number(&delivery), sent);
        delivery.accept().await.unwrap();
        sent += 1;
    }
    sender
}

/// A connection ends when its token does, unless another one has been sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_renewed_before_they_expire() {
    let (Some(topic), Some(listener)) = (Topic::real(1).await, listener()) else {
        return skipped();
    };
    // Four calls are more than 9 seconds, and the broker requires a valid token every 2 seconds.
    let identities = [Identity::new(8, 8, 4), Identity::new(8, 8, 4)];
    let sender = work_until(&topic, &listener, identities.each_ref(), 4).await;
    // Without a renewal, each call but the first follows a refusal, which ends a connection. One or two may end all the same: the client
    // sends its token again 200 ms before the broker requires it, and a busy machine may take that long.
    let disconnects = sender.metrics().disconnects;
    assert!(disconnects < 3, "{disconnects} connections ended");
}

/// Here the client does not expect that its token will be refused, and has to replace it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_later_is_replaced() {
    let (Some(topic), Some(listener)) = (Topic::real(1).await, listener()) else {
        return skipped();
    };
    let identities = [Identity::new(4, 3600, 3600), Identity::new(4, 3600, 3600)];
    let sender = work_until(&topic, &listener, identities.each_ref(), 2).await;
    assert!(sender.metrics().disconnects > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_broker_declines_is_refused() {
    let (Some(topic), Some(listener)) = (Topic::real(1).await, listener()) else {
        return skipped();
    };
    let url = format!("kafka://{listener}/{}", topic.name);
    let mut options = KafkaSenderOptions::default();
    options.tokens = Some(Identity::new(0, 0, 60));
    let refused = soon(sender(&url, options)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    let text = format!("{refused} {refused:?}");
    // The beginning of every unsigned token.
    assert!(text.contains("invalid_token") && !text.contains("eyJ"), "{text}");
    let mut options = KafkaReceiverOptions::default();
    options.tokens = Some(Identity::new(0, 0, 60));
    let refused = soon(receiver(&format!("{url}?group=g&reject=drop"), options)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
}
