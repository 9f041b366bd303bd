//! Streams and their consumers, as a server shows them.

use super::{
    connection::{ALONE, Connected, runtime},
    consumer::no_stream,
    failure,
    options::{NatsConnection, Target},
};
use async_nats::jetstream::{
    self, Context, consumer,
    context::{ConsumerInfoErrorKind, RequestError, RequestErrorKind},
    stream::{Info, RetentionPolicy, Stream},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Place, Places, Side, binding::any_host};
use futures_util::{StreamExt, TryStreamExt};
use std::{iter::successors, time::Duration};

/// How long the server may take for one request, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// The most subjects of a stream that are shown.
const SUBJECTS: usize = 256;

/// Lists the stream that has the subject of the URL, or its option `stream`, with its consumers; without both, all streams.
pub(super) async fn look(endpoint: Endpoint) -> Result<Places, Error> {
    let connection = NatsConnection { connect_timeout: REQUEST, ..NatsConnection::default() };
    let target = Target::new(&endpoint, connection, Side::Both)?;
    if !target.jetstream {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("core NATS keeps no messages, and shows nothing of subjects")
            .with_help("`nats server report connections` shows subscriptions; the scheme `nats+jetstream` shows streams"));
    }
    runtime()?;
    let limit = target.options.connect_timeout;
    let begin = |host| {
        let target = &target;
        async move { Connected::begin(target, &host, ALONE).await }
    };
    let connected = any_host(&target.hosts, limit, begin).await?;
    let context = target.context(connected.client.clone(), limit, ALONE);
    let (stream, consumer) = (endpoint.option("stream"), endpoint.option("consumer"));
    let listing = list(&context, &target.subject, stream, consumer);
    let places = tokio::select! {
        biased;
        places = listing => places?,
        error = connected.notes.lost() => return Err(error),
    };
    connected.close().await;
    Ok(places)
}

async fn list(
    context: &Context,
    subject: &str,
    stream: Option<&str>,
    consumer: Option<&str>,
) -> Result<Places, Error> {
    let stream = match stream {
        Some(stream) => stream.to_owned(),
        None if subject.is_empty() => {
            let streams = context.streams().map_ok(|info| place(&info)).map_err(|error| listed(&error));
            return some(streams).await;
        }
        None => context.stream_by_subject(subject).await.map_err(no_stream)?,
    };
    let stream = context.get_stream(&stream).await.map_err(failure::stream)?;
    let consumers = match consumer {
        Some(name) => [of_consumer(&info(&stream, name).await?)].into_iter().collect(),
        None => {
            let consumers = stream.consumers();
            some(consumers.map_ok(|info| of_consumer(&info)).map_err(|error| listed(&error))).await?
        }
    };
    Ok([place(stream.cached_info()).with_parts(consumers)].into_iter().collect())
}

/// As many as a list may have, by name: a page of the client is in the opposite order.
async fn some(found: impl futures_util::Stream<Item = Result<Place, Error>>) -> Result<Places, Error> {
    let most = Places::MOST.saturating_add(1);
    let mut found: Vec<Place> = found.take(most).try_collect().await?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found.into_iter().collect())
}

async fn info(stream: &Stream, name: &str) -> Result<consumer::Info, Error> {
    use ConsumerInfoErrorKind as Kind;
    stream.consumer_info(name).await.map_err(|error| match error.kind() {
        Kind::NotFound => failure::refused(format!("the stream has no consumer `{name}`")),
        Kind::InvalidName => {
            Error::new(ErrorKind::InvalidUrl).with_detail("this is not the name of a consumer")
        }
        Kind::JetStream(error) => failure::jetstream(&error),
        Kind::TimedOut => Error::new(ErrorKind::Timeout).with_detail("JetStream did not answer in time"),
        _ => listed(&error),
    })
}

pub(super) fn place(info: &Info) -> Place {
    let state = &info.state;
    let subjects = info.config.subjects.iter().take(SUBJECTS).map(|subject| subject.as_str().into());
    // As servers write it.
    let retention = match info.config.retention {
        RetentionPolicy::Limits => "limits",
        RetentionPolicy::Interest => "interest",
        RetentionPolicy::WorkQueue => "workqueue",
    };
    Place::new("stream", info.config.name.as_str())
        .with("subjects", subjects.collect::<Vec<Box<str>>>())
        .with("retention", retention)
        .with("messages", state.messages)
        .with("bytes", state.bytes)
        .with("first", state.first_sequence)
        .with("last", state.last_sequence)
        .with("consumers", number(state.consumer_count))
}

fn of_consumer(info: &consumer::Info) -> Place {
    Place::new("consumer", info.name.as_str())
        .with("pending", info.num_pending)
        .with("ack_pending", number(info.num_ack_pending))
        .with("redelivered", number(info.num_redelivered))
        .with("requests", number(info.num_waiting))
        .with("delivered", info.delivered.stream_sequence)
        .with("ack_floor", info.ack_floor.stream_sequence)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// An error of a list, which says only within why it is one.
fn listed(error: &(dyn std::error::Error + 'static)) -> Error {
    for cause in successors(Some(error), |error| error.source()) {
        if let Some(error) = cause.downcast_ref::<jetstream::Error>() {
            return failure::jetstream(error);
        }
        match cause.downcast_ref::<RequestError>().map(RequestError::kind) {
            Some(RequestErrorKind::NoResponders) => {
                return failure::no_jetstream("the server has no JetStream for this user");
            }
            Some(RequestErrorKind::TimedOut) => {
                return Error::new(ErrorKind::Timeout).with_detail("JetStream did not answer in time");
            }
            _ => {}
        }
    }
    failure::disconnected(error)
}
