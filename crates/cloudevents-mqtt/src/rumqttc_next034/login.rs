//! User and password, fixed or changing.

use cloudevents_core::Error;
use cloudevents_transport::Secret;
use std::{fmt, pin::Pin};

/// The current credentials.
///
/// ```
/// use cloudevents_mqtt::rumqttc_next034::Login;
///
/// let login = Login::new("alice", "hunter2");
/// assert!(!format!("{login:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Login {
    /// The user. Default: that of the URL.
    pub user: Option<Secret>,
    /// The password. Without TLS, anyone who observes the connection can read it. Default: that of the URL.
    pub password: Option<Secret>,
    /// Certificates. Default: those of [`MqttConnection`](super::MqttConnection).
    #[cfg(feature = "tls")]
    pub tls: Option<super::Tls>,
}

impl Login {
    /// Logs in with this user and password.
    pub fn new(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        Self { user: Some(Secret::new(user)), password: Some(Secret::new(password)), ..Self::default() }
    }
}

/// A source of changing credentials, such as rotated passwords, tokens and renewed certificates. It is called before each connection.
///
/// A login that the broker refuses is retried for five minutes, each time with the then current credentials: see
/// [`Backoff::refused`](cloudevents_transport::binding::connect::Backoff::refused).
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_mqtt::rumqttc_next034::{Login, Logins, MqttConnection};
/// use std::{fs, path::PathBuf, pin::Pin, sync::Arc};
///
/// /// A password that another program replaces in a file.
/// #[derive(Debug)]
/// struct InFile(PathBuf);
///
/// impl Logins for InFile {
///     fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>> {
///         Box::pin(async {
///             let password = fs::read_to_string(&self.0)
///                 .map_err(|error| Error::new(ErrorKind::Disconnected).with_detail("no password").with_source(error))?;
///             Ok(Login::new("sensors", password.trim()))
///         })
///     }
/// }
///
/// let mut connection = MqttConnection::default();
/// connection.logins = Some(Arc::new(InFile("/run/secrets/broker".into())));
/// ```
pub trait Logins: Send + Sync + fmt::Debug + 'static {
    /// Returns the current credentials. An error makes the attempt to connect fail.
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>>;
}
