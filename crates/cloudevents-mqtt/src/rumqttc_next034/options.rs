//! Options of the connection, and how a URL sets them.

use super::{login::Login, urls::URLS};
use crate::Version;
use cloudevents_core::Error;
#[cfg(not(feature = "tls"))]
use cloudevents_transport::binding::CertificateFiles;
use cloudevents_transport::{
    Endpoint, Host, Logins, Scheme, Secret, Side,
    binding::connect::{Addresses, Backoff},
};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Options of the connection of a sender or receiver. The URL takes precedence.
///
/// ```
/// use cloudevents_mqtt::{Version, rumqttc_next034::MqttConnection};
///
/// let mut connection = MqttConnection::default();
/// connection.version = Version::V3;
/// connection.client = Some("billing".into());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MqttConnection {
    /// The version of MQTT: `version` in a URL, `5` or `3.1.1`. Default: 5.
    pub version: Version,
    /// The client identifier: `client` in a URL. Default: a random identifier, whose session ends with the receiver.
    ///
    /// Over MQTT 3.1.1, the session does not end in [all cases](super::receiver). The broker keeps a receiver's session under this
    /// identifier. So each receiver needs its own, and the same identifier after a restart.
    pub client: Option<String>,
    /// A source of changing credentials, called before each connection. Its credentials take precedence over the URL. Default: none.
    pub logins: Option<Arc<dyn Logins<Login>>>,
    /// How long opening a connection may take. Default: 30 seconds.
    pub connect_timeout: Duration,
    /// How soon it connects again after a loss, and for how long a refused login is tried again: see [`Backoff`]. Its limit for one attempt
    /// is [`connect_timeout`](Self::connect_timeout). Default: the default `Backoff`.
    pub backoff: Backoff,
    /// The Keep Alive, in whole seconds: `keep-alive` in a URL. A connection over which the broker is silent for one and a half of it is
    /// lost. A broker may end a connection on which one message takes as long: choose a longer one for large messages over slow lines. The
    /// broker may require a shorter one. Default: 30 seconds.
    pub keep_alive: Duration,
    /// Certificates, `ca`, `cert` and `cert-key` in a URL, for `mqtts` URLs. Default: the default [`Tls`](super::Tls).
    #[cfg(feature = "tls")]
    pub tls: super::Tls,
}

impl Default for MqttConnection {
    fn default() -> Self {
        Self {
            version: Version::V5,
            client: None,
            logins: None,
            connect_timeout: Duration::from_secs(30),
            backoff: Backoff::default(),
            keep_alive: Duration::from_secs(30),
            #[cfg(feature = "tls")]
            tls: super::Tls::default(),
        }
    }
}

/// The quality of service of a message or of a subscription: how often a message may be delivered between two peers.
///
/// ```
/// use cloudevents_mqtt::rumqttc_next034::Qos;
///
/// assert_eq!(Qos::default(), Qos::AtLeastOnce);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// 0: at most once, unconfirmed.
    AtMostOnce = 0,
    /// 1: at least once, confirmed by PUBACK.
    #[default]
    AtLeastOnce = 1,
    /// 2: once over a connection, confirmed by PUBREC and PUBCOMP.
    ExactlyOnce = 2,
}

impl Qos {
    pub(super) fn of(endpoint: &Endpoint) -> Result<Option<Self>, Error> {
        match endpoint.option("qos") {
            None => Ok(None),
            Some("0") => Ok(Some(Self::AtMostOnce)),
            Some("1") => Ok(Some(Self::AtLeastOnce)),
            Some("2") => Ok(Some(Self::ExactlyOnce)),
            Some(_) => Err(endpoint.invalid("the option `qos` is not 0, 1 or 2")),
        }
    }
}

/// Where and how to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) hosts: Vec<Host>,
    /// The topic, template or filter: the path.
    pub(super) topic: String,
    pub(super) client: String,
    /// Whether the client identifier was made up.
    pub(super) is_unnamed: bool,
    pub(super) user: Option<Secret>,
    pub(super) password: Option<Secret>,
    /// The addresses of the hosts.
    pub(super) addresses: Addresses,
    pub(super) options: MqttConnection,
}

