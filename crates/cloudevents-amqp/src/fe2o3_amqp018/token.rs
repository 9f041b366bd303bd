//! Tokens for claims-based security, and tokens of Azure's shared access policies.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{
    fmt,
    pin::Pin,
    time::{Duration, SystemTime},
};

/// A token that grants access to an address for a limited time.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its type: `servicebus.windows.net:sastoken`, `jwt`.
    pub kind: &'static str,
    /// The token.
    pub text: Secret,
    /// When it expires. It is renewed before.
    pub expires: SystemTime,
}

/// A source of tokens, such as [`SasPolicy`]. For tokens of an identity provider, implement your own.
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::{AmqpConnection, Token, Tokens};
/// use cloudevents_core::Error;
/// use cloudevents_transport::Secret;
/// use std::{pin::Pin, sync::Arc, time::{Duration, SystemTime}};
///
/// #[derive(Debug)]
/// struct Identity;
///
/// impl Tokens for Identity {
///     fn token(
///         &self,
///         audience: String,
///         now: SystemTime,
///     ) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + '_>> {
///         Box::pin(async move {
///             let text = Secret::new(format!("the token for {audience}"));
///             Ok(Token { kind: "jwt", text, expires: now + Duration::from_secs(300) })
///         })
///     }
/// }
///
/// let mut connection = AmqpConnection::default();
/// connection.tokens = Some(Arc::new(Identity));
/// ```
pub trait Tokens: Send + Sync + fmt::Debug + 'static {
    /// Returns a token for this audience, `amqp://host/address`, valid from now on.
    fn token(
        &self,
        audience: String,
        now: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + '_>>;
}

/// A shared access policy of Azure Service Bus or Event Hubs, which derives tokens from its key.
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::SasPolicy;
/// use std::time::{Duration, SystemTime};
///
/// let policy = SasPolicy::new("RootManageSharedAccessKey", "secret");
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
/// let token = policy.sign("amqp://ns.servicebus.windows.net/orders", now)?;
/// assert!(token.text.expose().starts_with("SharedAccessSignature sr=amqp%3A%2F%2Fns.servicebus.windows.net%2Forders&sig="));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SasPolicy {
    name: String,
    key: Secret,
    lifetime: Duration,
}

impl SasPolicy {
    /// Creates a policy with this name and key. Its tokens are valid for an hour.
    pub fn new(name: impl Into<String>, key: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), key: Secret::new(key), lifetime: Duration::from_secs(3600) }
    }

    /// Returns a copy whose tokens are valid for this long, in whole seconds.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Returns a token for this audience, valid from now on. It is HMAC-SHA256 over the audience,
    /// percent-encoded, and the second in which it expires, as Azure's documentation of shared access
    /// signatures describes.
    ///
    /// Errors are of kind [`Transport`](ErrorKind::Transport), for a time before 1970 or too far in the
    /// future.
    pub fn sign(&self, audience: &str, now: SystemTime) -> Result<Token, Error> {
        let no_time = || Error::new(ErrorKind::Transport).with_detail("cannot create a token for this time");
        let expires = now.checked_add(self.lifetime).ok_or_else(no_time)?;
        let seconds = expires.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| no_time())?.as_secs();
        // Exactly the time in the token.
        let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or_else(no_time)?;
        let resource = escape(audience.as_bytes());
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes()).map_err(|_| no_time())?;
        mac.update(resource.as_bytes());
        mac.update(b"\n");
        mac.update(seconds.to_string().as_bytes());
        let signature = base64_simd::STANDARD.encode_to_string(mac.finalize().into_bytes());
        let (signature, name) = (escape(signature.as_bytes()), escape(self.name.as_bytes()));
        Ok(Token {
            kind: "servicebus.windows.net:sastoken",
            text: Secret::new(format!(
                "SharedAccessSignature sr={resource}&sig={signature}&se={seconds}&skn={name}"
            )),
            expires,
        })
    }
}

impl Tokens for SasPolicy {
    fn token(
        &self,
        audience: String,
        now: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + '_>> {
        Box::pin(std::future::ready(self.sign(&audience, now)))
    }
}

/// Percent-encodes all characters that are not unreserved (RFC 3986, section 2.3).
fn escape(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(*byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Expected values computed by Python 3:
    ///
    /// ```python
    /// import hmac, hashlib, base64
    /// from urllib.parse import quote
    /// def token(uri, name, key, se):
    ///     sr = quote(uri, safe='')
    ///     sig = base64.b64encode(hmac.new(key.encode(), f"{sr}\n{se}".encode(), hashlib.sha256).digest())
    ///     return f"SharedAccessSignature sr={sr}&sig={quote(sig, safe='')}&se={se}&skn={quote(name, safe='')}"
    /// ```
    #[test]
    fn tokens_are_those_of_an_independent_implementation() {
        for (audience, name, key, expires, expected) in TOKENS {
            let policy = SasPolicy::new(name, key).with_lifetime(Duration::from_secs(60));
            let token = policy.sign(audience, at(expires - 60)).unwrap();
            assert_eq!(token.text.expose(), expected);
            assert_eq!(token.expires, at(expires));
        }
    }

    const TOKENS: [(&str, &str, &str, u64, &str); 3] = [
        (
            "amqp://ns.servicebus.windows.net/orders",
            "RootManageSharedAccessKey",
            "secret",
            1700000060,
            "SharedAccessSignature sr=amqp%3A%2F%2Fns.servicebus.windows.net%2Forders&sig=n6Y2Fs9JMipjweBMUBpgwTiG35Yn7GLu0FFQt%2BX%2BhOw%3D&se=1700000060&skn=RootManageSharedAccessKey",
        ),
        (
            "sb://a.b/hub/ConsumerGroups/$Default/Partitions/0",
            "p",
            "T2l1Pz4+Lw==",
            4102444800,
            "SharedAccessSignature sr=sb%3A%2F%2Fa.b%2Fhub%2FConsumerGroups%2F%24Default%2FPartitions%2F0&sig=nnQB9DTkg7Nz5ZXLVuGEZX7IqPhnsM%2Bg%2Fle6g%2Fo0jYU%3D&se=4102444800&skn=p",
        ),
        (
            "amqp://h/ä b~c_d-e.f",
            "name/with space",
            "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            61,
            "SharedAccessSignature sr=amqp%3A%2F%2Fh%2F%C3%A4%20b~c_d-e.f&sig=gId4HV5%2BuBwCg2O2%2FFPUC01sGqcuuLD8%2BAd6h5AigCE%3D&se=61&skn=name%2Fwith%20space",
        ),
    ];

    #[test]
    fn keys_are_seen_nowhere() {
        let policy = SasPolicy::new("policy", "hunter2");
        let token = policy.sign("amqp://host/q", at(0)).unwrap();
        assert!(!format!("{policy:?}").contains("hunter2"));
        assert!(!format!("{token:?}").contains("sig="));
    }

    #[test]
    fn no_token_for_no_time() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(7200);
        assert!(SasPolicy::new("p", "k").sign("amqp://host/q", before).is_err());
    }
}
