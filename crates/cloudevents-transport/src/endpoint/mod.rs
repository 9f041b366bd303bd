//! Connection URLs: their syntax and their parts.

pub(crate) mod certificates;
pub(crate) mod described;
pub(crate) mod percent;
mod redacted;
pub(crate) mod rejecting;
pub(crate) mod server;
mod shared_options;
pub(crate) mod transports;
mod values;

pub use redacted::Secret;

use cloudevents_core::{Error, ErrorKind};
use percent::percent_decoded;
use std::fmt::{self, Write as _};

/// A connection URL: `kafka://user:password@one:9092,two:9092/orders?group=billing`.
///
/// `Debug` and `Display` show neither user info nor the values of options, because any of them may be secret.
/// Errors contain no part of the URL except its scheme. [`expose_url`](Self::expose_url) and
/// [`Secret::expose`] return the secrets.
///
/// Several hosts are separated by commas. User, password, path segments and options are percent-decoded when
/// they are read. `+` in an option is a plus sign. Fragments are not allowed.
///
/// ```
/// use cloudevents_transport::Endpoint;
///
/// let endpoint = Endpoint::parse("kafka://me:s3cret@one:9092,[::1]/orders?group=billing")?;
/// assert_eq!(endpoint.scheme(), "kafka");
/// assert_eq!(endpoint.hosts()[0].name(), "one");
/// assert_eq!(endpoint.hosts()[1].with_port(9092).to_string(), "[::1]:9092");
/// assert_eq!(endpoint.path(), "orders");
/// assert_eq!(endpoint.option("group"), Some("billing"));
/// assert_eq!(endpoint.password().unwrap().expose(), "s3cret");
/// assert_eq!(endpoint.to_string(), "kafka://***@one:9092,[::1]/orders?group=billing");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Secret,
    scheme: Box<str>,
    user: Option<Secret>,
    password: Option<Secret>,
    hosts: Vec<Host>,
    path: Box<str>,
    options: Vec<(Box<str>, Box<str>)>,
}

