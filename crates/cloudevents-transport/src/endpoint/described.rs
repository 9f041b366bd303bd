//! A protocol binding as a value: its URLs, their options, and the functions that open them.

use crate::{Create, Endpoint, Look, Receiver, ReceiverOptions, Sender, SenderOptions, Show};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::BoxFuture;

/// A protocol binding as a value. Each crate of a protocol has one, `BINDING`; programs that know more than one protocol read these.
#[derive(Debug)]
pub struct Binding {
    /// Its URLs.
    pub urls: &'static Urls,
    /// Opens a sender. `None`: nothing can be sent to its URLs in this build.
    pub sender: Option<OpenSender>,
    /// Opens a receiver. `None`: nothing can be received from its URLs in this build.
    pub receiver: Option<OpenReceiver>,
    /// Lists the places that the broker shows.
    pub look: Look,
    /// Creates the place of a URL.
    pub create: Create,
    /// Shows messages. `None`: their form is one of the harness of conformance.
    pub show: Option<Show>,
}

/// The URLs of a binding.
///
/// ```
/// use cloudevents_transport::{Endpoint, Scheme, Side, UrlFamily, UrlOption, Urls};
///
/// const URLS: Urls = Urls {
///     name: "pigeon",
///     families: &[UrlFamily {
///         form: "pigeon://LOFT/ROUTE",
///         schemes: &[Scheme::plain("pigeon", 7)],
///         options: &[UrlOption::receiving("ring", "the ring of the pigeon")],
///         has_broker: false,
///         is_structured: false,
///         has_keys: false,
///     }],
///     tls: false,
/// };
/// let url = Endpoint::parse("pigeon://loft/home?ring=7")?;
/// assert_eq!(URLS.check(&url, Side::Receive)?.port, 7);
/// assert_eq!(url.hosts_with(7)?[0].to_string(), "loft:7");
/// let error = URLS.check(&Endpoint::parse("pigeon://loft/home?rign=7")?, Side::Receive).unwrap_err();
/// assert!(error.detail().contains("there is no option `rign`"));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Urls {
    /// The name of the binding, by which its crate and features are named: `rabbitmq`.
    pub name: &'static str,
    /// The URLs, by their options.
    pub families: &'static [UrlFamily],
    /// Whether this build has TLS for them.
    pub tls: bool,
}

/// Opens a sender for an endpoint. Options of the URL go before those of the program.
pub type OpenSender = fn(Endpoint, SenderOptions) -> BoxFuture<'static, Result<Sender, Error>>;

/// Opens a receiver for an endpoint. Options of the URL go before those of the program.
pub type OpenReceiver = fn(Endpoint, ReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>>;

/// URLs that have the same options.
#[derive(Debug)]
pub struct UrlFamily {
    /// Their form, for people: `rabbitmq://HOST/VHOST, rabbitmqs://HOST/VHOST (AMQP 0.9.1)`.
    pub form: &'static str,
    /// Their schemes.
    pub schemes: &'static [Scheme],
    /// Their options, besides [those of every sender](SenderOptions::URL_OPTIONS) and [of every receiver](ReceiverOptions::URL_OPTIONS).
    pub options: &'static [UrlOption],
    /// Whether something at the peer is configured to get rejected messages: `reject=broker`.
    pub has_broker: bool,
    /// Whether events are written as documents unless the URL has `mode=binary`, though the protocol has binary mode.
    pub is_structured: bool,
    /// Whether a message that is received may have a [key](crate::Received::key): that of a record, or a group.
    pub has_keys: bool,
}

/// A scheme of URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Its name, in lower case.
    pub name: &'static str,
    /// The port of hosts that name none.
    pub port: u16,
    /// Whether its connections are encrypted, with any options.
    pub tls: bool,
    /// The programs that can open it.
    pub side: Side,
}

/// The programs that have an option or a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Senders.
    Send,
    /// Receivers.
    Receive,
    /// Both.
    Both,
}

/// An option of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlOption {
    /// The programs that have it.
    pub side: Side,
    /// Its name. `NAME` in it stands for any text: `query.NAME`.
    pub name: &'static str,
    /// Its description, in a line.
    pub help: &'static str,
}

impl Scheme {
    /// A scheme without TLS. An option may add it.
    pub const fn plain(name: &'static str, port: u16) -> Self {
        Self { name, port, tls: false, side: Side::Both }
    }