impl Target {
    /// Reads the URL. The options apply if the URL sets nothing. `side` says whether a sender or a receiver reads it.
    pub(super) fn new(endpoint: &Endpoint, mut options: MqttConnection, side: Side) -> Result<Self, Error> {
        let Scheme { tls, port, .. } = *URLS.check(endpoint, side)?;
        #[cfg(feature = "tls")]
        {
            options.tls = options.tls.with_url(endpoint, "mqtts")?;
        }
        #[cfg(not(feature = "tls"))]
        CertificateFiles::from_url(endpoint, false, "the scheme with TLS is `mqtts`")?;
        let hosts = endpoint.hosts_with(port)?;
        let topic = endpoint.segments().collect::<Vec<_>>().join("/");
        if topic.is_empty() {
            return Err(endpoint.invalid("the topic is missing, which is the path"));
        }
        options.version = match endpoint.option("version") {
            None => options.version,
            Some("5") => Version::V5,
            Some("3.1.1") => Version::V3,
            Some(_) => return Err(endpoint.invalid("the option `version` is neither `5` nor `3.1.1`")),
        };
        options.connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        if let Some(keep_alive) = endpoint.duration("keep-alive")? {
            options.keep_alive = keep_alive;
        }
        if endpoint.password().is_some() && endpoint.user().is_none_or(|user| user.expose().is_empty()) {
            return Err(endpoint.invalid("there is a password without a user"));
        }
        let client = endpoint.option("client").map(str::to_owned).or_else(|| options.client.clone());
        if client.as_deref() == Some("") {
            return Err(endpoint.invalid("the option `client` is empty"));
        }
        Ok(Self {
            tls,
            hosts,
            topic,
            is_unnamed: client.is_none(),
            client: client.unwrap_or_else(|| format!("ce-{}", random())),
            user: endpoint.user().cloned(),
            password: endpoint.password().cloned(),
            addresses: Addresses::default(),
            options,
        })
    }

    /// Another topic of the same broker, over a separate connection.
    pub(super) fn at(&self, topic: &str) -> Self {
        let client = format!("ce-{}", random());
        Self { topic: topic.to_owned(), client, is_unnamed: true, ..self.clone() }
    }
}

/// Shows the target in logs, without user and password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "mqtts://" } else { "mqtt://" })?;
        for (index, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        write!(f, "/{}", self.topic)
    }
}

/// Returns a unique name, which is not secret.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(&Endpoint::parse(url)?, MqttConnection::default(), Side::Both)
    }

    #[test]
    fn what_a_url_says() {
        let at =
            target("mqtt://al%40ice:s%2Fp@one:7,[::1]/plant/%23?client=c&version=3.1.1&keep-alive=5s&qos=2")
                .unwrap();
        assert_eq!(
            (at.topic.as_str(), at.client.as_str(), at.tls, at.is_unnamed),
            ("plant/#", "c", false, false)
        );
        assert_eq!((at.options.version, at.options.keep_alive), (Version::V3, Duration::from_secs(5)));
        assert_eq!(at.to_string(), "mqtt://one:7,[::1]:1883/plant/#");
        assert_eq!(
            (at.user.as_ref().unwrap().expose(), at.password.as_ref().unwrap().expose()),
            ("al@ice", "s/p")
        );
        assert!(!format!("{at:?} {at}").contains("s/p"));
        let unnamed = target("mqtt://h/t").unwrap();
        assert!(unnamed.is_unnamed && unnamed.client != target("mqtt://h/t").unwrap().client);
        #[cfg(feature = "tls")]
        assert_eq!(target("mqtts://h/t").unwrap().to_string(), "mqtts://h:8883/t");
    }

    #[test]
    fn the_url_goes_before_the_options() {
        let with = |url: &str| {
            let options = MqttConnection {
                version: Version::V3,
                client: Some("options".into()),
                ..MqttConnection::default()
            };
            Target::new(&Endpoint::parse(url).unwrap(), options, Side::Both).unwrap()
        };
        assert_eq!(
            (with("mqtt://h/t").client.as_str(), with("mqtt://h/t").options.version),
            ("options", Version::V3)
        );
        let url = with("mqtt://h/t?client=url&version=5");
        assert_eq!((url.client.as_str(), url.options.version), ("url", Version::V5));
    }

    #[test]
    fn what_a_url_must_not_say() {
        for url in [
            "mqtt:///t",
            "mqtt://h",
            "mqtt://h/",
            "http://h/t",
            "mqtt://h/t?version=4",
            "mqtt://h/t?client=",
            "mqtt://:p@h/t",
            "mqtt://h/t?keep-alive=soon",
            "mqtt://h/t?qso=1",
        ] {
            assert_eq!(target(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
    }
}
