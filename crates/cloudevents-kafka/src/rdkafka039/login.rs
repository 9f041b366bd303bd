//! Bearer tokens for SASL OAUTHBEARER (RFC 7628).

use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Secret,
    binding::connect::{renew_after, retry_renewal_after},
};
use rdkafka::{ClientConfig, client::OAuthToken};
use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// A bearer token that lets a client log in until it expires.
///
/// ```
/// use cloudevents_kafka::rdkafka039::BearerToken;
/// use std::time::{Duration, SystemTime};
///
/// let token = BearerToken::new("eyJhbGciOi", SystemTime::now() + Duration::from_secs(300));
/// assert!(!format!("{token:?}").contains("eyJ"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BearerToken {
    /// The token: visible characters of ASCII.
    pub text: Secret,
    /// When it expires. It is renewed before.
    pub expires: SystemTime,
    /// The user of the token, for messages of librdkafka. The broker reads the user from the token. Default: empty.
    pub principal: String,
}

impl BearerToken {
    /// Creates a token that expires at this time.
    pub fn new(text: impl Into<Box<str>>, expires: SystemTime) -> Self {
        Self { text: Secret::new(text), expires, principal: String::new() }
    }
}

/// A source of tokens, usually an identity provider.
///
/// It is called before the client is opened, and again when a quarter of a token's lifetime is left, in the tokio runtime that opens the
/// client. If it fails, it is called again, also after the token has expired. When a broker refuses the token, it is called before that,
/// and the client logs in again with the new token. When brokers have refused its tokens for five minutes, sending and receiving fail with
/// an error of kind [`Refused`](ErrorKind::Refused).
///
/// Without `tls` in the URL, anyone who observes the connection can read the tokens. The output of `Debug` must not
/// contain them, because the options print the source.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_kafka::rdkafka039::{BearerToken, BearerTokens, KafkaSenderOptions};
/// use std::{pin::Pin, sync::Arc, time::{Duration, SystemTime}};
///
/// #[derive(Debug)]
/// struct Identity;
///
/// impl BearerTokens for Identity {
///     fn token(&self) -> Pin<Box<dyn Future<Output = Result<BearerToken, Error>> + Send + '_>> {
///         Box::pin(async { Ok(BearerToken::new("the token", SystemTime::now() + Duration::from_secs(300))) })
///     }
/// }
///
/// let mut options = KafkaSenderOptions::default();
/// options.tokens = Some(Arc::new(Identity));
/// ```
pub trait BearerTokens: Send + Sync + fmt::Debug + 'static {
    /// Returns a token that is valid from now on. It may take as long as `connect_timeout` of the options.
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<BearerToken, Error>> + Send + '_>>;
}

/// How soon librdkafka requests the token again: after four fifths of this, whether it has expired or not. A new token
/// cannot be set without a request.
const REQUESTED: Duration = Duration::from_secs(5);

/// The shortest time between two calls of the source because the broker refuses the token.
const REFUSED: Duration = Duration::from_secs(5);

/// Keeps a valid token for librdkafka, which requests a token in a callback that must not wait.
pub(super) struct Keeper {
    current: Arc<Mutex<BearerToken>>,
    refused: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Gets the first token, and starts the task that renews it. Sets the mechanism.
    pub(super) async fn start(
        tokens: Option<&Arc<dyn BearerTokens>>,
        config: &mut ClientConfig,
        limit: Duration,
    ) -> Result<Option<Arc<Self>>, Error> {
        let Some(tokens) = tokens else { return Ok(None) };
        configure(config)?;
        let runtime =
            Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))?;
        let first = get(&**tokens, limit).await?;
        Ok(Some(Arc::new(Self::keep(Arc::clone(tokens), first, limit, &runtime))))
    }

    fn keep(tokens: Arc<dyn BearerTokens>, first: BearerToken, limit: Duration, runtime: &Handle) -> Self {
        let (current, refused) = (Arc::new(Mutex::new(first)), Arc::<Notify>::default());
        let task = runtime.spawn(renew(tokens, Arc::clone(&current), Arc::clone(&refused), limit));
        Self { current, refused, task }
    }

    /// The current token. Its lifetime is at most the time after which librdkafka should request it again.
    pub(super) fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let token = lock(&self.current);
        let now = SystemTime::now();
        if token.expires <= now {
            return Err("the token has expired, and there is no other".into());
        }
        let again = token.expires.min(now.checked_add(REQUESTED).unwrap_or(now));
        let since = again.duration_since(SystemTime::UNIX_EPOCH)?;
        Ok(OAuthToken {
            token: token.text.expose().to_owned(),
            principal_name: token.principal.clone(),
            lifetime_ms: i64::try_from(since.as_millis())?,
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("current", &*lock(&self.current)).finish_non_exhaustive()
    }
}

