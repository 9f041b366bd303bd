//! The contract of senders and receivers, over the server that `CE_TEST_POSTGRES_URL` names.

use crate::tools::{Place, patience};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_pgmq::tokio_postgres07::{PgmqReceiverOptions, PgmqSenderOptions, receiver, sender};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, STOPS_THE_BROKER, Venue, check_all, check_some},
};

struct Queue {
    place: Place,
    groups: bool,
    /// Whether nothing else uses the database, whose connections are ended.
    is_alone: bool,
}

impl Venue for Queue {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = patience();
        claims.binary = false;
        claims.any_format = false;
        // jsonb keeps values, and not their text.
        claims.documents = false;
        claims.releases_count = true;
        claims.too_large = Some(17 << 20);
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&self.place.url(""), PgmqSenderOptions::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        // Messages that the server has read for a connection that it ends come again after the lock.
        let lock = if self.is_alone { "2s" } else { "1m" };
        let query = format!("lock={lock}&poll=20ms&reject=drop&groups={}", self.groups);
        receiver(&self.place.url(&query), PgmqReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let Ok(text) = std::str::from_utf8(body) else { return Err(Error::new(ErrorKind::Unsupported)) };
        match kind {
            ErrorKind::MissingAttribute => {
                self.place.put(&serde_json::json!({"specversion": "1.0", "other": text}).to_string()).await;
            }
            _ => self.place.put(&serde_json::json!({"other": text}).to_string()).await,
        }
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        if !self.is_alone {
            return Err(Error::new(ErrorKind::Unsupported));
        }
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.place.run(others).await;
        Ok(())
    }
}

/// There are no requests, and no text of a document stays.
const UNCLAIMED: [&str; 2] = ["requests_get_their_own_replies", "documents_arrive_untouched"];

/// These hold messages of one group: the next ones come when those are settled.
const HOLD_A_GROUP: [&str; 10] = [
    "a_thousand_in_flight",
    "what_is_retried_comes_again",
    "what_is_dropped_comes_again",
    "a_stalled_consumer_bounds_messages",
    "a_stalled_consumer_bounds_bytes",
    "a_cancelled_next_loses_nothing",
    "draining_waits_for_settlements",
    "what_is_left_at_an_end_keeps_its_order",
    "a_redrive_keeps_what_is_refused_again",
    "run_is_concurrent_and_keeps_order",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    if Place::new("contract").await.is_none() {
        return;
    }
    let open =
        async || Ok(Queue { place: Place::new("contract").await.unwrap(), groups: false, is_alone: false });
    check_all(open).await.assert_holds_but(&[&UNCLAIMED[..], &STOPS_THE_BROKER].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_groups_on_a_real_server() {
    if Place::new("contract").await.is_none() {
        return;
    }
    let open =
        async || Ok(Queue { place: Place::new("contract").await.unwrap(), groups: true, is_alone: false });
    let wanted = |name: &str| !HOLD_A_GROUP.contains(&name) && !STOPS_THE_BROKER.contains(&name);
    check_some(open, wanted).await.assert_holds_but(&UNCLAIMED);
}

/// The server ends every connection of the database, as it does when it stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server_that_is_interrupted() {
    let Some(alone) = Place::alone("contract").await else { return };
    let open = async || {
        let place = Place::in_database(alone.database.clone(), "contract").await;
        Ok(Queue { place, groups: false, is_alone: true })
    };
    check_some(open, |name| STOPS_THE_BROKER.contains(&name)).await.assert_holds_but(&[]);
}
