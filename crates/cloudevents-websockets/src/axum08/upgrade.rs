//! An extractor that upgrades a request to a connection.

use crate::{
    WsServerOptions,
    server::accept,
    tungstenite029::{Connection, Outbox, Via, WsReceiver, runtime},
};
use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts},
    response::Response,
};
use cloudevents_core::Error;
use cloudevents_transport::{
    Confirmed, Connectivity, Outcome, Outgoing, Receipt, Receiver, Sender, SenderCapabilities,
    binding::Transmit,
};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use std::{convert::Infallible, fmt, net::SocketAddr, sync::Arc};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The handshake of a connection for CloudEvents. Extract it in a handler of `GET`, and respond with
/// [`on_connected`](Self::on_connected).
///
/// The response is 400 if the client offers no supported subprotocol. It is 426 if the request is not a handshake. It is 403 if the request
/// comes from a page whose origin is not among [`WsServerOptions::origins`].
///
/// Options come from [`with_options`](Self::with_options), or else from an `Extension<WsServerOptions>`. Unlike elsewhere, rejected
/// messages are dropped unless [`WsServerOptions::queue`] decides. axum has to serve with HTTP/1.1.
///
/// ```
/// use axum::{Router, response::Response, routing::any};
/// use cloudevents_core::{DecodeOptions, Event};
/// use cloudevents_websockets::{WsServerOptions, axum08::WsUpgrade};
///
/// async fn feed(upgrade: WsUpgrade) -> Response {
///     let mut options = WsServerOptions::from(DecodeOptions::strict());
///     options.origins = Some(vec!["https://dashboard.example".into()]);
///     upgrade.with_options(options).on_connected(async |sender, _deliveries| {
///         let hello = Event::builder().id("1").source("/feed").ty("com.example.hello").build()?;
///         sender.send(&hello).await?;
///         sender.close().await?;
///         Ok(())
///     })
/// }
/// let app: Router = Router::new().route("/feed", any(feed));
/// ```
pub struct WsUpgrade {
    parts: Parts,
    options: WsServerOptions,
}

impl<S: Send + Sync> FromRequestParts<S> for WsUpgrade {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let options = parts.extensions.get::<WsServerOptions>().cloned().unwrap_or_default();
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let mut own = parts.clone();
        if let Some(upgrade) = upgrade {
            own.extensions.insert(upgrade);
        }
        Ok(Self { parts: own, options })
    }
}

impl WsUpgrade {
    /// Returns the handshake with these options.
    pub fn with_options(mut self, options: WsServerOptions) -> Self {
        self.options = options;
        self
    }

    /// Returns the response to the handshake.
    ///
    /// When the client is connected, the handler runs in a separate task, with a sender to the client and a receiver of the client's
    /// messages. The receiver ends when the connection does. The connection is closed when the handler has dropped both, or has closed the
    /// sender. An error of the handler is logged, and closes the connection as well.
    pub fn on_connected<H, F>(self, handler: H) -> Response
    where
        H: FnOnce(Sender, Receiver) -> F + Send + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let Self { mut parts, mut options } = self;
        let formats = &mut options.receiver.decoding.formats;
        *formats = cloudevents_json::with_json(std::mem::take(formats));
        let (response, accepted) = accept(&mut parts, &options);
        if let Some(accepted) = accepted {
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
            let via = Via { path: parts.uri.path().into(), peer };
            tokio::spawn(async move {
                let ended = match accepted.connect(via, &options, None).await {
                    Ok(connection) => match pair(connection, options) {
                        Ok((sender, receiver)) => handler(sender, receiver).await,
                        Err(error) => Err(error),
                    },
                    Err(error) => return tracing::debug!(%error, "a connection was not upgraded"),
                };
                if let Err(error) = ended {
                    tracing::warn!(%error, ?peer, "a connection was ended by its handler");
                }
            });
        }
        response.map(Body::from)
    }
}

impl fmt::Debug for WsUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsUpgrade").field("path", &self.parts.uri.path()).finish_non_exhaustive()
    }
}

/// Returns both directions of this connection.
fn pair(connection: Connection, options: WsServerOptions) -> Result<(Sender, Receiver), Error> {
    let WsServerOptions { receiver, mut queue, sender, .. } = options;
    if !queue.is_decided() {
        queue = queue.dropping_rejected();
    }
    let link = Arc::new(connection);
    let outbox = Outbox::new(&sender);
    let connectivity = link.connectivity();
    let receiver = WsReceiver::over(Arc::clone(&link), receiver, queue)?.into_receiver();
    Ok((Sender::new(ToClient { link, outbox, connectivity }).with_options(sender), receiver))
}

/// Sends to one client, over the connection that the client has made.
struct ToClient {
    link: Arc<Connection>,
    outbox: Outbox,
    connectivity: Connectivity,
}

impl Transmit for ToClient {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Written)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        self.outbox.check_open()?;
        let message = self.outbox.encode(&outgoing, self.link.subprotocol)?;
        let mut permit = self.outbox.in_flight.room().await;
        self.outbox.check_open()?;
        permit.charge(outgoing.size());
        match self.link.send(message, permit) {
            Ok(outcome) => Ok(outcome),
            Err(_) => Err(self.link.ended().await),
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.connectivity.clone()
    }

    async fn close(&self) -> Result<(), Error> {
        self.outbox.close();
        self.link.close(CloseCode::Normal).await;
        Ok(())
    }
}
