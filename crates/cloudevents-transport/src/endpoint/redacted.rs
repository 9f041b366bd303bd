//! The parts of a URL that are printed, and texts that are secret.

use super::Endpoint;
use std::fmt;

/// Secret text: `Debug` and `Display` write `***`.
///
/// ```
/// let secret = cloudevents_transport::Secret::new("hunter2");
/// assert_eq!(format!("{secret} {secret:?}"), "*** ***");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps this text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The URL without user info, and without values of options. Values that are known to be no secrets are shown, but none of `http`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if self.user.is_some() {
            f.write_str("***@")?;
        }
        for (index, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        if !self.path.is_empty() {
            write!(f, "/{}", self.path)?;
        }
        for (index, (name, value)) in self.options.iter().enumerate() {
            write!(f, "{}{name}=", if index > 0 { '&' } else { '?' })?;
            if self.scheme.starts_with("http") || !SHOWN.contains(&&**name) {
                f.write_str("***")?;
                continue;
            }
            for byte in value.bytes() {
                let is_plain = byte.is_ascii_graphic() && !b"%&#+".contains(&byte);
                if is_plain { write!(f, "{}", char::from(byte))? } else { write!(f, "%{byte:02X}")? }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Options whose values are no secrets. Other values may be secrets: settings of client libraries or of a peer, and misspelt names.
const SHOWN: &[&str] = &[
    "ack-wait",
    "archive",
    "attempts",
    "ca",
    "cert",
    "cert-key",
    "client",
    "close-timeout",
    "commit-interval",
    "connect-timeout",
    "consumer",
    "dead-letter",
    "declare",
    "deduplicate",
    "deliver",
    "domain",
    "double-ack",
    "drain",
    "enqueue-timeout",
    "exchange",
    "expiry",
    "format",
    "give-up-after",
    "group",
    "groups",
    "headers",
    "hostname",
    "in-flight",
    "in-flight-bytes",
    "keep-alive",
    "key",
    "last",
    "lenient",
    "lock",
    "losses",
    "mandatory",
    "max-message-size",
    "maxlen",
    "message-deadline",
    "mode",
    "name",
    "not-cloudevents",
    "offset",
    "ordered",
    "outbox",
    "partitions",
    "peer",
    "poll",
    "prefetch",
    "prefix",
    "qos",
    "queue",
    "raw",
    "rebalance-wait",
    "reject",
    "retain",
    "role",
    "routing-key",
    "sasl",
    "separator",
    "session",
    "since",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "sslmode",
    "statistics",
    "stream",
    "strings",
    "time-limit",
    "timeout",
    "tls",
    "version",
    "wait",
];

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    #[test]
    fn secrets_are_seen_nowhere() {
        let secret = "kafka://alice:s3cret@host/orders?password=s3cret";
        let endpoint = Endpoint::parse(secret).unwrap();
        for text in [format!("{endpoint}"), format!("{endpoint:?}"), format!("{endpoint:#?}")] {
            assert!(!text.contains("s3cret") && !text.contains("alice"), "{text}");
        }
        for error in [
            endpoint.check_options(&["group"]).unwrap_err(),
            endpoint.number::<u16>("password").unwrap_err(),
            endpoint.flag("password").unwrap_err(),
            endpoint.duration("password").unwrap_err(),
            Endpoint::parse("kafka:alice:s3cret@host").unwrap_err(),
            Endpoint::parse("alice:s3cret@://host").unwrap_err(),
            Endpoint::parse("kafka://alice:s3cret%@host").unwrap_err(),
            Endpoint::parse("kafka://alice:s3cret@host:x").unwrap_err(),
            Endpoint::parse("kafka://alice:s3cret/host").unwrap_err(),
            Endpoint::parse("kafka://host/#s3cret").unwrap_err(),
            Endpoint::parse("kafka://host/?a=s3cret&a=s3cret").unwrap_err(),
        ] {
            let text = format!("{error} {error:?} {:?}", error.help());
            assert!(!text.contains("s3cret") && !text.contains("alice"), "{text}");
            assert_eq!(error.kind(), ErrorKind::InvalidUrl);
        }
        assert_eq!(endpoint.expose_url(), secret);
        let names = "kafka://host/orders?ssl.ca.location=/etc/ca.pem&tls=true";
        assert_eq!(Endpoint::parse(names).unwrap().to_string(), names);
    }
}
