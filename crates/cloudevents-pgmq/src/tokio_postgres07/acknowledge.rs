//! Settling messages that are still this receiver's.
//!
//! pgmq knows a message by its id alone. Each reading counts, so a message that was read again since has another count. It belongs to
//! another receiver, and is left alone. A queue that was dropped and made again begins with the same ids. Its messages were enqueued at
//! another time, and are left alone, too.

use super::{
    connection::{Value, Wire},
    failure,
    options::Target,
};
use cloudevents_core::Error;
use cloudevents_transport::binding::{
    batches::{Batch, all_failed, by_key},
    disconnected,
};
use std::{collections::BTreeSet, time::Duration};
use tokio_postgres::types::Type;

/// One message, as it was read this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) id: i64,
    /// How often it was read.
    pub(super) reads: i32,
    /// When it was enqueued, in microseconds since 1970.
    pub(super) enqueued: i64,
}

/// The settlement of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum How {
    Deleted,
    Archived,
    /// Hidden from now on, for these seconds.
    Hidden(i32),
}

/// Statements that settle messages.
#[derive(Clone)]
pub(super) struct Settles {
    wire: Wire,
    queue: String,
    limit: Duration,
    delete: String,
    archive: String,
    hide: String,
}

impl Settles {
    pub(super) fn new(wire: Wire, target: &Target) -> Self {
        let statement = |call: &str| {
            format!(
                "WITH own AS (SELECT q.msg_id FROM {} AS q JOIN unnest($2, $3, $4) AS held (id, reads, enqueued) \
                 ON q.msg_id = held.id AND q.read_ct = held.reads \
                 AND (extract(epoch FROM q.enqueued_at) * 1000000)::int8 = held.enqueued ORDER BY q.msg_id FOR UPDATE OF q) \
                 SELECT s.msg_id FROM {call} AS s (msg_id)",
                target.table()
            )
        };
        Self {
            wire,
            queue: target.queue.to_string(),
            limit: target.options.statement_timeout,
            delete: statement("pgmq.delete($1, ARRAY(SELECT msg_id FROM own))"),
            archive: statement("pgmq.archive($1, ARRAY(SELECT msg_id FROM own))"),
            hide: statement("pgmq.set_vt($1, ARRAY(SELECT msg_id FROM own), $5)"),
        }
    }

    /// Returns the ids of messages that were still this receiver's.
    pub(super) async fn settle(&self, how: How, tags: &[Tag]) -> Result<BTreeSet<i64>, Error> {
        let ids: Vec<i64> = tags.iter().map(|tag| tag.id).collect();
        let reads: Vec<i32> = tags.iter().map(|tag| tag.reads).collect();
        let enqueued: Vec<i64> = tags.iter().map(|tag| tag.enqueued).collect();
        let mut values: Vec<Value<'_>> = vec![
            (&self.queue, Type::TEXT),
            (&ids, Type::INT8_ARRAY),
            (&reads, Type::INT4_ARRAY),
            (&enqueued, Type::INT8_ARRAY),
        ];
        let statement = match &how {
            How::Deleted => &self.delete,
            How::Archived => &self.archive,
            How::Hidden(seconds) => {
                values.push((seconds, Type::INT4));
                &self.hide
            }
        };
        let rows = self.wire.query(statement, &values, tags.len(), self.limit).await?;
        rows.iter().map(|row| row.try_get(0).map_err(failure::garbled)).collect()
    }
}

impl Batch for Settles {
    type Entry = (How, Tag);
    type Answer = ();

    fn size(_: &Self::Entry) -> usize {
        0
    }

    /// Messages that are settled alike share a statement.
    async fn ask(&self, entries: Vec<Self::Entry>) -> Vec<Result<(), Error>> {
        let ask = |how, entries: Vec<Self::Entry>| async move {
            let tags: Vec<_> = entries.into_iter().map(|(_, tag)| tag).collect();
            match self.settle(how, &tags).await {
                Ok(ids) => {
                    tags.iter().map(|tag| if ids.contains(&tag.id) { Ok(()) } else { Err(stale()) }).collect()
                }
                Err(error) => all_failed(tags.len(), &error),
            }
        };
        by_key(entries, |(how, _)| *how, ask).await
    }
}

/// The message is not this receiver's any more.
#[cold]
fn stale() -> Error {
    disconnected("the message is gone, or was read again by another receiver")
        .with_help("its lock has ended, so that it comes again: raise `lock`, or settle sooner")
}
