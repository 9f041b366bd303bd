//! Places that are created on request: topics, streams and queues.

use crate::{Endpoint, Place};
use cloudevents_core::Error;
use futures_util::future::BoxFuture;

/// How the place of a URL comes into being.
#[derive(Clone, Copy, Debug)]
pub enum Create {
    /// This function creates it.
    Creates(CreateAt),
    /// The program has no request for it. The text is the help: the tool that creates it.
    Elsewhere(&'static str),
}

/// Creates the place that an endpoint names, with settings: names and values, as the broker has them. The options of the URL are those of
/// senders and receivers. Each request has a time limit.
pub type CreateAt = fn(Endpoint, Vec<(String, String)>) -> BoxFuture<'static, Result<Place, Error>>;
