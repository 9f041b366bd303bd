//! Queues, as pgmq shows them.

use super::{
    connection::Wire,
    failure,
    options::{PgmqConnection, Target, is_queue},
    outbox::named,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Endpoint, Place, Places, Side,
    binding::{any_host, connect::runtime},
};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::{Row, types::Type};

/// How long the server may take for one statement, unless the URL has `connect-timeout`. It counts the messages of a queue.
const REQUEST: Duration = Duration::from_secs(30);

/// How long the list of all queues may take. The messages of each are counted.
const ALL: Duration = Duration::from_secs(120);

/// The most bytes that the server may send at once: a row, or an error.
const ANSWER: usize = 1 << 20;

/// The queues, and one more than a list has.
const QUEUES: &str = "SELECT queue_name::text FROM pgmq.list_queues() ORDER BY 1 LIMIT $1";

/// A queue that another session has locked is no reason to wait: the list says that of this queue.
const LOCKS: &str = "SELECT set_config('lock_timeout', '2s', false)";

const METRICS: &str = "SELECT queue_length, queue_visible_length, oldest_msg_age_sec::bigint, newest_msg_age_sec::bigint, \
     total_messages FROM pgmq.metrics($1)";

/// The messages of a target of an outbox. Pending and dead ones are found by their indexes.
const OUTBOX: &str = "SELECT count(*), (extract(epoch FROM clock_timestamp()) - min(enqueued) / 1000.0)::bigint, \
     (SELECT count(*) FROM ce_outbox WHERE state = 2 AND target = $1) FROM ce_outbox WHERE state = 0 AND target = $1";

/// Lists the queue of the URL, or the target of an outbox; without one, all queues of the database.
pub(super) async fn look(endpoint: Endpoint) -> Result<Places, Error> {
    let connection = PgmqConnection { connect_timeout: REQUEST, ..PgmqConnection::default() };
    let target = Target::of_database(&endpoint, connection, ANSWER, Side::Both)?;
    let wanted = endpoint.option("queue").filter(|queue| !queue.is_empty());
    if wanted.is_some_and(|queue| !is_queue(queue)) {
        return Err(endpoint.invalid("the option `queue` is not the name of a queue"));
    }
    let target_of_outbox = named(&endpoint)?;
    runtime()?;
    let limit = target.options.connect_timeout;
    let begin = |host| {
        let target = &target;
        async move { Wire::begin(target, &host).await }
    };
    let wire = any_host(&target.hosts, limit, begin).await?;
    if let Some(name) = target_of_outbox {
        return Ok([outbox_of(&wire, name, limit).await?].into_iter().collect());
    }
    if let Some(queue) = wanted {
        return Ok([queue_of(&wire, queue, limit).await?].into_iter().collect());
    }
    wire.query(LOCKS, &[], 1, limit).await?;
    let most = Places::MOST.saturating_add(1);
    let rows =
        wire.query(QUEUES, &[(&i64::try_from(most).unwrap_or(i64::MAX), Type::INT8)], most, limit).await?;
    let (mut places, begun) = (Places::default(), Instant::now());
    for row in rows {
        if begun.elapsed() > ALL {
            places.has_more = true;
            break;
        }
        let name: String = row.try_get(0).map_err(failure::garbled)?;
        let place = match queue_of(&wire, &name, limit).await {
            // It may be gone by now, be locked, or not be for this user.
            Err(error) if error.kind() == ErrorKind::Refused => {
                Place::new("queue", name).with("error", error.detail())
            }
            place => place?,
        };
        if !places.add(place) {
            break;
        }
    }
    Ok(places)
}

async fn queue_of(wire: &Wire, name: &str, limit: Duration) -> Result<Place, Error> {
    let rows = wire.query(METRICS, &[(&name, Type::TEXT)], 1, limit).await?;
    let row = rows.first().ok_or_else(|| failure::garbled("no row"))?;
    Ok(Place::new("queue", name)
        .with_known("messages", number(row, 0)?)
        .with_known("visible", number(row, 1)?)
        .with_known("oldest_age_seconds", number(row, 2)?)
        .with_known("newest_age_seconds", number(row, 3)?)
        .with_known("sent", number(row, 4)?))
}

async fn outbox_of(wire: &Wire, name: &str, limit: Duration) -> Result<Place, Error> {
    let rows = wire.query(OUTBOX, &[(&name, Type::TEXT)], 1, limit).await?;
    let row = rows.first().ok_or_else(|| failure::garbled("no row"))?;
    Ok(Place::new("outbox", name)
        .with_known("pending", number(row, 0)?)
        .with_known("oldest_age_seconds", number(row, 1)?)
        .with_known("dead", number(row, 2)?))
}

/// Ages are absent of an empty queue, and may be less than none where clocks differ.
fn number(row: &Row, index: usize) -> Result<Option<u64>, Error> {
    let number: Option<i64> = row.try_get(index).map_err(failure::garbled)?;
    Ok(number.map(|number| u64::try_from(number).unwrap_or_default()))
}