    /// A scheme with TLS.
    pub const fn with_tls(name: &'static str, port: u16) -> Self {
        Self { name, port, tls: true, side: Side::Both }
    }
}

impl Side {
    /// Whether programs of this side are of the other, too.
    pub fn meets(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }
}

impl UrlOption {
    /// `ca`, for connections with TLS.
    pub const CA: Self = Self::both("ca", "with TLS: a file with the authorities to trust, and no others");
    /// `cert`, for connections with TLS.
    pub const CERT: Self = Self::both("cert", "with TLS: a file with the client certificate");
    /// `cert-key`, for connections with TLS.
    pub const CERT_KEY: Self = Self::both("cert-key", "with TLS: a file with its key, if `cert` has none");
    /// `connect-timeout`.
    pub const CONNECT_TIMEOUT: Self = Self::both("connect-timeout", "how long connecting may take");
    /// `mode`, for a protocol with binary and structured mode.
    pub const MODE: Self = Self::sending("mode", "binary (default), structured");
    /// `format`, for a protocol with structured mode.
    pub const FORMAT: Self = Self::sending("format", "of structured mode: json (default), ...");

    /// An option of senders.
    pub const fn sending(name: &'static str, help: &'static str) -> Self {
        Self { side: Side::Send, name, help }
    }

    /// An option of receivers.
    pub const fn receiving(name: &'static str, help: &'static str) -> Self {
        Self { side: Side::Receive, name, help }
    }

    /// An option of both.
    pub const fn both(name: &'static str, help: &'static str) -> Self {
        Self { side: Side::Both, name, help }
    }

    /// Whether an option of this name is this one.
    pub fn is(&self, name: &str) -> bool {
        match self.name.split_once("NAME") {
            None => self.name == name,
            Some((begin, "")) => name.strip_prefix(begin).is_some_and(|rest| !rest.is_empty()),
            Some((_, rest)) => name.contains(rest.trim_end_matches("NAME")),
        }
    }
}

impl Urls {
    /// All schemes.
    pub fn schemes(&self) -> impl Iterator<Item = &'static Scheme> {
        self.families.iter().flat_map(|family| family.schemes)
    }

    /// The family of URLs with this scheme.
    pub fn family(&self, scheme: &str) -> Option<&'static UrlFamily> {
        self.families.iter().find(|family| family.schemes.iter().any(|known| known.name == scheme))
    }

    /// Checks the scheme of a URL and the names of its options for this side, and returns its scheme.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl) for a scheme of another protocol, an option that there is not, and options of
    /// certificates without TLS; [`Unsupported`](ErrorKind::Unsupported) for a connection with TLS in a build without it.
    pub fn check(&self, endpoint: &Endpoint, side: Side) -> Result<&'static Scheme, Error> {
        self.check_with(endpoint, side, &[])
    }

    /// As [`check`](Self::check), for URLs that have these options, too.
    pub fn check_with(
        &self,
        endpoint: &Endpoint,
        side: Side,
        more: &[UrlOption],
    ) -> Result<&'static Scheme, Error> {
        let of = |family: &'static UrlFamily| {
            family
                .schemes
                .iter()
                .find(|scheme| scheme.name == endpoint.scheme())
                .map(|scheme| (family, scheme))
        };
        let Some((family, scheme)) = self.families.iter().find_map(of) else {
            let known: Vec<_> = self.schemes().map(|scheme| scheme.name).collect();
            return Err(endpoint
                .invalid(format!("the scheme `{}` is not one of {}", endpoint.scheme(), self.name))
                .with_help(format!("the schemes are {}", super::list(&known))));
        };
        let mut known: Vec<&UrlOption> =
            family.options.iter().filter(|option| option.side.meets(side)).collect();
        known.extend(SenderOptions::URL_OPTIONS.iter().filter(|_| side != Side::Receive));
        known.extend(ReceiverOptions::URL_OPTIONS.iter().filter(|_| side != Side::Send));
        known.extend(more);
        if let Some((name, _)) =
            endpoint.options().find(|(name, _)| !known.iter().any(|option| option.is(name)))
        {
            let mut names: Vec<_> =
                known.iter().map(|option| option.name).filter(|name| !name.contains("NAME")).collect();
            names.sort_unstable();
            names.dedup();
            let mut help = format!("the options are {}", super::list(&names));
            for option in &known {
                if let Some(begin) =
                    option.name.strip_suffix("NAME").filter(|begin| !matches!(*begin, "" | "NAME."))
                {
                    help += &format!("; `{begin}{name}` is {}", option.help.replace("NAME", name));
                }
            }
            return Err(endpoint.invalid(format!("there is no option `{name}`")).with_help(help));
        }
        if has_tls(endpoint, scheme, family) && !self.tls {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("this build has no TLS")
                .with_help(format!("turn on the feature `tls` of cloudevents-{}", self.name)));
        }
        Ok(scheme)
    }

    /// Whether the connection of this URL is encrypted.
    pub fn has_tls(&self, endpoint: &Endpoint) -> bool {
        self.families.iter().any(|family| {
            family
                .schemes
                .iter()
                .any(|scheme| scheme.name == endpoint.scheme() && has_tls(endpoint, scheme, family))
        })
    }
}

