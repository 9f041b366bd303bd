//! How the extractors decode.

use crate::{
    Decompression,
    body::{BODY_DEADLINE, BodyOptions},
};
use axum::{Extension, middleware::AddExtension};
use cloudevents_core::DecodeOptions;
use http::Extensions;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use tower::Layer;

/// Sets how the extractors behind it decode, how long a body may take, and whether it may be compressed.
///
/// ```
/// use axum::{Router, routing::post};
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_http::axum08::{CloudEvents, DecodingLayer};
/// use std::time::Duration;
///
/// let mut decoding = DecodeOptions::lenient();
/// decoding.limits.bytes = 256 << 10;
/// let app: Router = Router::new()
///     .route("/events", post(async |CloudEvents(events): CloudEvents| events.len().to_string()))
///     .layer(DecodingLayer::new(decoding).body_deadline(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug)]
pub struct DecodingLayer(Arc<Settings>);

/// The settings of a layer.
#[derive(Clone, Debug)]
pub struct Settings {
    decoding: DecodeOptions,
    deadline: Duration,
    decompression: Decompression,
}

impl Settings {
    fn new(decoding: DecodeOptions) -> Self {
        Self { decoding, deadline: BODY_DEADLINE, decompression: Decompression::off() }
    }
}

impl DecodingLayer {
    /// A layer with these options, with the deadline of [`BODY_DEADLINE`] and without decompression.
    pub fn new(decoding: DecodeOptions) -> Self {
        Self(Arc::new(Settings::new(decoding)))
    }

    /// Returns the layer with this decompression of compressed bodies.
    pub fn decompression(mut self, decompression: Decompression) -> Self {
        Arc::make_mut(&mut self.0).decompression = decompression;
        self
    }

    /// Returns the layer with this deadline for the whole body.
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

static STRICT: LazyLock<Settings> = LazyLock::new(|| Settings::new(DecodeOptions::strict()));

/// The options of the layer, or else the default.
#[inline]
pub(super) fn options(extensions: &Extensions) -> BodyOptions<'_> {
    let settings = extensions.get::<Arc<Settings>>().map_or(&*STRICT, |settings| settings);
    BodyOptions::from(&settings.decoding)
        .with_deadline(settings.deadline)
        .with_decompression(settings.decompression)
}
