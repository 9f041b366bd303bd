//! Credentials, and changing ones.

use async_nats::Auth;
use cloudevents_core::Error;
use cloudevents_transport::Secret;
use std::{fmt, pin::Pin};

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
}

impl Login {
    /// Logs in with this user and password.
    pub fn password(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        Self::Password { user: Secret::new(user), password: Secret::new(password) }
    }

    /// Logs in with this token.
    pub fn token(token: impl Into<Box<str>>) -> Self {
        Self::Token(Secret::new(token))
    }

    pub(super) fn auth(&self) -> Auth {
        let mut auth = Auth::new();
        match self {
            Self::Anonymous => {}
            Self::Password { user, password } => {
                auth.username = Some(user.expose().to_owned());
                auth.password = Some(password.expose().to_owned());
            }
            Self::Token(token) => auth.token = Some(token.expose().to_owned()),
        }
        auth
    }
}

/// A source of changing credentials, such as rotated passwords. It is called before each connection.
///
/// A login that the server refuses is retried for five minutes, each time with the then current
/// credentials: see [`Backoff::refused`](cloudevents_transport::binding::connect::Backoff::refused).
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_nats::async_nats051::{Login, Logins, NatsConnection};
/// use std::{fs, path::PathBuf, pin::Pin, sync::Arc};
///
/// /// A token that another program replaces in a file.
/// #[derive(Debug)]
/// struct InFile(PathBuf);
///
/// impl Logins for InFile {
///     fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>> {
///         Box::pin(async {
///             let token = fs::read_to_string(&self.0)
///                 .map_err(|error| Error::new(ErrorKind::Disconnected).with_detail("no token").with_source(error))?;
///             Ok(Login::token(token.trim()))
///         })
///     }
/// }
///
/// let mut connection = NatsConnection::default();
/// connection.logins = Some(Arc::new(InFile("/run/secrets/nats".into())));
/// ```
pub trait Logins: Send + Sync + fmt::Debug + 'static {
    /// Returns the current credentials. An error makes the attempt to connect fail.
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>>;
}
