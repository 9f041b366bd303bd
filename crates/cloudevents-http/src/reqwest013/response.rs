//! Responses to events.

use crate::{
    Problem,
    body::{
        BodyOptions, event_from_response, events_from_response, message_from_response, problem_from_response,
    },
};
use cloudevents_core::{Decoded, Error, Event, Message};
use reqwest::{Body, Response};
use sealed::Sealed;

/// Events in responses of reqwest, read within the limits of the decoding and a deadline (see [`BodyOptions`]).
///
/// An event is read at any status. Look at the status first, and read a refusal as a [`Problem`]:
///
/// ```no_run
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_http::reqwest013::ResponseExt;
///
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// let response = reqwest::get("http://localhost/latest").await?;
/// if !response.status().is_success() {
///     let problem = response.problem().await?;
///     println!("{:?} {:?}: {:?}", problem.code(), problem.attribute(), problem.detail());
///     return Err(problem.into());
/// }
/// let event = response.event(&DecodeOptions::strict()).await?.value;
/// # Ok(()) }
/// ```
pub trait ResponseExt: Sized + Sealed {
    /// Reads the response as one event, in binary or structured mode.
    fn event<'a>(
        self,
        with: impl Into<BodyOptions<'a>>,
    ) -> impl Future<Output = Result<Decoded<Event>, Error>> + Send;

    /// Reads the response as events: one, or a batch.
    fn events<'a>(
        self,
        with: impl Into<BodyOptions<'a>>,
    ) -> impl Future<Output = Result<Decoded<Vec<Event>>, Error>> + Send;

    /// Reads the response as a message, its document or payload undecoded.
    fn message<'a>(
        self,
        with: impl Into<BodyOptions<'a>>,
    ) -> impl Future<Output = Result<Message, Error>> + Send;

    /// Reads the response as a problem (RFC 9457): see [`problem_from_response`].
    fn problem(self) -> impl Future<Output = Result<Problem, Error>> + Send;
}

impl ResponseExt for Response {
    fn event<'a>(
        self,
        with: impl Into<BodyOptions<'a>>,
    ) -> impl Future<Output = Result<Decoded<Event>, Error>> + Send {
        let with: BodyOptions<'a> = with.into();
        event_from_response(http::Response::<Body>::from(self), with)
    }

    fn events<'a>(
        self,
        with: impl Into<BodyOptions<'a>>,
    ) -> impl Future<Output = Result<Decoded<Vec<Event>>, Error>> + Send {
        let with: BodyOptions<'a> = with.into();
        events_from_response(http::Response::<Body>::from(self), with)
    }

    fn message<'a>(
        self,
        with: impl Into<BodyOptions<'a>>,
    ) -> impl Future<Output = Result<Message, Error>> + Send {
        let with: BodyOptions<'a> = with.into();
        message_from_response(http::Response::<Body>::from(self), with)
    }
    fn problem(self) -> impl Future<Output = Result<Problem, Error>> + Send {
        problem_from_response(http::Response::<Body>::from(self))
    }
}

/// Not public: only this crate implements the trait above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for reqwest::Response {}
}
