//! Stores that lose their last transactions behind the back of a worker: a failover to a replica that was behind, or a backup that is
//! restored. New messages get numbers that lost ones had, and a message that was claimed is as it was before.

use crate::tools::{Arrived, MINUTE, SECOND, at, id, message, sender};
use cloudevents_outbox::{
    Claim, ClaimedMessage, Entry, Outbox, OutboxOptions, Query, Settlement, State, Step, Store,
    rusqlite041::SqliteStore,
};
use cloudevents_transport::{Outgoing, Receipt, Sender};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};

/// The messages that are lost, and as many that get their numbers.
const MESSAGES: usize = 40;

/// What a store is without its last transactions: it has no messages, or all of them as they were enqueued.
pub(crate) const NO_MESSAGES: &str = "DELETE FROM ce_outbox";
pub(crate) const NO_CLAIMS: &str = "UPDATE ce_outbox SET claims = 0, attempts = 0, due = started";

#[tokio::test]
async fn a_restored_backup_of_sqlite_forgets_tickets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    old_tickets_are_void(SqliteStore::open(&path).unwrap(), async |lost| lose(&path, lost)).await;
}

#[tokio::test]
async fn what_is_new_in_a_restored_backup_of_sqlite_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    what_is_new_is_sent(SqliteStore::open(&path).unwrap(), async |lost| lose(&path, lost)).await;
}

fn lose(path: &Path, lost: &str) {
    let database = rusqlite::Connection::open(path).unwrap();
    database.execute_batch(lost).unwrap();
    if lost == NO_MESSAGES {
        database.execute_batch("DELETE FROM sqlite_sequence").unwrap();
    }
}

fn delivered(message: &ClaimedMessage) -> Settlement {
    let (ticket, target) = (message.ticket, Arc::clone(&message.target));
    Settlement { ticket, target, step: Step::Delivered, attempt: None, health: None }
}

/// Tickets of before give no right to what has the number now, nor to the same message that another worker has claimed.
pub(crate) async fn old_tickets_are_void(store: impl Store, lose: impl AsyncFn(&str)) {
    let claim = async || store.claim(Claim::new(at(10), 2 * MESSAGES, MINUTE)).await.unwrap().messages;
    for lost in [NO_MESSAGES, NO_CLAIMS] {
        lose(NO_MESSAGES).await;
        let enqueue = async |kind: &str| {
            let messages = (0..MESSAGES).map(|id| message("a", format!("{kind} {id}"), at(0)));
            store.enqueue(messages.collect()).await.unwrap()
        };
        let numbers = enqueue("old").await;
        let before = claim().await;
        lose(lost).await;
        if lost == NO_MESSAGES {
            assert_eq!(enqueue("new").await, numbers);
        }
        let after = claim().await;
        assert_eq!((before.len(), after.len()), (MESSAGES, MESSAGES), "{lost}");
        let settled = store.settle(before.iter().map(delivered).collect(), at(11)).await.unwrap();
        let renewed = store.renew(before.iter().map(|message| message.ticket).collect(), at(1000)).await;
        assert_eq!((settled.valid, renewed.unwrap().len()), (0, 0), "{lost}");
        let delivered = store.settle(after.iter().map(delivered).collect(), at(12)).await.unwrap();
        assert_eq!(delivered.valid, MESSAGES, "{lost}");
    }
}

/// A worker has attempts at lost messages under way, and claims new ones with their numbers. It crashes before it has sent these.
pub(crate) async fn what_is_new_is_sent(store: impl Store, lose: impl AsyncFn(&str)) {
    let outbox = Outbox::new(store);
    let (go, arrived) = (watch::Sender::new(false), Arrived::default());
    let begun = Arrived::default();
    let peer = |is_held: bool| {
        let (go, arrived, begun) = (go.subscribe(), arrived.clone(), begun.clone());
        sender(move |outgoing: Outgoing| {
            let (mut go, arrived, begun) = (go.clone(), arrived.clone(), begun.clone());
            async move {
                begun.note(&outgoing);
                if is_held && id(&outgoing).starts_with("new") {
                    std::future::pending::<()>().await;
                }
                go.wait_for(|go| *go).await.unwrap();
                arrived.note(&outgoing);
                Ok(Receipt::new())
            }
        })
    };
    let route = |peer: Sender| move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    let enqueue = async |kind: &str| {
        let entry =
            |id: usize| Entry::new(format!("{kind} {id}"), crate::tools::event(format!("{kind} {id}")));
        outbox.enqueue_all((0..MESSAGES).map(entry)).await.unwrap()
    };
    let mut options = OutboxOptions::default();
    options.poll = Duration::from_millis(10);
    options.lease = 2 * SECOND;
    let crashing = async {
        let numbers = enqueue("old").await;
        begun.until(MESSAGES).await;
        lose(NO_MESSAGES).await;
        assert_eq!(enqueue("new").await, numbers);
        begun.until(2 * MESSAGES).await;
        go.send_replace(true);
        arrived.until(MESSAGES).await;
        // Their results are recorded as far as they can be.
        sleep(Duration::from_millis(200)).await;
    };
    tokio::select! {
        ended = outbox.run(route(peer(true)), options.clone()) => panic!("{ended:?}"),
        () = crashing => {}
    }
    let recovering = async {
        while outbox.counts().await.unwrap().pending > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    outbox.run(route(peer(false)), options).until(recovering).await.unwrap();
    let new = arrived.ids().iter().filter(|id| id.starts_with("new")).count();
    let delivered = outbox.find(Query::default().with_state(State::Delivered)).await.unwrap().len();
    assert_eq!((new, delivered), (MESSAGES, MESSAGES));
}
