//! From a URL to a sender or receiver.

use crate::{Endpoint, Receiver, ReceiverOptions, Sender, binding::BoxFuture, endpoint::list};
use cloudevents_core::{Error, ErrorKind, Formats};
use std::{collections::BTreeMap, fmt, sync::Arc};

type OpenSender = dyn Fn(Endpoint, Formats) -> BoxFuture<'static, Result<Sender, Error>> + Send + Sync;
type OpenReceiver =
    dyn Fn(Endpoint, ReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> + Send + Sync;

/// Which transport opens the URLs of which scheme: a value, not a global registry. Cloning is cheap enough.
///
/// The facade crate fills one with the bindings that are turned on; any program can add its own.
///
/// ```
/// # #[cfg(feature = "fake")] futures_util::FutureExt::now_or_never(async {
/// use cloudevents_core::ErrorKind;
/// use cloudevents_transport::{Transports, fake::FakeQueue};
///
/// let queue = FakeQueue::new();
/// let transports = Transports::default().with_sender("fake", move |_endpoint, _formats| {
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
    options: ReceiverOptions,
}

impl Transports {
    /// The same with what opens senders for URLs of this scheme (in lower case), in place of what did before. It is given the URL
    /// and the formats that documents can be written in.
    pub fn with_sender<F>(
        mut self,
        scheme: &'static str,
        open: impl Fn(Endpoint, Formats) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Sender, Error>> + Send + 'static,
    {
        self.senders.insert(scheme, Arc::new(move |endpoint, formats| Box::pin(open(endpoint, formats))));
        self
    }

    /// The same with what opens receivers for URLs of this scheme (in lower case), in place of what did before.
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

    /// The same with these options for receivers that are opened without any; their formats are also those of the senders.
    pub fn with_options(mut self, options: impl Into<ReceiverOptions>) -> Self {
        self.options = options.into();
        self
    }

    /// Opens a sender.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl) for what is no URL or lacks something, [`Unsupported`](ErrorKind::Unsupported)
    /// for a scheme that nothing here sends to (the help names the known ones), and what the binding says when it
    /// cannot connect. Dropping the future opens nothing.
    pub async fn sender(&self, url: &str) -> Result<Sender, Error> {
        let endpoint = Endpoint::parse(url)?;
        let Some(open) = self.senders.get(endpoint.scheme()) else {
            return Err(unknown(&endpoint, "sent to", &self.senders));
        };
        tracing::debug!(%endpoint, "opening a sender");
        open(endpoint, self.options.decoding.formats.clone()).await
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
            return Err(unknown(&endpoint, "received from", &self.receivers));
        };
        tracing::debug!(%endpoint, "opening a receiver");
        open(endpoint, options.into()).await
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
fn unknown<T: ?Sized>(endpoint: &Endpoint, what: &str, known: &BTreeMap<&'static str, Arc<T>>) -> Error {
    let known: Vec<_> = known.keys().copied().collect();
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("`{}` URLs cannot be {what} here", endpoint.scheme()))
        .with_help(format!("the schemes that can be {what} are {}", list(&known)))
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
