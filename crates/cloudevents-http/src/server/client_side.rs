//! The client's side of a connection.

use std::{fmt, pin::Pin, sync::Arc};

type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The client's side of a connection, in the extensions of a request, for a server that lets requests wait.
///
/// [`HttpReceiverOptions::half_close`](crate::HttpReceiverOptions::half_close) lets a request go on if its client has ended its side. A
/// request that waits for its turn may rather make room. The server of this crate sets it. Another server may set it, too.
///
/// ```
/// use cloudevents_http::ClientSide;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(ClientSide::new(std::future::pending::<()>)); // a client that stays
/// ```
#[derive(Clone)]
pub struct ClientSide(Arc<dyn Fn() -> Ended + Send + Sync>);

impl ClientSide {
    /// A side that `ended` waits for.
    pub fn new<F: Future<Output = ()> + Send + 'static>(
        ended: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move || Box::pin(ended())))
    }

    /// Waits until the client has ended its side, or the connection is closed. Dropping the future loses nothing.
    pub async fn ended(&self) {
        (self.0)().await;
    }
}

impl fmt::Debug for ClientSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSide").finish_non_exhaustive()
    }
}
