//! Changing credentials.

use super::Sasl;

/// The current credentials, as a source of changing ones returns them: [`Logins`](cloudevents_transport::Logins). For tokens that expire
/// during a connection, see [`Tokens`](super::Tokens).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Login {
    /// User and password, or another SASL mechanism. Default: that of the URL and of
    /// [`AmqpConnection`](super::AmqpConnection).
    pub sasl: Option<Sasl>,
    /// Certificates. Default: the certificates of [`AmqpConnection`](super::AmqpConnection).
    #[cfg(feature = "tls")]
    pub tls: Option<super::Tls>,
}

impl From<Sasl> for Login {
    fn from(sasl: Sasl) -> Self {
        Self { sasl: Some(sasl), ..Self::default() }
    }
}
