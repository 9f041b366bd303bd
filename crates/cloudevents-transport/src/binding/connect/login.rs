//! Changing credentials.

use cloudevents_core::Error;
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc};

/// A source of changing credentials, such as rotated passwords, tokens and renewed certificates.
///
/// It is called before each connection. `L` is the `Login` of the protocol.
///
/// A login that the broker refuses is tried again for five minutes, each time with the then current credentials: see
/// [`Backoff::refused`](crate::binding::connect::Backoff::refused). The output of `Debug` must not contain them, because the options print
/// the source.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::{Logins, Secret};
/// use std::{fs, path::PathBuf, pin::Pin, sync::Arc};
///
/// /// A password that another program replaces in a file.
/// #[derive(Debug)]
/// struct InFile(PathBuf);
///
/// // Stands for the `Login` of a protocol, which has a function such as `Login::new("billing", password)`.
/// impl Logins<Secret> for InFile {
///     fn login(&self) -> Pin<Box<dyn Future<Output = Result<Secret, Error>> + Send + '_>> {
///         Box::pin(async {
///             let password = fs::read_to_string(&self.0)
///                 .map_err(|error| Error::new(ErrorKind::Disconnected).with_detail("no password").with_source(error))?;
///             Ok(Secret::new(password.trim()))
///         })
///     }
/// }
/// let logins: Arc<dyn Logins<Secret>> = Arc::new(InFile("/run/secrets/broker".into()));
/// ```
pub trait Logins<L>: Send + Sync + fmt::Debug + 'static {
    /// Returns the current credentials. An error makes the attempt to connect fail.
    fn login(&self) -> BoxFuture<'_, Result<L, Error>>;
}

/// Returns the credentials for a connection: those of the source, or without a source the given ones.
///
/// Errors are those of the source.
pub async fn login<L: Clone + 'static>(
    logins: Option<&Arc<dyn Logins<L>>>,
    given: Option<&L>,
) -> Result<Option<L>, Error> {
    match logins {
        Some(logins) => logins.login().await.map(Some),
        None => Ok(given.cloned()),
    }
}
