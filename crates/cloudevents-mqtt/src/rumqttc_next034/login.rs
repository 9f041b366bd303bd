//! User and password, fixed or changing.

use cloudevents_transport::Secret;

/// The current credentials, as a source of changing ones returns them: [`Logins`](cloudevents_transport::Logins).
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
    /// The password. Without TLS, anyone who observes the connection can read it. Default: the password of the URL.
    pub password: Option<Secret>,
    /// Certificates. Default: the certificates of [`MqttConnection`](super::MqttConnection).
    #[cfg(feature = "tls")]
    pub tls: Option<super::Tls>,
}

impl Login {
    /// Logs in with this user and password.
    pub fn new(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        Self { user: Some(Secret::new(user)), password: Some(Secret::new(password)), ..Self::default() }
    }
}
