//! Which record is at fault when a broker refuses a batch.
//!
//! A broker refuses a batch as a whole, because of its size or because of one of its records, and librdkafka reports that for each record.
//! So such a report is about a record only if the record was alone. A record of a refused batch fails with a temporary error, and is
//! remembered. When it is handed over again, it waits until no other record is on its way, and others wait for its report.
//!
//! The record is not sent again here: it would overtake, or be overtaken by, records that were handed over later, and both would be
//! reported as sent.

use super::{failure::failed, message::Prepared};
use cloudevents_core::{Error, ErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// How many records of refused batches are remembered at least, the latest ones. Others are found again with the next batch.
const SUSPECTS: usize = 10_000;

/// The records on their way, and the records of refused batches.
#[derive(Default)]
pub(super) struct Batches {
    /// Written by a record that must be alone.
    gate: Arc<RwLock<()>>,
    /// How many records were handed over, and how many of them were reported.
    handed: AtomicU64,
    reported: AtomicU64,
    hasher: RandomState,
    suspects: Mutex<Suspects>,
    /// Whether there are suspects: otherwise no record needs to be read.
    suspecting: AtomicBool,
}

/// The records of refused batches, as hashes. A record with the hash of another one is sent alone, which changes nothing for it.
#[derive(Default)]
struct Suspects {
    recent: HashSet<u64>,
    older: HashSet<u64>,
}

/// The right to hand a record over. Others that must be alone wait until it is dropped.
pub(super) enum Pass {
    Among { _gate: OwnedRwLockReadGuard<()> },
    Alone { _gate: OwnedRwLockWriteGuard<()> },
}

/// A record on its way.
pub(super) struct Handed {
    number: u64,
    /// Whether no other record was on its way when it was handed over.
    first: bool,
    pass: Pass,
}

/// The broker refused the batch of a record: the source of an error that is about no record.
#[derive(Debug)]
pub(super) struct OfBatch(KafkaError);

impl Batches {
    /// Waits for the right to hand this record over.
    pub(super) async fn pass(&self, topic: &str, record: &Prepared) -> Pass {
        let gate = Arc::clone(&self.gate);
        if self.suspects(topic, record) {
            return Pass::Alone { _gate: gate.write_owned().await };
        }
        Pass::Among { _gate: gate.read_owned().await }
    }

    /// Counts a record, which is handed over next.
    pub(super) fn hand_over(&self, pass: Pass) -> Handed {
        let before = self.handed.fetch_add(1, Ordering::AcqRel);
        let first = self.reported.load(Ordering::Acquire) == before;
        Handed { number: before.wrapping_add(1), first, pass }
    }

    /// Counts a record that is not on its way any more, or never was. Returns its right to be handed over, and whether it was alone.
    pub(super) fn report(&self, handed: Handed) -> (Pass, bool) {
        let alone = handed.first && self.handed.load(Ordering::Acquire) == handed.number;
        self.reported.fetch_add(1, Ordering::AcqRel);
        (handed.pass, alone)
    }

    /// Judges an error that was reported for a record.
    pub(super) fn judge(&self, error: &KafkaError, alone: bool, message: &impl rdkafka::Message) -> Error {
        let condemned = refuses_batch(error);
        if condemned && !alone {
            self.suspect(self.hash(message.topic(), message.key(), message.payload()));
            return of_batch(error);
        }
        if condemned && self.suspecting.load(Ordering::Acquire) {
            self.acquit(message);
        }
        failed(error.clone())
    }

    /// Forgets a record that was sent, or refused alone.
    pub(super) fn acquit(&self, message: &impl rdkafka::Message) {
        if !self.suspecting.load(Ordering::Acquire) {
            return;
        }
        let hash = self.hash(message.topic(), message.key(), message.payload());
        let mut suspects = self.lock();
        suspects.recent.remove(&hash);
        suspects.older.remove(&hash);
        self.suspecting.store(!(suspects.recent.is_empty() && suspects.older.is_empty()), Ordering::Release);
    }

    fn suspects(&self, topic: &str, record: &Prepared) -> bool {
        if !self.suspecting.load(Ordering::Acquire) {
            return false;
        }
        let hash = self.hash(topic, record.key.as_deref(), record.payload.as_deref());
        let suspects = self.lock();
        suspects.recent.contains(&hash) || suspects.older.contains(&hash)
    }

    fn suspect(&self, hash: u64) {
        let mut suspects = self.lock();
        if suspects.recent.len() >= SUSPECTS {
            suspects.older = std::mem::take(&mut suspects.recent);
        }
        suspects.recent.insert(hash);
        self.suspecting.store(true, Ordering::Release);
    }

    /// Headers may count attempts.
    fn hash(&self, topic: &str, key: Option<&[u8]>, payload: Option<&[u8]>) -> u64 {
        self.hasher.hash_one((topic, key, payload))
    }

    fn lock(&self) -> MutexGuard<'_, Suspects> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error is about a batch: because of its size, or because of one of its records.
pub(super) fn refuses_batch(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::MessageSizeTooLarge
                | Code::MessageBatchTooLarge
                | Code::InvalidRecord
                | Code::InvalidDifferentRecord
        )
    )
}

#[cold]
fn of_batch(error: &KafkaError) -> Error {
    let detail = match error.rdkafka_error_code() {
        Some(code) => format!(
            "the broker refused the batch that the record was in, and perhaps because of another one: {code}"
        ),
        None => error.to_string(),
    };
    Error::new(ErrorKind::Refused)
        .with_detail(detail)
        .with_help("send it again, which sends it alone; if batches are too large, set `batch.size` to the topic's `max.message.bytes`")
        .with_temporary(true)
        .with_source(OfBatch(error.clone()))
}

impl fmt::Display for OfBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for OfBatch {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
