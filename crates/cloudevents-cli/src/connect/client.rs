//! Options of HTTP connections: certificates and addresses.

use super::certificates::Certificates;
use crate::failure::Failure;
use clap::Args;
use cloudevents_kit::transport::Endpoint;
use reqwest::{Client, redirect::Policy};
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

/// How HTTP connections are made.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "HTTP connections")]
pub(crate) struct Connecting {
    /// Accept any certificate of the server: only for tests.
    #[arg(long, short = 'k')]
    insecure: bool,
    /// Connect to this address instead of the address of the host: example.com:443:127.0.0.1.
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<Resolve>,
    #[command(flatten)]
    pub(crate) certificates: Certificates,
}

/// An address for a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resolve {
    host: String,
    port: u16,
    address: IpAddr,
}

impl FromStr for Resolve {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected HOST:PORT:ADDRESS, for example example.com:443:127.0.0.1";
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong);
        };
        let address = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
        match (port.parse(), address.parse()) {
            (Ok(port), Ok(address)) if !host.is_empty() => {
                Ok(Self { host: host.to_ascii_lowercase(), port, address })
            }
            _ => Err(wrong),
        }
    }
}

impl From<Certificates> for Connecting {
    fn from(certificates: Certificates) -> Self {
        Self { certificates, ..Self::default() }
    }
}

impl Connecting {
    /// Returns the name of an option that only HTTP has, if one is given.
    pub(super) fn given(&self) -> Option<&'static str> {
        [("--insecure", self.insecure), ("--resolve", !self.resolve.is_empty())]
            .into_iter()
            .find_map(|(name, given)| given.then_some(name))
    }

    /// Returns a client with these options; `None` if none is given.
    pub(super) fn client(&self, endpoint: &Endpoint, timeout: Duration) -> Result<Option<Client>, Failure> {
        let has_tls = endpoint.scheme() == "https";
        if self.insecure && !has_tls {
            return Err(Failure::usage("--insecure is only for `https` URLs"));
        }
        let certificates = self.certificates.given().filter(|_| has_tls);
        if self.given().or(certificates).is_none() {
            return Ok(None);
        }
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(timeout)
            .http1_max_headers(cloudevents_kit::http::MAX_HEADERS);
        // As without options: this machine is reached directly.
        let is_here = endpoint.hosts().first().is_some_and(|host| {
            let address = host.name().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            address.map_or_else(|_| host.name() == "localhost", |address| address.is_loopback())
        });
        if is_here {
            builder = builder.no_proxy();
        }
        for Resolve { host, port, address } in &self.resolve {
            let wanted = endpoint.hosts().first();
            let standard = if endpoint.scheme() == "https" { 443 } else { 80 };
            let matches = wanted.is_some_and(|wanted| {
                wanted.name().eq_ignore_ascii_case(host) && wanted.port().unwrap_or(standard) == *port
            });
            if !matches {
                return Err(Failure::usage(format!("--resolve: the URL is not of `{host}:{port}`")));
            }
            builder = builder.resolve(host, SocketAddr::new(*address, *port));
        }
        if has_tls {
            builder = self.certificates.in_client(builder)?;
        }
        #[cfg(feature = "tls")]
        let builder = builder.tls_danger_accept_invalid_certs(self.insecure);
        let built = builder.build();
        built.map(Some).map_err(|error| {
            let mut reason: &dyn std::error::Error = &error;
            while let Some(source) = reason.source() {
                reason = source;
            }
            let given = self.certificates.given().map_or_else(String::new, |flags| format!(" ({flags})"));
            Failure::usage(format!("the connection options{given} are not usable: {reason}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_hosts() {
        let resolve =
            |text: &str| text.parse::<Resolve>().map(|found| (found.host, found.port, found.address));
        assert_eq!(resolve("A.example:80:127.0.0.1").unwrap().0, "a.example");
        assert_eq!(resolve("a:80:[::1]"), resolve("a:80:::1"));
        for wrong in ["", "a:80", "a:x:127.0.0.1", ":80:127.0.0.1", "a:80:b"] {
            assert!(resolve(wrong).is_err(), "{wrong}");
        }
    }
}
