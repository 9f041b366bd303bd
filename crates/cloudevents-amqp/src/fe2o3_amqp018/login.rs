//! Changing credentials.

use super::Sasl;
use cloudevents_core::Error;
use std::{fmt, pin::Pin};

/// The current credentials.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Login {
    /// User and password, or another SASL mechanism. Default: that of the URL and of
    /// [`AmqpConnection`](super::AmqpConnection).
    pub sasl: Option<Sasl>,
    /// Certificates. Default: those of [`AmqpConnection`](super::AmqpConnection).
    #[cfg(feature = "tls")]
    pub tls: Option<super::Tls>,
}

impl From<Sasl> for Login {
    fn from(sasl: Sasl) -> Self {
        Self { sasl: Some(sasl), ..Self::default() }
    }
}

/// A source of changing credentials, such as rotated passwords and renewed certificates. It is called
/// before each connection.
///
/// A login that the broker refuses is retried for five minutes, each time with the then current
/// credentials: see [`Backoff::refused`](cloudevents_transport::binding::connect::Backoff::refused). For tokens that
/// expire during a connection, see [`Tokens`](super::Tokens).
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::{AmqpConnection, Login, Logins, Sasl};
/// use cloudevents_core::{Error, ErrorKind};
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
///             Ok(Login::from(Sasl::plain("billing", password.trim())))
///         })
///     }
/// }
///
/// let mut connection = AmqpConnection::default();
/// connection.logins = Some(Arc::new(InFile("/run/secrets/broker".into())));
/// ```
pub trait Logins: Send + Sync + fmt::Debug + 'static {
    /// Returns the current credentials. An error makes the attempt to connect fail.
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>>;
}
