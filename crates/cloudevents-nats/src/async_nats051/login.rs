//! Credentials, and changing ones.

use async_nats::{Auth, AuthError};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Logins, Secret};
use nkeys::{KeyPair, KeyPairType};
use std::{fmt, path::PathBuf, pin::Pin};
use tokio::io::AsyncReadExt;

/// The most bytes of a credentials file.
const LARGEST: u64 = 1 << 20;

/// How to log in.
///
/// ```
/// use cloudevents_nats::async_nats051::Login;
///
/// let login = Login::password("billing", "hunter2");
/// assert!(!format!("{login:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Login {
    /// Without a user.
    #[default]
    Anonymous,
    /// User and password. Without TLS, anyone who observes the connection can read them.
    Password {
        /// The user.
        user: Secret,
        /// The password.
        password: Secret,
    },
    /// A token. Without TLS, anyone who observes the connection can read it.
    Token(Secret),
    /// The key of a user. It signs the nonce of the server, and never leaves this program.
    Nkey(UserKey),
    /// A JWT of a user, and the user's key: the contents of a credentials file.
    Jwt {
        /// The JWT, which has the permissions of the user.
        jwt: Secret,
        /// The key.
        key: UserKey,
    },
}

/// The key of a user (NKEY). `Debug` shows its public part.
#[derive(Clone)]
pub struct UserKey(KeyPair);

impl Login {
    /// Logs in with this user and password.
    pub fn password(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        Self::Password { user: Secret::new(user), password: Secret::new(password) }
    }

    /// Logs in with this token.
    pub fn token(token: impl Into<Box<str>>) -> Self {
        Self::Token(Secret::new(token))
    }

    /// Logs in with the key of this seed: `SU...`, as `nk -gen user` writes it.
    ///
    /// Errors are of kind [`Refused`](ErrorKind::Refused), when it is not the seed of a user's key.
    pub fn nkey(seed: impl AsRef<str>) -> Result<Self, Error> {
        UserKey::from_seed(seed.as_ref()).map(Self::Nkey)
    }

    /// Logs in with the text of a credentials file (`.creds`, as `nsc generate creds` writes it): a JWT of a user and the seed of the
    /// user's key. A text with only a seed is a [key](Self::nkey).
    ///
    /// A text that is neither is an error of kind [`Refused`](ErrorKind::Refused). [`CredentialsFile`] reads a file before each connection.
    pub fn credentials(text: &str) -> Result<Self, Error> {
        let section = |title| {
            let mut lines = text.lines().map(str::trim);
            lines.find(|line| line.starts_with("-----BEGIN") && line.contains(title))?;
            lines.find(|line| !line.is_empty())
        };
        match (section("NATS USER JWT"), section("USER NKEY SEED")) {
            (Some(jwt), Some(seed)) => {
                Ok(Self::Jwt { jwt: Secret::new(jwt), key: UserKey::from_seed(seed)? })
            }
            (None, Some(seed)) => Self::nkey(seed),
            (Some(_), None) => Err(refused("there is a JWT of a user, and no seed of the user's key")),
            (None, None) if text.trim().starts_with('S') => Self::nkey(text.trim()),
            (None, None) => Err(refused("there is neither a JWT of a user nor the seed of a user's key")),
        }
    }

    pub(super) fn auth(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth::new();
        match self {
            Self::Anonymous => {}
            Self::Password { user, password } => {
                auth.username = Some(user.expose().to_owned());
                auth.password = Some(password.expose().to_owned());
            }
            Self::Token(token) => auth.token = Some(token.expose().to_owned()),
            Self::Nkey(key) => {
                auth.nkey = Some(key.0.public_key());
                auth.signature = Some(key.sign(nonce)?);
            }
            Self::Jwt { jwt, key } => {
                auth.jwt = Some(jwt.expose().to_owned());
                auth.signature = Some(key.sign(nonce)?);
            }
        }
        Ok(auth)
    }
}

impl UserKey {
    fn from_seed(seed: &str) -> Result<Self, Error> {
        match KeyPair::from_seed(seed) {
            Ok(key) if key.key_pair_type() == KeyPairType::User => Ok(Self(key)),
            Ok(_) => Err(refused("the seed is that of another key than a user's, which begins with `SU`")),
            Err(_) => Err(refused("this is not the seed of a key")),
        }
    }

    fn sign(&self, nonce: &[u8]) -> Result<Vec<u8>, AuthError> {
        self.0.sign(nonce).map_err(AuthError::new)
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UserKey").field(&self.0.public_key()).finish()
    }
}

#[cold]
fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail)
}

/// A credentials file, or a file with the seed of a key, which is read before each connection: `credentials` in a URL.
///
/// A file that cannot be read is an error of kind [`Disconnected`](ErrorKind::Disconnected). So the client waits for a file that is being
/// replaced. [`Login::credentials`] has the other errors.
///
/// ```
/// use cloudevents_nats::async_nats051::{CredentialsFile, NatsConnection};
/// use std::sync::Arc;
///
/// let mut connection = NatsConnection::default();
/// connection.logins = Some(Arc::new(CredentialsFile("/run/secrets/orders.creds".into())));
/// ```
#[derive(Clone, Debug)]
pub struct CredentialsFile(pub PathBuf);

impl Logins<Login> for CredentialsFile {
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>> {
        Box::pin(async {
            let shown = self.0.display();
            let read = async {
                let mut bytes = Vec::new();
                tokio::fs::File::open(&self.0).await?.take(LARGEST).read_to_end(&mut bytes).await?;
                std::io::Result::Ok(bytes)
            };
            let bytes = read.await.map_err(|error| {
                Error::new(ErrorKind::Disconnected)
                    .with_detail(format!("the credentials file `{shown}` cannot be read: {error}"))
                    .with_source(error)
            })?;
            Login::credentials(&String::from_utf8_lossy(&bytes)).map_err(|error| {
                refused("").with_detail(format!("the credentials file `{shown}` is none: {}", error.detail()))
            })
        })
    }
}