/// The answer to librdkafka, which requests a token only with this mechanism.
pub(super) fn requested(keeper: Option<&Arc<Keeper>>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
    keeper.ok_or("no source of tokens is set in the options")?.token()
}

/// A broker refuses the login: another token may be accepted.
pub(super) fn refused(keeper: Option<&Arc<Keeper>>) {
    if let Some(keeper) = keeper {
        keeper.refused.notify_one();
    }
}

/// Selects the mechanism. Encryption is set by the URL or by the program.
fn configure(config: &mut ClientConfig) -> Result<(), Error> {
    if !cfg!(feature = "tls") {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("this build has no OAUTHBEARER for Kafka")
            .with_help("turn on the feature `tls` of cloudevents-kafka: librdkafka has both or none"));
    }
    let mechanism = config.get("sasl.mechanism").or_else(|| config.get("sasl.mechanisms"));
    if mechanism.is_some_and(|mechanism| mechanism != "OAUTHBEARER") {
        return Err(Error::new(ErrorKind::InvalidUrl)
            .with_detail("a source of tokens excludes a user")
            .with_help("leave out the user of the URL, or the tokens of the options"));
    }
    config.set("sasl.mechanism", "OAUTHBEARER");
    // librdkafka reads the names of protocols in any letter case.
    let protocol = config.get("security.protocol").map(str::to_ascii_lowercase);
    let encrypted = matches!(protocol.as_deref(), Some("ssl" | "sasl_ssl"));
    config.set("security.protocol", if encrypted { "sasl_ssl" } else { "sasl_plaintext" });
    Ok(())
}

async fn renew(
    tokens: Arc<dyn BearerTokens>,
    current: Arc<Mutex<BearerToken>>,
    refused: Arc<Notify>,
    limit: Duration,
) {
    let mut wait = renew_after(lock(&current).expires, SystemTime::now());
    let mut called = Instant::now();
    loop {
        if timeout(wait, refused.notified()).await.is_ok() {
            sleep(wait.min(REFUSED).saturating_sub(called.elapsed())).await;
        }
        let token = get(&*tokens, limit).await;
        called = Instant::now();
        let now = SystemTime::now();
        wait = match token {
            Ok(token) => {
                tracing::debug!(expires = ?token.expires, "bearer token renewed");
                let wait = renew_after(token.expires, now);
                *lock(&current) = token;
                wait
            }
            Err(error) => {
                tracing::warn!(%error, "the bearer token was not renewed");
                retry_renewal_after(lock(&current).expires, now)
            }
        };
    }
}

async fn get(tokens: &dyn BearerTokens, limit: Duration) -> Result<BearerToken, Error> {
    let token = timeout(limit, tokens.token()).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Timeout).with_detail(format!("no bearer token within {limit:?}")))
    })?;
    let is_visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    // librdkafka would print a token that it does not accept.
    if !is_visible(token.text.expose()) {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("the bearer token is empty, or has other characters than visible ones of ASCII")
            .with_help("a token that was read from a file may end with a line break"));
    }
    Ok(token)
}