impl Endpoint {
    /// Parses a URL. Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    pub fn parse(url: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(invalid("a scheme and `://` are missing"));
        };
        if !is_scheme(scheme) {
            return Err(invalid("the text before `://` is not a scheme"));
        }
        let scheme = scheme.to_ascii_lowercase();
        let of_scheme = |what: &str| invalid(format!("in this `{scheme}` URL, {what}"));
        if url.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(of_scheme("white space and control characters have to be percent-encoded"));
        }
        // In MQTT, it is a wildcard of topic filters.
        if rest.contains('#') && !matches!(scheme.as_str(), "mqtt" | "mqtts") {
            return Err(of_scheme("`#` has to be percent-encoded: there are no fragments"));
        }
        let (before_query, query) = split(rest, '?');
        let (authority, path) = split(before_query, '/');
        let (user_info, hosts) = match authority.rsplit_once('@') {
            Some((user_info, hosts)) => (Some(user_info), hosts),
            None => (None, authority),
        };
        let secret = |text: &str| {
            percent_decoded(text)
                .map(Secret::new)
                .ok_or_else(|| of_scheme("the user info is not percent-encoded correctly"))
        };
        let (user, password) = match user_info.map(|info| split(info, ':')) {
            Some((user, password)) => (Some(secret(user)?), password.map(secret).transpose()?),
            None => (None, None),
        };
        let hosts = match hosts {
            "" => Vec::new(),
            list => list
                .split(',')
                .map(|host| Host::parse(host).ok_or_else(|| of_scheme("a host or port is invalid")))
                .collect::<Result<_, _>>()?,
        };
        let path = path.unwrap_or_default();
        if percent_decoded(path).is_none() {
            return Err(of_scheme("the path is not percent-encoded correctly"));
        }
        let mut options: Vec<(Box<str>, Box<str>)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = split(pair, '=');
            let (Some(name), Some(value)) =
                (percent_decoded(name), percent_decoded(value.unwrap_or_default()))
            else {
                return Err(of_scheme("an option is not percent-encoded correctly"));
            };
            if options.iter().any(|(known, _)| *known == name) {
                return Err(of_scheme(&format!("the option `{name}` is given twice")));
            }
            options.push((name, value));
        }
        Ok(Self {
            url: Secret::new(url),
            user,
            password,
            hosts,
            path: path.into(),
            options,
            scheme: scheme.into(),
        })
    }

    /// The endpoint of a URL: text, which is parsed, or an endpoint that was parsed before. Functions that open something take both.
    ///
    /// ```
    /// use cloudevents_core::Error;
    /// use cloudevents_transport::Endpoint;
    ///
    /// fn open(url: impl TryInto<Endpoint, Error: Into<Error>>) -> Result<String, Error> {
    ///     Endpoint::of(url).map(|endpoint| endpoint.path().to_owned())
    /// }
    /// assert_eq!(open("kafka://one/orders")?, "orders");
    /// assert_eq!(open(Endpoint::parse("kafka://one/orders")?)?, "orders");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn of(url: impl TryInto<Self, Error: Into<Error>>) -> Result<Self, Error> {
        url.try_into().map_err(Into::into)
    }

    /// The scheme, in lower case: `kafka`, `nats+jetstream`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The user.
    pub fn user(&self) -> Option<&Secret> {
        self.user.as_ref()
    }

    /// The password.
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The hosts: none for a URL such as `memory:///orders`.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The first host, or an error of kind [`InvalidUrl`](ErrorKind::InvalidUrl) when there is none.
    pub fn host(&self) -> Result<&Host, Error> {
        self.hosts.first().ok_or_else(|| self.invalid("a host is missing"))
    }

    /// The hosts. Hosts that name no port have this one. Without a host, it is an error of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    pub fn hosts_with(&self, port: u16) -> Result<Vec<Host>, Error> {
        self.host()?;
        Ok(self.hosts.iter().map(|host| host.with_port(port)).collect())
    }

    /// The path without its first slash, as written in the URL.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The segments of the path, percent-decoded: `ORDERS` and `orders.*` for `/ORDERS/orders.*`.
    ///
    /// No segments for an empty path.
    pub fn segments(&self) -> impl Iterator<Item = Box<str>> + '_ {
        // `parse` has checked that it can be decoded.
        self.path.split('/').filter(|_| !self.path.is_empty()).filter_map(percent_decoded)
    }

    /// The value of an option; empty for an option without a value, and `None` without the option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All options, in the order of the URL.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns a copy with this option, unless the URL has it. The value may be any text.
    ///
    /// ```
    /// let endpoint = cloudevents_transport::Endpoint::parse("kafka://localhost/orders?group=a")?;
    /// assert_eq!(endpoint.clone().or_option("group", "b").option("group"), Some("a"));
    /// assert_eq!(endpoint.or_option("name", "x&y").expose_url(), "kafka://localhost/orders?group=a&name=x%26y");
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    #[must_use]
    pub fn or_option(mut self, name: &str, value: &str) -> Self {
        if self.option(name).is_some() {
            return self;
        }
        let mut url = self.url.expose().to_owned();
        url.push(if url.contains('?') { '&' } else { '?' });
        for part in [name, "=", value] {
            for byte in part.bytes() {
                let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || part == "=";
                let _ =
                    if is_plain { write!(url, "{}", char::from(byte)) } else { write!(url, "%{byte:02X}") };
            }
        }
        self.url = Secret::new(url);
        self.options.push((name.into(), value.into()));
        self
    }

    /// Checks that all options are known, to find mistyped ones.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl) and name the known options.
    pub fn check_options(&self, known: &[&str]) -> Result<(), Error> {
        match self.options().find(|(name, _)| !known.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(self
                .invalid(format!("there is no option `{name}`"))
                .with_help(format!("the options are {}", list(known)))),
        }
    }

    /// The URL as given, with user info. For protocol clients that take a URL, not for display.
    pub fn expose_url(&self) -> &str {
        self.url.expose()
    }

    /// An error of kind [`InvalidUrl`](ErrorKind::InvalidUrl) about this URL.
    pub fn invalid(&self, what: impl fmt::Display) -> Error {
        invalid(format!("in this `{}` URL, {what}", self.scheme))
    }
}

