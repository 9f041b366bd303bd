//! Changing credentials.

use super::Sasl;

/// The current credentials, as a source of changing ones returns them: [`Logins`](cloudevents_transport::Logins).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Login {
    /// User and password, or another SASL mechanism. Default: that of the URL and of
    /// [`RabbitConnection`](super::RabbitConnection).
    pub sasl: Option<Sasl>,
    /// Certificates. Default: the certificates of [`RabbitConnection`](super::RabbitConnection).
    #[cfg(feature = "tls")]
    pub tls: Option<super::Tls>,
}

impl From<Sasl> for Login {
    fn from(sasl: Sasl) -> Self {
        Self { sasl: Some(sasl), ..Self::default() }
    }
}
