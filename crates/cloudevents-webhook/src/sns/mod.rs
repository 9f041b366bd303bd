//! Deliveries of Amazon SNS over HTTP: their signatures, and the confirmation of subscriptions.
//!
//! A message names the certificate that its signature fits. The certificate is fetched through the [guard](crate::guard), from the host
//! of SNS in the region of the topic, and from no other.

mod certificate;
mod certificates;
mod message;

use crate::{
    reqwest013::{GuardedClient, failed},
    signature::{Coverage, Prepare, SignatureError, Verified, Verify},
};
use certificate::Certificate;
use certificates::Certificates;
use cloudevents_core::{Error, ErrorKind};
use http::{Method, request::Parts};
use message::{Message, Topic};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// How long the confirmation of a subscription may take.
const CONFIRMATION: Duration = Duration::from_secs(30);

/// The signatures of Amazon SNS, of versions 1 (SHA-1) and 2 (SHA-256), for messages of known topics.
///
/// SNS signs `Message`, `MessageId`, `Subject`, `Timestamp`, `TopicArn` and `Type`, and the `Token` and `SubscribeURL` of confirmations.
/// `MessageAttributes` and `UnsubscribeURL` are not signed: do not rely on them. Raw deliveries have no signature, and are refused. The
/// signed id is the `MessageId`, so an idempotency store recognises a message that comes again.
///
/// A certificate is kept for a day. The certificate of SNS is fetched at most once in five seconds, with 16 KiB and five seconds at most.
/// While it cannot be fetched, a receiver responds with 503, and SNS sends the message again.
///
/// ```
/// use cloudevents_adapters::Adapters;
/// use cloudevents_webhook::{
///     guard::{SystemResolver, UrlGuard}, receiver::WebhookOptions, reqwest013::GuardedClient, sns::SnsSignatures,
/// };
///
/// # fn options() -> Result<(), Box<dyn std::error::Error>> {
/// let client = GuardedClient::new(UrlGuard::new(), SystemResolver::new(), reqwest::Client::builder())?;
/// let sns = SnsSignatures::new(client, ["arn:aws:sns:eu-central-1:123456789012:orders"])?;
/// let options = WebhookOptions::without_handshake().signature(sns.clone()).adapters(Adapters::known().only("aws-sns").unwrap());
/// # Ok(()) }
/// # async fn handle(sns: cloudevents_webhook::sns::SnsSignatures, event: &cloudevents_core::Event) -> Result<(), cloudevents_core::Error> {
/// // In the handler:
/// if event.ty() == "com.amazonaws.sns.SubscriptionConfirmation"
///     && let Some(message) = event.data_bytes()
/// {
///     sns.confirm(message).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SnsSignatures {
    client: GuardedClient,
    topics: Vec<Topic>,
    certificates: Certificates,
}

impl SnsSignatures {
    /// Accepts messages of these topics, by their ARNs. The client fetches certificates and confirms subscriptions.
    ///
    /// An ARN that is none of a topic, and a partition other than `aws`, `aws-cn` and `aws-us-gov`, is an error of kind
    /// [`InvalidUri`](ErrorKind::InvalidUri).
    pub fn new<T: AsRef<str>>(
        client: GuardedClient,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<Self, Error> {
        let topics = topics.into_iter().map(|arn| Topic::parse(arn.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { client, topics, certificates: Certificates::default() })
    }

    /// Adds a certificate that is known already, in PEM, so that it need not be fetched from this URL.
    ///
    /// The error is of kind [`InvalidData`](ErrorKind::InvalidData) if there is no certificate with an RSA key in it.
    pub fn with_certificate(self, url: &str, pem: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::parse(pem).ok_or_else(|| {
            Error::new(ErrorKind::InvalidData).with_detail("this is no certificate in PEM with an RSA key")
        })?;
        self.certificates.pin(url, certificate);
        Ok(self)
    }

    /// Confirms the subscription of a message whose signature was checked: requests its `SubscribeURL`, through the guard and without
    /// redirects.
    ///
    /// `false` if the message confirms no subscription. Errors are of kind [`Refused`](ErrorKind::Refused) for a message of another topic,
    /// for a URL that is not one of SNS in the region of the topic, and for a response other than 2xx. If SNS cannot be reached, they are
    /// of kind [`Unreachable`](ErrorKind::Unreachable), [`Timeout`](ErrorKind::Timeout) or [`Disconnected`](ErrorKind::Disconnected). They
    /// do not contain the URL, which has a secret token.
    pub async fn confirm(&self, message: &[u8]) -> Result<bool, Error> {
        let message = Message::parse(message)?;
        if message.ty != "SubscriptionConfirmation" {
            return Ok(false);
        }
        let topic = self.topic(&message)?;
        let url = message.subscribe_url.filter(|url| topic.is_host_of(url));
        let url = url.ok_or_else(|| SignatureError::Component("SubscribeURL".into()))?;
        let response =
            self.client.request(Method::GET, &url)?.timeout(CONFIRMATION).send().await.map_err(failed)?;
        if response.status().is_success() {
            return Ok(true);
        }
        let detail = format!("SNS responded {} to the confirmation of the subscription", response.status());
        Err(Error::new(ErrorKind::Refused).with_detail(detail))
    }

    fn topic(&self, message: &Message) -> Result<&Topic, SignatureError> {
        let known = self.topics.iter().find(|topic| topic.arn() == message.topic);
        known.ok_or(SignatureError::Topic)
    }

    /// The URL of the certificate, if it is one of SNS in the region of the topic.
    fn certificate_url<'m>(&self, message: &'m Message) -> Result<&'m str, SignatureError> {
        let topic = self.topic(message)?;
        match message.certificate_url.as_str() {
            url if topic.is_certificate(url) => Ok(url),
            _ => Err(SignatureError::Component("SigningCertURL".into())),
        }
    }
}

impl Verify for SnsSignatures {
    fn verify(&self, _: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError> {
        let message = Message::parse(body)?;
        let url = self.certificate_url(&message)?;
        let certificate = self.certificates.get(url, now).ok_or(SignatureError::Mismatch)?;
        message.check(&certificate, now)?;
        let mut verified = Verified::new(Coverage::Body);
        verified.id = Some(message.id.into());
        Ok(verified)
    }

    fn prepare<'a>(&'a self, _: &'a Parts, body: &'a [u8], now: SystemTime) -> Option<Prepare<'a>> {
        let message = Message::parse(body).ok()?;
        let url = self.certificate_url(&message).ok()?.to_owned();
        if self.certificates.get(&url, now).is_some() {
            return None;
        }
        Some(Box::pin(async move { self.certificates.fetch(&self.client, &url, now).await }))
    }
}

impl fmt::Debug for SnsSignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsSignatures").field("topics", &self.topics).finish_non_exhaustive()
    }
}