impl std::str::FromStr for Endpoint {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::parse(url)
    }
}

/// See [`of`](Endpoint::of).
impl TryFrom<&str> for Endpoint {
    type Error = Error;

    fn try_from(url: &str) -> Result<Self, Error> {
        Self::parse(url)
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = Error;

    fn try_from(url: &String) -> Result<Self, Error> {
        Self::parse(url)
    }
}

/// A host and an optional port.
///
/// ```
/// # let endpoint = cloudevents_transport::Endpoint::parse("amqp://Broker.example:5671/")?;
/// let host = endpoint.host()?;
/// assert_eq!((host.name(), host.port()), ("Broker.example", Some(5671)));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: Box<str>,
    port: Option<u16>,
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                address.parse::<std::net::Ipv6Addr>().ok()?;
                (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => split(text, ':'),
        };
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"[]@/?#%\"<>\\^`{|}".contains(&byte);
        let valid = text.starts_with('[') || (!name.is_empty() && name.bytes().all(plain));
        let port =
            port.map(|port| port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit())));
        if !valid || port == Some(None) {
            return None;
        }
        Some(Self { name: name.into(), port: port.flatten() })
    }

    /// The name or address; an IPv6 address has no brackets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, if given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns a copy with this port, unless the host has one.
    pub fn with_port(&self, default: u16) -> Self {
        Self { name: self.name.clone(), port: Some(self.port.unwrap_or(default)) }
    }
}

/// Writes `name`, `name:port`, `[address]` or `[address]:port`.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]", self.name)?
        } else {
            f.write_str(&self.name)?
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cold]
fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidUrl).with_detail(detail.into())
}

pub(crate) fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { format!("`{}`", names.join("`, `")) }
}

pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_parts() {
        let endpoint = Endpoint::parse(
            "NATS+JetStream://u%40x:p%3aw@localhost/ORDERS/orders.*/a%2Fb?name=a%20b+c&durable",
        )
        .unwrap();
        assert_eq!(endpoint.scheme(), "nats+jetstream");
        assert_eq!(
            (endpoint.user().unwrap().expose(), endpoint.password().unwrap().expose()),
            ("u@x", "p:w")
        );
        assert_eq!(endpoint.host().unwrap().with_port(4222).to_string(), "localhost:4222");
        assert_eq!(
            endpoint.segments().collect::<Vec<_>>(),
            ["ORDERS".into(), "orders.*".into(), "a/b".into()]
        );
        assert_eq!(endpoint.options().collect::<Vec<_>>(), [("name", "a b+c"), ("durable", "")]);
        assert_eq!(endpoint.number::<u16>("missing").unwrap(), None);

        let bare = Endpoint::parse("memory://").unwrap();
        assert_eq!((bare.hosts().len(), bare.path(), bare.segments().count()), (0, "", 0));
        assert_eq!(bare.host().unwrap_err().kind(), ErrorKind::InvalidUrl);
    }

    #[test]
    fn what_is_none() {
        for url in [
            "",
            "kafka",
            "kafka:host",
            "://host",
            "1a://host",
            "k a://host",
            "kafka://a b",
            "kafka://host:",
            "kafka://host:+1",
            "kafka://host:65536",
            "kafka://a,,b",
            "kafka://[::1",
            "kafka://[::g]",
            "kafka://[::1]9092",
            "kafka://h/%zz",
            "kafka://h/%ff",
            "kafka://h?a=%2",
        ] {
            assert_eq!(Endpoint::parse(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
    }

    #[test]
    fn known_options_are_named() {
        let endpoint = Endpoint::parse("kafka://host?gruop=x").unwrap();
        let error = endpoint.check_options(&["group", "acks"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this URL cannot be used: in this `kafka` URL, there is no option `gruop` [invalid-url]"
        );
        assert_eq!(error.help(), Some("the options are `group`, `acks`"));
    }

    proptest! {
        #[test]
        fn never_panics(url in "\\PC*") {
            let _ = Endpoint::parse(&url);
            let _ = Endpoint::parse(&format!("kafka://{url}"));
        }
    }
}
