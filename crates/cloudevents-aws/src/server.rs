//! The server of a region, as a URL names it.

use crate::Connection;
use cloudevents_core::Error;
use cloudevents_transport::{
    Endpoint, Host, Side, Urls,
    binding::{connect::Backoff, http_hosts, in_time},
};
use std::sync::Arc;

/// The region of a URL, and how to connect to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The region: `eu-central-1`.
    pub region: Arc<str>,
    /// The options, with those of the URL.
    pub connection: Connection,
    /// The form of such URLs, for errors.
    form: &'static str,
    /// The first part of the name of its host: `sqs`.
    host: &'static str,
}

impl Server {
    /// Reads host and options of a URL; the options of the program apply where it sets nothing. `side` is who reads it. `host` is the first
    /// part of the name of the service's host, and `form` a help text with the form of the URL.
    ///
    /// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl).
    pub fn new(
        urls: &'static Urls,
        endpoint: &Endpoint,
        mut connection: Connection,
        side: Side,
        (host, form): (&'static str, &'static str),
    ) -> Result<Self, Error> {
        let _ = urls.check(endpoint, side)?;
        let region = endpoint.host()?;
        if region.port().is_some() || endpoint.hosts().len() != 1 || !is_name(region.name(), "-") {
            return Err(endpoint.invalid("the host is not the name of a region").with_help(form));
        }
        if endpoint.user().is_some() || endpoint.password().is_some() {
            return Err(endpoint.invalid("there are credentials in the URL").with_help(
                "they are read from the environment (`AWS_ACCESS_KEY_ID` and others), or from the files of a profile",
            ));
        }
        connection.connect_timeout =
            endpoint.duration("connect-timeout")?.unwrap_or(connection.connect_timeout);
        connection.endpoint = endpoint.option("endpoint").map(str::to_owned).or(connection.endpoint);
        if connection.endpoint.as_deref().is_some_and(|url| http_hosts(url).is_err()) {
            return Err(endpoint.invalid("the option `endpoint` is not the URL of a server"));
        }
        Ok(Self { region: region.name().into(), connection, form, host })
    }

    /// The account and the name of the URL's path: `/ACCOUNT/NAME`. `what` names the kind of the place for errors, and `is_known` is
    /// whether it may have this name.
    ///
    /// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl).
    pub fn place(
        &self,
        endpoint: &Endpoint,
        what: &str,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(Arc<str>, Arc<str>), Error> {
        let path: Vec<_> = endpoint.segments().filter(|part| !part.is_empty()).collect();
        match &path[..] {
            [account, name] if is_account(account) && is_known(name) => {
                Ok(((**account).into(), (**name).into()))
            }
            _ => Err(endpoint.invalid(format!("the path is not that of {what}")).with_help(self.form)),
        }
    }

    /// The URL of the server, without a slash at its end.
    pub fn url(&self) -> String {
        match &self.connection.endpoint {
            Some(server) => server.trim_end_matches('/').to_owned(),
            None => {
                let domain =
                    if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{}.{}.{domain}", self.host, self.region)
            }
        }
    }

    /// Where requests go, as far as the options say it.
    pub fn hosts(&self) -> Result<Vec<Host>, Error> {
        http_hosts(&self.url())
    }

    /// The name of a resource of this account: `arn:aws:sns:eu-central-1:123456789012:orders`.
    pub fn arn(&self, account: &str, resource: &str) -> String {
        let partition = match &*self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            region if region.starts_with("eusc-") => "aws-eusc",
            _ => "aws",
        };
        format!("arn:{partition}:{}:{}:{account}:{resource}", self.host, self.region)
    }

    /// Waits for the first answer of a service, as long as connecting may take.
    ///
    /// Errors: [`Timeout`](cloudevents_core::ErrorKind::Timeout), and those of the answer.
    pub async fn in_time<T>(
        &self,
        service: &str,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        in_time(service, self.connection.connect_timeout, answer).await
    }

    /// How soon requests are made again.
    pub fn backoff(&self) -> Backoff {
        self.connection.backoff.with_per_host(self.connection.connect_timeout)
    }
}

/// Whether this can be the number of an account.
pub fn is_account(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this has letters, digits and these others alone, and is not empty.
pub fn is_name(text: &str, others: &str) -> bool {
    !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || others.contains(one))
}
