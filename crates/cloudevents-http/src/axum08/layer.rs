//! How the extractors decode.

use crate::body::{BODY_DEADLINE, Reading};
use axum::{Extension, middleware::AddExtension};
use cloudevents_core::Decoding;
use http::Extensions;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use tower::Layer;

/// Tells the extractors behind it how to decode, and how long a body may take.
///
/// ```
/// use axum::{Router, routing::post};
/// use cloudevents_core::Decoding;
/// use cloudevents_http::axum08::{CloudEvents, DecodingLayer};
/// use std::time::Duration;
///
/// let mut decoding = Decoding::lenient();
/// decoding.limits.bytes = 256 << 10;
/// let app: Router = Router::new()
///     .route("/events", post(async |CloudEvents(events): CloudEvents| events.len().to_string()))
///     .layer(DecodingLayer::new(decoding).body_deadline(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug)]
pub struct DecodingLayer(Arc<Settings>);

/// What the layer tells.
#[derive(Clone, Debug)]
pub struct Settings {
    decoding: Decoding,
    deadline: Duration,
}

impl DecodingLayer {
    /// With this decoding, and the deadline of [`BODY_DEADLINE`].
    pub fn new(decoding: Decoding) -> Self {
        Self(Arc::new(Settings { decoding, deadline: BODY_DEADLINE }))
    }

    /// The same with this deadline for the whole body.
    pub fn body_deadline(mut self, deadline: Duration) -> Self {
        Arc::make_mut(&mut self.0).deadline = deadline;
        self
    }
}

impl<S> Layer<S> for DecodingLayer {
    type Service = AddExtension<S, Arc<Settings>>;

    fn layer(&self, inner: S) -> Self::Service {
        Extension(Arc::clone(&self.0)).layer(inner)
    }
}

static STRICT: LazyLock<Settings> =
    LazyLock::new(|| Settings { decoding: Decoding::strict(), deadline: BODY_DEADLINE });

/// What the layer said, or else the default.
#[inline]
pub(super) fn reading(extensions: &Extensions) -> Reading<'_> {
    let settings = extensions.get::<Arc<Settings>>().map_or(&*STRICT, |settings| settings);
    Reading::from(&settings.decoding).within(settings.deadline)
}
