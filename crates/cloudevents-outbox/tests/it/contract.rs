//! What every store does, in those that need no server.

use crate::stores::{check_all, check_inbox};
use cloudevents_outbox::{MemoryInbox, rusqlite041::SqliteStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    check_all(async || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        SqliteStore::open(folder.path().join(format!("{number}.db"))).unwrap()
    })
    .await;
}

#[tokio::test]
async fn in_memory() {
    check_inbox(async || MemoryInbox::new(100.try_into().unwrap())).await;
}
