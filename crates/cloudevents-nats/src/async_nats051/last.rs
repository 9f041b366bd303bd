//! Where the last messages of a subject begin. JetStream finds messages by sequence number and by time, and not by their number from the
//! end.

use super::{failure, options::random};
use async_nats::jetstream::{
    Context,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use cloudevents_core::Error;
use std::time::Duration;

/// How long the server keeps a consumer that counts messages, should it not be deleted.
const INACTIVE: Duration = Duration::from_secs(10);

/// Returns the sequence number with which so many messages of the subject begin that are the last ones; that of the first message of the
/// stream, if there are fewer. Messages that come meanwhile may take the places of the first ones.
pub(super) async fn first_of_last(
    context: &Context,
    stream: &str,
    subject: &str,
    count: u64,
) -> Result<u64, Error> {
    let found = context.get_stream(stream).await.map_err(failure::stream)?;
    let state = &found.cached_info().state;
    // An empty stream has no first message, and no message has the number 0.
    let (first, next) = (state.first_sequence.max(1), state.last_sequence.saturating_add(1));
    search(first, next, count, |start| number_from(context, stream, subject, start)).await
}

/// Finds the last sequence number from which on there are so many messages, of those from `first` on and before `next`. `number` counts
/// those from a sequence number on. Where all are wanted, the first number that is tried is right.
async fn search<F: Future<Output = Result<u64, Error>>>(
    first: u64,
    next: u64,
    count: u64,
    number: impl Fn(u64) -> F,
) -> Result<u64, Error> {
    // From `few` on, there are fewer.
    let (mut distance, mut few) = (count, next.saturating_sub(count).saturating_add(1));
    let mut enough = loop {
        let start = next.saturating_sub(distance).max(first);
        if start <= first {
            break first;
        }
        if number(start).await? >= count {
            break start;
        }
        (few, distance) = (start, distance.saturating_mul(2));
    };
    while few.saturating_sub(enough) > 1 {
        let between = enough.midpoint(few);
        match number(between).await? >= count {
            true => enough = between,
            false => few = between,
        }
    }
    Ok(enough)
}

/// How many messages of the subject there are from this one on: those that are pending for a new consumer that begins there.
async fn number_from(context: &Context, stream: &str, subject: &str, start: u64) -> Result<u64, Error> {
    let name = format!("cloudevents-{}", random());
    let config = pull::Config {
        name: Some(name.clone()),
        description: Some("counts messages for cloudevents-nats".into()),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start },
        ack_policy: AckPolicy::Explicit,
        filter_subject: subject.to_owned(),
        inactive_threshold: INACTIVE,
        ..pull::Config::default()
    };
    let created = context.create_consumer_on_stream(config, stream).await.map_err(failure::consumer)?;
    let pending = created.cached_info().num_pending;
    if let Err(error) = context.delete_consumer_from_stream(&name, stream).await {
        tracing::debug!(%error, name, "a consumer that counts was not deleted; the server deletes it soon");
    }
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, future::ready};

    /// Looks among messages with these sequence numbers, in a stream that has others, too. Returns how often it counted.
    fn found(of_subject: &[u64], first: u64, next: u64, count: u64) -> (u64, usize) {
        let counted = Cell::new(0);
        let number = |start| {
            counted.set(counted.get() + 1);
            ready(Ok(of_subject.iter().filter(|number| **number >= start).count() as u64))
        };
        let searching = search(first, next, count, number);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        (runtime.block_on(searching).unwrap(), counted.get())
    }

    #[test]
    fn the_last_messages_of_a_subject_are_found() {
        let all: Vec<u64> = (1..=1000).collect();
        assert_eq!(found(&all, 1, 1001, 10), (991, 1));
        assert_eq!(found(&all, 1, 1001, 1000), (1, 0));
        assert_eq!(found(&all, 1, 1001, u64::MAX), (1, 0));
        let tenth: Vec<u64> = (10..=1000).step_by(10).collect();
        for count in 1..99 {
            let (start, counted) = found(&tenth, 1, 1001, count);
            assert_eq!(start, 1010 - count * 10, "{count}");
            assert!(counted < 24, "{counted}");
        }
        // There are fewer, or none.
        assert_eq!(found(&[500], 400, 1001, 2).0, 400);
        assert_eq!(found(&[], 1, 1, 2).0, 1);
        assert_eq!(found(&[], 0, 1, 2), (0, 0));
        // Others were deleted, and the one before the last is far away.
        assert_eq!(found(&[7, 1_000_000], 7, 2_000_000, 2).0, 7);
        assert_eq!(found(&[7, 8, 1_000_000], 7, 2_000_000, 2).0, 8);
    }
}
