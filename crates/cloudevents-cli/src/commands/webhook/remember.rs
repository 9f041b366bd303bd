//! `ce webhook serve --remember`: where accepted deliveries are remembered across restarts.

use super::{
    gate::{Part, Probe, Readiness},
    selection::{Place, place},
};
use crate::{
    connect,
    failure::{Failure, Status},
};
use cloudevents_kit::{
    Error, ErrorKind, EventKey,
    outbox::{Inbox, InboxStore, rusqlite041::SqliteStore, tokio_postgres07::PostgresStore},
    webhook::{
        DeliveryKey,
        receiver::{Begun, Claim, DurableStore, IdempotencyStore, WebhookOptions},
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{task::spawn_blocking, time::Instant};
use tokio_postgres::NoTls;

/// The event that a probe has seen: it writes, because a disk that is full still reads.
fn probed() -> Result<EventKey, Error> {
    EventKey::new("/ce/webhook/serve", "probe")
}

async fn writes<S: InboxStore>(inbox: &Inbox<S>) -> bool {
    match probed() {
        Ok(key) => inbox.see(key).await.is_ok(),
        Err(_) => false,
    }
}

/// Adds the store at `to`, for the deliveries of this target. A delivery that a crash leaves unfinished is handed on after `lease`.
pub(super) async fn remembering(
    options: WebhookOptions,
    to: &str,
    target: &str,
    lease: Duration,
    readiness: &Arc<Readiness>,
) -> Result<(WebhookOptions, Probe), Failure> {
    let name = format!("ce webhook serve {target}");
    let failed = |status, error: &Error| Failure::Told(status, Box::new(connect::report(error)));
    if let Some(file) = file(to) {
        let opened = file.clone();
        // A writer that holds the file makes it wait.
        let opening = spawn_blocking(move || SqliteStore::open(&opened)).await;
        let store = opening.unwrap_or_else(|error| Err(Error::new(ErrorKind::Transport).with_source(error)));
        let store = store.map_err(|error| failed(Status::Usage, &error))?;
        let inbox = Inbox::new(store, name).with_lease(lease);
        let store = FileStore::new(DurableStore::new(inbox), file);
        let probed = store.clone();
        let probe: Probe = Arc::new(move || {
            let store = probed.clone();
            Box::pin(async move {
                if store.check().is_err() {
                    return Err("the file of accepted deliveries was deleted or replaced");
                }
                Ok(writes(store.store.inbox()).await)
            })
        });
        return Ok((options.idempotency(Seen::new(store, readiness)), probe));
    }
    match place(Path::new(to))? {
        Place::Postgres(mut config) => {
            config.connect_timeout(Duration::from_secs(5));
            // A firewall forgets connections that are silent, and says nothing.
            config.keepalives_idle(Duration::from_secs(30));
            config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
            config.tcp_user_timeout(Duration::from_secs(5));
            let store = PostgresStore::connect(*config, NoTls).await;
            let store = store.map_err(|error| failed(Status::Network, &error))?;
            let inbox = Inbox::new(store, name).with_lease(lease);
            let store = DurableStore::new(inbox);
            let probed = store.clone();
            let probe: Probe = Arc::new(move || {
                let store = probed.clone();
                Box::pin(async move { Ok(writes(store.inbox()).await) })
            });
            Ok((options.idempotency(Seen::new(store, readiness)), probe))
        }
        Place::Sqlite(_) => Err(Failure::usage(
            "--remember is neither `sqlite:` and the name of a file nor a URL of Postgres",
        )),
    }
}

/// The file of `sqlite:FILE`.
fn file(to: &str) -> Option<PathBuf> {
    // SQLite takes such a name for a database in memory, or for a URI with parameters.
    let is_file =
        |file: &&str| !file.is_empty() && !file.starts_with([':', '?']) && !file.starts_with("file:");
    to.strip_prefix("sqlite:").filter(is_file).map(PathBuf::from)
}

/// A store in a file. Entries of a file that was deleted or replaced are gone after a restart. So while another file is there, or none,
/// every delivery is an error, and its sender keeps it.
#[derive(Clone)]
struct FileStore {
    store: DurableStore<SqliteStore>,
    path: PathBuf,
    identity: Option<Identity>,
}

impl FileStore {
    fn new(store: DurableStore<SqliteStore>, path: PathBuf) -> Self {
        Self { store, identity: identity(&path), path }
    }

    fn check(&self) -> Result<(), Error> {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            return Ok(());
        }
        let words = format!("`{}` was deleted or replaced while it was in use", self.path.display());
        Err(Error::new(ErrorKind::Unreachable).with_detail(words).with_help("put it back, or start again"))
    }
}

impl IdempotencyStore for FileStore {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        self.check()?;
        self.store.begin(key).await
    }

    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.store.complete(key, claim).await?;
        self.check()
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.store.abandon(key, claim).await
    }
}

/// A store whose successes are known: a delivery that it records is a look that found it.
struct Seen<S> {
    store: S,
    readiness: Arc<Readiness>,
}

impl<S> Seen<S> {
    fn new(store: S, readiness: &Arc<Readiness>) -> Self {
        Self { store, readiness: Arc::clone(readiness) }
    }
}

impl<S: IdempotencyStore> IdempotencyStore for Seen<S> {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        let began = Instant::now();
        let begun = self.store.begin(key).await?;
        // Of a delivery that it knows, the store has read alone: a disk that is full still reads.
        if matches!(begun, Begun::Claimed(_)) {
            self.readiness.used(Part::Store, began);
        }
        Ok(begun)
    }

    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let began = Instant::now();
        self.store.complete(key, claim).await?;
        self.readiness.used(Part::Store, began);
        Ok(())
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.store.abandon(key, claim).await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }
}

/// Which file is at a path.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|about| (about.dev(), about.ino()))
}

/// Windows deletes no file that is open.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::webhook::receiver::MemoryStore;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_store_is_found_by_what_it_writes() {
        const SECOND: Duration = Duration::from_secs(1);
        let readiness = Arc::<Readiness>::default();
        let store = Seen::new(MemoryStore::new(10), &readiness);
        let key = DeliveryKey::of_body(b"1");
        let is_found = |since| readiness.is_used_since(Part::Store, since);
        let first = Instant::now();
        let Begun::Claimed(claim) = store.begin(key).await.unwrap() else { panic!("it is known") };
        assert!(is_found(first));
        advance(SECOND).await;
        let second = Instant::now();
        assert_eq!(store.begin(key).await.unwrap(), Begun::Unfinished);
        assert!(!is_found(second));
        store.complete(key, claim).await.unwrap();
        assert!(is_found(second));
        advance(SECOND).await;
        let third = Instant::now();
        assert_eq!(store.begin(key).await.unwrap(), Begun::Finished);
        assert!(!is_found(third));
        assert!(!store.is_shared());
    }
}
