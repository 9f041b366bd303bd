//! Opening senders and receivers by URL.

use crate::{
    Binding, Endpoint, Host, Interceptor, Receiver, ReceiverOptions, Sender, SenderOptions, Side,
    endpoint::list,
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

type OpenSender = dyn Fn(Endpoint, SenderOptions) -> BoxFuture<'static, Result<Sender, Error>> + Send + Sync;
type OpenReceiver =
    dyn Fn(Endpoint, ReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> + Send + Sync;
type MakeInterceptor = dyn Fn(&Endpoint) -> Arc<dyn Interceptor> + Send + Sync;

/// Maps URL schemes to the transports that open them.
///
/// It is a value, not a global registry, and cheap to clone.
///
/// Opening logs a warning if the URL has credentials that anyone on the way can read: they go to another machine without TLS.
///
/// The facade crate fills one with the enabled bindings. Programs can add their own.
///
/// ```
/// # #[cfg(feature = "fake")] futures_util::FutureExt::now_or_never(async {
/// use cloudevents_core::ErrorKind;
/// use cloudevents_transport::{Transports, fake::FakeQueue};
///
/// let queue = FakeQueue::new();
/// let transports = Transports::default().with_sender("fake", move |_endpoint, _options| {
///     let sender = queue.sender();
///     async move { Ok(sender) }
/// });
/// assert!(transports.sender("fake://localhost/orders").await.is_ok());
///
/// let error = transports.sender("fkae://localhost/orders").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unsupported);
/// assert_eq!(error.help(), Some("the schemes that can be sent to are `fake`"));
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Transports {
    senders: BTreeMap<&'static str, Arc<OpenSender>>,
    receivers: BTreeMap<&'static str, Arc<OpenReceiver>>,
    bindings: Vec<&'static Binding>,
    options: ReceiverOptions,
    hints: BTreeMap<&'static str, &'static str>,
    interceptors: Option<Arc<MakeInterceptor>>,
}

impl Transports {
    /// Returns a copy with this binding: with each of its schemes that this build can open.
    pub fn with_binding(mut self, binding: &'static Binding) -> Self {
        self.bindings.push(binding);
        let urls = binding.urls;
        for scheme in urls.schemes().filter(|scheme| urls.tls || !scheme.tls) {
            if let Some(open) = binding.sender.filter(|_| scheme.side.meets(Side::Send)) {
                self = self.with_sender(scheme.name, open);
            }
            if let Some(open) = binding.receiver.filter(|_| scheme.side.meets(Side::Receive)) {
                self = self.with_receiver(scheme.name, open);
            }
        }
        self
    }

    /// Returns a copy with a function that opens senders for URLs of this scheme (in lower case), replacing an earlier one.
    ///
    /// The options passed to it do not include those of the URL, which take precedence.
    pub fn with_sender<F>(
        mut self,
        scheme: &'static str,
        open: impl Fn(Endpoint, SenderOptions) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Sender, Error>> + Send + 'static,
    {
        self.senders.insert(scheme, Arc::new(move |endpoint, options| Box::pin(open(endpoint, options))));
        self
    }

    /// Returns a copy with a function that opens receivers for URLs of this scheme (in lower case), replacing an earlier one.
    pub fn with_receiver<F>(
        mut self,
        scheme: &'static str,
        open: impl Fn(Endpoint, ReceiverOptions) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Receiver, Error>> + Send + 'static,
    {
        self.receivers.insert(scheme, Arc::new(move |endpoint, options| Box::pin(open(endpoint, options))));
        self
    }

    /// Returns a copy with a hint for URLs of this scheme, such as which feature to enable.
    ///
    /// It is shown when no transport opens them.
    pub fn with_hint(mut self, scheme: &'static str, hint: &'static str) -> Self {
        self.hints.insert(scheme, hint);
        self
    }

    /// Returns a copy with these options for receivers that are opened without options.
    ///
    /// Their decode options also apply to senders.
    pub fn with_options(mut self, options: impl Into<ReceiverOptions>) -> Self {
        self.options = options.into();
        self
    }

    /// Returns a copy that gives each sender and each receiver an interceptor, made by this function from the endpoint that is opened.
    pub fn with_interceptors(
        mut self,
        make: impl Fn(&Endpoint) -> Arc<dyn Interceptor> + Send + Sync + 'static,
    ) -> Self {
        self.interceptors = Some(Arc::new(make));
        self
    }

    /// Opens a sender with default options, and the decode options of these transports.
    ///
    /// Errors as for [`sender_with`](Self::sender_with).
    pub async fn sender(&self, url: &str) -> Result<Sender, Error> {
        self.sender_with(url, self.options.decoding.clone()).await
    }

    /// Opens a sender with these options. Those of the URL take precedence.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl) for an invalid or incomplete URL,
    /// [`Unsupported`](ErrorKind::Unsupported) for a scheme without a sending transport (the help names the
    /// known ones), and those of the binding when it cannot connect. If the future is dropped, nothing is
    /// opened.
    pub async fn sender_with(&self, url: &str, options: impl Into<SenderOptions>) -> Result<Sender, Error> {
        let endpoint = Endpoint::parse(url)?;
        let Some(open) = self.senders.get(endpoint.scheme()) else {
            return Err(unknown(&endpoint, "sent to", &self.senders, &self.hints));
        };
        tracing::debug!(%endpoint, "opening a sender");
        self.warn_of_readable_credentials(&endpoint);
        let interceptor = self.interceptors.as_ref().map(|make| make(&endpoint));
        let sender = open(endpoint, options.into()).await?;
        Ok(match interceptor {
            Some(interceptor) => sender.with_interceptor(interceptor),
            None => sender,
        })
    }

    /// Opens a receiver with the options of these transports. Errors as for [`sender`](Self::sender).
    pub async fn receiver(&self, url: &str) -> Result<Receiver, Error> {
        self.receiver_with(url, self.options.clone()).await
    }

    /// Opens a receiver. Errors as for [`sender`](Self::sender).
    pub async fn receiver_with(
        &self,
        url: &str,
        options: impl Into<ReceiverOptions>,
    ) -> Result<Receiver, Error> {
        let endpoint = Endpoint::parse(url)?;
        let Some(open) = self.receivers.get(endpoint.scheme()) else {
            return Err(unknown(&endpoint, "received from", &self.receivers, &self.hints));
        };
        tracing::debug!(%endpoint, "opening a receiver");
        self.warn_of_readable_credentials(&endpoint);
        let interceptor = self.interceptors.as_ref().map(|make| make(&endpoint));
        let receiver = open(endpoint, options.into()).await?;
        Ok(match interceptor {
            Some(interceptor) => receiver.with_interceptor(interceptor),
            None => receiver,
        })
    }

    fn warn_of_readable_credentials(&self, endpoint: &Endpoint) {
        if self.has_readable_credentials(endpoint) {
            tracing::warn!(%endpoint, "the credentials of this URL go to another machine without TLS: anyone on the way can read them");
        }
    }

    /// Whether credentials can be read on the way, for URLs of the known bindings. For other URLs it is `false`.
    fn has_readable_credentials(&self, endpoint: &Endpoint) -> bool {
        let of = |binding: &&&'static Binding| binding.urls.family(endpoint.scheme()).is_some();
        let is_plain = self.bindings.iter().find(of).is_some_and(|binding| !binding.urls.has_tls(endpoint));
        let is_set = |name, what: &str| {
            endpoint.option(name).is_some_and(|value| value.to_ascii_lowercase().contains(what))
        };
        // SCRAM proves that both know the password, and does not send it.
        let is_hidden = is_set("security.protocol", "ssl") || is_set("sasl", "scram");
        let is_here = |host: &Host| {
            let address = host.name().parse();
            host.name().eq_ignore_ascii_case("localhost")
                || address.is_ok_and(|address: IpAddr| address.is_loopback())
        };
        is_plain && !is_hidden && endpoint.user().is_some() && !endpoint.hosts().iter().all(is_here)
    }

    /// The schemes that can be sent to, in alphabetical order.
    pub fn sender_schemes(&self) -> impl Iterator<Item = &'static str> {
        self.senders.keys().copied()
    }

    /// The schemes that can be received from, in alphabetical order.
    pub fn receiver_schemes(&self) -> impl Iterator<Item = &'static str> {
        self.receivers.keys().copied()
    }
}

#[cold]
fn unknown<T: ?Sized>(
    endpoint: &Endpoint,
    what: &str,
    known: &BTreeMap<&'static str, Arc<T>>,
    hints: &BTreeMap<&'static str, &'static str>,
) -> Error {
    let known: Vec<_> = known.keys().copied().collect();
    let hint = hints.get(endpoint.scheme()).map_or_else(String::new, |hint| format!("{hint}; "));
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("`{}` URLs cannot be {what} here", endpoint.scheme()))
        .with_help(format!("{hint}the schemes that can be {what} are {}", list(&known)))
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transports")
            .field("senders", &self.sender_schemes().collect::<Vec<_>>())
            .field("receivers", &self.receiver_schemes().collect::<Vec<_>>())
            .field("options", &self.options)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Create, Look, Scheme, UrlFamily, UrlOption, Urls};

    static URLS: Urls = Urls {
        name: "all",
        families: &[UrlFamily {
            form: "",
            schemes: &[
                Scheme::plain("amqp", 5672),
                Scheme::with_tls("amqps", 5671),
                Scheme::plain("http", 80),
                Scheme::plain("kafka", 9092),
            ],
            options: &[UrlOption::both("tls", ""), UrlOption::both("sasl", "")],
            has_broker: false,
            is_structured: false,
            has_keys: false,
        }],
        tls: true,
    };
    static BINDING: Binding = Binding {
        urls: &URLS,
        sender: None,
        receiver: None,
        look: Look::Elsewhere(""),
        create: Create::Elsewhere(""),
        show: None,
    };

    #[test]
    fn credentials_that_others_can_read() {
        let transports = Transports::default().with_binding(&BINDING);
        let readable = |url| transports.has_readable_credentials(&Endpoint::parse(url).unwrap());
        for url in [
            "amqp://user:secret@broker.example/orders",
            "kafka://user:secret@localhost,broker.example:9092/orders",
            "kafka://user:secret@broker.example/orders?sasl=plain",
            "amqp://token@10.0.0.7/orders",
            "amqp://user:secret@[2001:db8::1]/orders",
            "http://user:secret@192.0.2.1/",
        ] {
            assert!(readable(url), "{url}");
        }
        for url in [
            "amqp://broker.example/orders",
            "amqps://user:secret@broker.example/orders",
            "kafka://user:secret@broker.example/orders?tls",
            "kafka://user:secret@broker.example/orders?security.protocol=SASL_SSL",
            "kafka://user:secret@broker.example/orders?sasl=scram-sha-512",
            "amqp://guest:guest@localhost:5672/orders",
            "amqp://guest:guest@127.0.0.2/orders",
            "amqp://user:secret@[::1]/orders",
            "gopher://user:secret@broker.example/",
        ] {
            assert!(!readable(url), "{url}");
        }
    }
}
