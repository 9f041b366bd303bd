//! Options of a connection.

use cloudevents_transport::{Secret, binding::connect::Backoff};
use std::time::Duration;

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_aws::{Connection, Login};
///
/// let mut connection = Connection::default();
/// connection.login = Some(Login::new("AKIAIOSFODNN7EXAMPLE", "s3cret"));
/// assert!(!format!("{connection:?}").contains("s3cret"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {
    /// The credentials. Default: the credentials that the chain of AWS finds in the environment, in the files of the profile, by a web
    /// identity, or from the container or the machine. They are renewed as they expire.
    pub login: Option<Login>,
    /// The URL of another server than that of the region, such as an emulator, or an endpoint of a private network; `endpoint` in a URL.
    /// Default: the endpoint of the environment or the profile (such as `AWS_ENDPOINT_URL_SQS`), or the region's.
    pub endpoint: Option<String>,
    /// How long opening a connection may take; `connect-timeout` in a URL. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon a receiver makes another request after requests have failed, and for how long it does so after a refusal: see [`Backoff`].
    /// A sender makes no request again.
    pub backoff: Backoff,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            login: None,
            endpoint: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
        }
    }
}

/// Credentials of AWS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The id of the access key.
    pub access_key_id: Secret,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The token of a session, if they are temporary.
    pub session_token: Option<Secret>,
}

impl Login {
    /// A key without a session.
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            access_key_id: Secret::new(access_key_id),
            secret_access_key: Secret::new(secret_access_key),
            session_token: None,
        }
    }

    /// Returns a copy with the token of a session.
    pub fn with_session(mut self, token: &str) -> Self {
        self.session_token = Some(Secret::new(token));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let login = Some(Login::new("key", "s3cret").with_session("t0ken"));
        let shown = format!("{:?}", Connection { login, ..Connection::default() });
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }
}