fn lock(token: &Mutex<BearerToken>) -> MutexGuard<'_, BearerToken> {
    token.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Returns `1`, `2` and so on, valid for so long, and fails where it should.
    #[derive(Debug)]
    struct Numbers {
        last: AtomicU32,
        valid: Duration,
        fails: fn(u32) -> bool,
    }

    impl BearerTokens for Numbers {
        fn token(&self) -> Pin<Box<dyn Future<Output = Result<BearerToken, Error>> + Send + '_>> {
            let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
            Box::pin(async move {
                match (self.fails)(number) {
                    true => Err(Error::new(ErrorKind::Timeout)),
                    false => Ok(BearerToken::new(number.to_string(), SystemTime::now() + self.valid)),
                }
            })
        }
    }

    async fn keeper(valid: Duration, fails: fn(u32) -> bool) -> Result<Keeper, Error> {
        let tokens: Arc<dyn BearerTokens> = Arc::new(Numbers { last: AtomicU32::new(0), valid, fails });
        let limit = Duration::from_secs(30);
        let first = get(&*tokens, limit).await?;
        Ok(Keeper::keep(tokens, first, limit, &Handle::current()))
    }

    /// Waits until the source has been called this often, and returns whether there was a valid token all the time.
    async fn until(keeper: &Keeper, calls: u32) -> bool {
        let found = async {
            let mut always = true;
            loop {
                match keeper.token() {
                    Ok(token) if token.token.parse::<u32>().unwrap() >= calls => return always,
                    token => always &= token.is_ok(),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), found).await.unwrap()
    }

    #[tokio::test]
    async fn tokens_are_renewed_before_they_expire() {
        // Renewed after nine seconds: a busy machine has three more.
        let keeper = keeper(Duration::from_secs(12), |_| false).await.unwrap();
        assert!(until(&keeper, 2).await);
    }

    #[tokio::test]
    async fn a_renewal_that_fails_is_tried_again() {
        let keeper = keeper(Duration::from_secs(1), |number| matches!(number, 2..=5)).await.unwrap();
        // Meanwhile the first one has expired, and is not used any more.
        assert!(!until(&keeper, 6).await);
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_replaced_before_it_expires() {
        let keeper = Arc::new(keeper(Duration::from_secs(3600), |_| false).await.unwrap());
        refused(Some(&keeper));
        assert!(until(&keeper, 2).await);
        // librdkafka requests it long before it expires.
        let token = keeper.token().unwrap();
        let soon = SystemTime::now() + REQUESTED; // not earlier than the token's
        let soon = soon.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert!(token.lifetime_ms <= i64::try_from(soon.as_millis()).unwrap());
    }

    #[test]
    fn without_a_source_there_is_no_token() {
        assert!(requested(None).err().unwrap().to_string().contains("no source of tokens"));
    }

    #[tokio::test]
    async fn without_a_first_token_there_is_an_error() {
        let failed = keeper(Duration::from_secs(4), |number| number == 1).await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Timeout);
    }

    #[derive(Debug)]
    struct Fixed(&'static str);

    impl BearerTokens for Fixed {
        fn token(&self) -> Pin<Box<dyn Future<Output = Result<BearerToken, Error>> + Send + '_>> {
            let token = BearerToken::new(self.0, SystemTime::now() + Duration::from_secs(60));
            Box::pin(std::future::ready(Ok(token)))
        }
    }

    #[tokio::test]
    async fn a_token_that_librdkafka_does_not_accept_is_not_shown() {
        for text in ["", "s3cret\n", "s3cret\u{1}auth=Bearer", "s3cr\u{e9}t", "s3cret\0"] {
            let error = get(&Fixed(text), Duration::from_secs(30)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(!format!("{error} {error:?}").contains("s3c"), "{error:?}");
        }
    }

    #[test]
    fn tokens_exclude_a_user_and_keep_encryption() {
        let mut config = ClientConfig::new();
        if !cfg!(feature = "tls") {
            assert_eq!(configure(&mut config).unwrap_err().kind(), ErrorKind::Unsupported);
            return;
        }
        for (given, expected) in [
            ("plaintext", "sasl_plaintext"),
            ("sasl_plaintext", "sasl_plaintext"),
            ("ssl", "sasl_ssl"),
            ("SSL", "sasl_ssl"),
            ("SASL_SSL", "sasl_ssl"),
        ] {
            config.set("security.protocol", given);
            configure(&mut config).unwrap();
            assert_eq!(config.get("security.protocol"), Some(expected));
        }
        config.set("sasl.mechanism", "PLAIN");
        assert_eq!(configure(&mut config).unwrap_err().kind(), ErrorKind::InvalidUrl);
    }
}