fn has_tls(endpoint: &Endpoint, scheme: &Scheme, family: &UrlFamily) -> bool {
    let is_option = family.options.iter().any(|option| option.name == "tls");
    scheme.tls || (is_option && matches!(endpoint.option("tls"), Some("" | "true")))
}

#[cfg(test)]
mod tests {
    use super::*;

    static URLS: Urls = Urls {
        name: "pigeon",
        families: &[
            UrlFamily {
                form: "",
                schemes: &[Scheme::plain("pigeon", 7), Scheme::with_tls("pigeons", 8)],
                options: &[
                    UrlOption::sending("timeout", ""),
                    UrlOption::receiving("ring", ""),
                    UrlOption::both("tag.NAME", "the tag NAME"),
                ],
                has_broker: false,
                is_structured: false,
                has_keys: false,
            },
            UrlFamily {
                form: "",
                schemes: &[Scheme::plain("dove", 9)],
                options: &[UrlOption::both("tls", ""), UrlOption::both("NAME.NAME", "")],
                has_broker: true,
                is_structured: false,
                has_keys: false,
            },
        ],
        tls: false,
    };

    fn check(url: &str, side: Side) -> Result<u16, Error> {
        URLS.check(&Endpoint::parse(url)?, side).map(|scheme| scheme.port)
    }

    #[test]
    fn options_are_those_of_the_family_and_the_side() {
        for (url, side, port) in [
            ("pigeon://h?timeout=1s&losses=log&in-flight=1", Side::Send, 7),
            ("pigeon://h?ring=1&attempts=3&tag.x=1", Side::Receive, 7),
            ("pigeon://h?ring=1&timeout=1s", Side::Both, 7),
            ("dove://h?some.thing=1&tls=false", Side::Send, 9),
        ] {
            assert_eq!(check(url, side).unwrap(), port, "{url}");
        }
        for (url, side) in [
            ("pigeon://h?ring=1", Side::Send),
            ("pigeon://h?timeout=1s", Side::Receive),
            ("pigeon://h?tag.=1", Side::Both),
            ("pigeon://h?some.thing=1", Side::Both),
            ("dove://h?ring=1", Side::Both),
            ("crow://h", Side::Both),
        ] {
            assert_eq!(check(url, side).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
        let error = check("pigeon://h?x=1", Side::Receive).unwrap_err();
        assert!(error.help().is_some_and(|help| help.ends_with("; `tag.x` is the tag x")), "{error:?}");
    }

    #[test]
    fn what_a_build_lacks_is_named() {
        for url in ["pigeons://h", "dove://h?tls", "dove://h?tls=true"] {
            let error = check(url, Side::Send).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{url}");
            assert_eq!(error.help(), Some("turn on the feature `tls` of cloudevents-pigeon"));
        }
    }

    #[test]
    fn options_of_senders() {
        let read = |url: &str| SenderOptions::default().with_url(&Endpoint::parse(url).unwrap());
        let options = read("pigeon://h?in-flight=5&timeout=2s").unwrap();
        assert_eq!(options.in_flight.map(|bounds| (bounds.messages, bounds.bytes)), Some((5, 64 << 20)));
        assert_eq!(options.timeout, Some(std::time::Duration::from_secs(2)));
        let options = read("pigeon://h?in-flight-bytes=7").unwrap();
        assert_eq!(options.in_flight.map(|bounds| (bounds.messages, bounds.bytes)), Some((1024, 7)));
        assert!(read("pigeon://h").unwrap().in_flight.is_none() && read("pigeon://h?in-flight=x").is_err());
    }
}
