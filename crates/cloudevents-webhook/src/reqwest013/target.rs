//! Where to deliver, and with which credentials.

use super::GuardedClient;
use crate::{TokenPlace, handshake::Rate, signature::Sign};
use cloudevents_core::{Error, Format};
use data_encoding::HEXLOWER;
use ring::digest;
use std::{fmt, pin::Pin, sync::Arc};

/// A target of deliveries. `Debug` shows neither its URL nor its credentials.
///
/// ```
/// use cloudevents_webhook::{handshake::Rate, reqwest013::Target, signature::StandardSigner};
///
/// let target = Target::new("https://partner.example/hook")
///     .named("partner")
///     .rate(Rate::per_minute(120)?)
///     .token("a long random token")
///     .sign(StandardSigner::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?);
/// assert_eq!(target.name(), "partner");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Target {
    pub(super) url: Box<str>,
    pub(super) name: Arc<str>,
    pub(super) rate: Option<Rate>,
    pub(super) agreed: Option<Rate>,
    pub(super) token: Option<Arc<dyn DynToken>>,
    pub(super) place: TokenPlace,
    pub(super) signer: Option<Arc<dyn Sign>>,
    pub(super) format: Option<Arc<dyn Format>>,
    pub(super) client: Option<GuardedClient>,
}

impl Target {
    /// Delivers to this URL, as the [URL standard](https://url.spec.whatwg.org) reads it: without steps up in its path, for example, and
    /// with a host in ASCII.
    ///
    /// The target's name is its host and a digest of the URL: the name is in logs, and the URL may be a secret.
    pub fn new(url: impl Into<Box<str>>) -> Self {
        let given = url.into();
        // The signed text and the sent text are one text.
        let (url, host) = match url::Url::parse(&given) {
            Ok(url) => (url.as_str().into(), url.host_str().unwrap_or_default().to_owned()),
            Err(_) => (given, "target".to_owned()),
        };
        let digest = digest::digest(&digest::SHA256, url.as_bytes());
        let name = format!("{host}#{}", HEXLOWER.encode(digest.as_ref().get(..6).unwrap_or_default()));
        Self {
            url,
            name: name.into(),
            rate: None,
            agreed: None,
            token: None,
            place: TokenPlace::Header,
            signer: None,
            format: None,
            client: None,
        }
    }

    /// Sets the name that [`Outgoing::to`](cloudevents_transport::Outgoing::to), changes and undelivered events use.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Requests this rate in the handshake.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// The target has agreed to this rate by other means than the handshake, which is left out: it belongs to the sender, for example.
    pub fn agreed(mut self, rate: Rate) -> Self {
        self.agreed = Some(rate);
        self
    }

    /// Sends this bearer token with each delivery.
    pub fn token(self, token: impl Into<Box<str>>) -> Self {
        self.token_from(Fixed(token.into()))
    }

    /// Sends bearer tokens from this source: by OAuth [`ClientCredentials`](super::ClientCredentials), for example.
    pub fn token_from(mut self, source: impl TokenSource) -> Self {
        self.token = Some(Arc::new(source));
        self
    }

    /// Sends the token in the query parameter `access_token` and not in a header, with `Cache-Control: no-store`. Only for targets that
    /// cannot read the header: URLs end up in logs (WEBHOOK-3.2-f).
    pub fn token_in_query(mut self) -> Self {
        self.place = TokenPlace::Query;
        self
    }

    /// Signs each attempt. If the signature does not cover attributes in headers, events are written in structured mode.
    pub fn sign(mut self, signer: impl Sign + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Writes events in structured mode, in this format.
    ///
    /// Without it, events go in binary mode if they have a payload with a content type, which a delivery needs (WEBHOOK-2.1-c,
    /// WEBHOOK-2.1-d), and if the signature allows it. Otherwise they go as JSON.
    pub fn format(mut self, format: Arc<dyn Format>) -> Self {
        self.format = Some(format);
        self
    }

    /// Delivers with a client of its own: with a certificate for mTLS, for example.
    pub fn client(mut self, client: GuardedClient) -> Self {
        self.client = Some(client);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("rate", &self.rate)
            .field("agreed", &self.agreed)
            .field("token", &self.token.is_some())
            .field("signer", &self.signer.is_some())
            .finish_non_exhaustive()
    }
}

/// Gives the access tokens of deliveries. Implement it with `async fn`.
pub trait TokenSource: Send + Sync + 'static {
    /// The token for the next attempt. Keep it until it expires. This is called for each attempt, when the rate of the target allows it.
    ///
    /// Under a rate, it is called for one attempt at a time. If each call takes long, deliveries are slower than the rate. The future is
    /// dropped after half of the attempt's [time](super::WebhookSenderOptions::timeout). A source that may take longer has to go on by
    /// itself, so that a later attempt has the token.
    ///
    /// An error makes the attempt fail, which is about the sender and not about the event. After errors that are
    /// [temporary](Error::is_temporary), the delivery is tried again. After other errors, it is tried again until another delivery is
    /// accepted. A wait that the error requests is not taken for a wait of the target.
    fn token(&self) -> impl Future<Output = Result<Box<str>, Error>> + Send;

    /// The target refused this token with 401. Returns whether the next one may be another: the delivery is then tried again as soon as the
    /// rate allows, which happens once for each delivery. Default: no.
    fn refused(&self, token: &str) -> bool {
        let _ = token;
        false
    }
}

/// A token that does not change.
struct Fixed(Box<str>);

impl TokenSource for Fixed {
    async fn token(&self) -> Result<Box<str>, Error> {
        Ok(self.0.clone())
    }
}

/// [`TokenSource`], dynamic.
pub(super) trait DynToken: Send + Sync {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<Box<str>, Error>> + Send + '_>>;
    fn refused(&self, token: &str) -> bool;
}

impl<T: TokenSource> DynToken for T {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<Box<str>, Error>> + Send + '_>> {
        Box::pin(TokenSource::token(self))
    }

    fn refused(&self, token: &str) -> bool {
        TokenSource::refused(self, token)
    }
}
