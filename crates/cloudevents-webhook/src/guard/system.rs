//! The operating system's resolver.

use super::Resolve;
use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, ToSocketAddrs},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SetOnce},
    time::timeout,
};

/// How long a caller waits.
const LIMIT: Duration = Duration::from_secs(5);

/// The most lookups at a time.
const MOST: usize = 128;

/// The operating system's resolver, with a limit of five seconds.
///
/// The system may take longer over a name whose server is silent, and cannot be interrupted. So lookups have threads of their own, at most
/// 128 for a resolver and its clones. A name has one lookup at a time, and all callers that wait for the name get its answer. If 128 names
/// hang, lookups of other names wait for a thread, and fail after five seconds. Programs that resolve names from many strangers may want a
/// resolver that gives up sooner, by [`Resolve`].
#[derive(Clone)]
pub struct SystemResolver(Arc<Lookups>);

struct Lookups {
    look_up: LookUp,
    places: Arc<Semaphore>,
    under_way: Mutex<HashMap<Box<str>, Answer>>,
}

type LookUp = fn(&str) -> io::Result<Vec<IpAddr>>;

/// The result of a lookup.
type Answer = Arc<SetOnce<Result<Vec<IpAddr>, Arc<io::Error>>>>;

impl SystemResolver {
    /// The operating system's resolver.
    pub fn new() -> Self {
        Self::with(|host| Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }

    fn with(look_up: LookUp) -> Self {
        let places = Arc::new(Semaphore::new(MOST));
        Self(Arc::new(Lookups { look_up, places, under_way: Mutex::default() }))
    }

    async fn wait(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let under_way = self.0.under_way().get(host).cloned();
        let answer = match under_way {
            Some(answer) => answer,
            None => {
                let place = Arc::clone(&self.0.places).acquire_owned().await.map_err(io::Error::other)?;
                self.0.begin(host, place)?
            }
        };
        answer.wait().await.clone().map_err(|error| io::Error::new(error.kind(), error))
    }
}

impl Lookups {
    /// Begins to look a name up, if that was not begun while this caller waited for the place.
    fn begin(self: &Arc<Self>, host: &str, place: OwnedSemaphorePermit) -> io::Result<Answer> {
        let mut under_way = self.under_way();
        if let Some(answer) = under_way.get(host) {
            return Ok(Arc::clone(answer));
        }
        let (lookups, name, answer) = (Arc::clone(self), Box::<str>::from(host), Answer::default());
        let found = Arc::clone(&answer);
        thread::Builder::new().name("lookup".into()).spawn(move || {
            let looked_up = (lookups.look_up)(&name).map_err(Arc::new);
            lookups.under_way().remove(&name);
            drop(place);
            drop(found.set(looked_up));
        })?;
        under_way.insert(host.into(), Arc::clone(&answer));
        Ok(answer)
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Box<str>, Answer>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        timeout(LIMIT, self.wait(host)).await?
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemResolver")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::Ipv4Addr,
        pin::pin,
        sync::atomic::{AtomicUsize, Ordering},
        task::{Context, Waker},
        time::Instant,
    };
    use tokio::{
        runtime::Builder,
        task::{JoinSet, spawn_blocking},
    };

    /// As long as the system waits for a server that is silent.
    const SILENT: Duration = Duration::from_secs(20);

    fn found() -> io::Result<Vec<IpAddr>> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }

    #[test]
    fn names_that_hang_free_their_callers_in_time_and_take_no_thread_of_the_runtime() {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        let resolver = SystemResolver::with(|_| {
            BEGUN.fetch_add(1, Ordering::Relaxed);
            thread::sleep(SILENT);
            found()
        });
        let runtime = Builder::new_current_thread().enable_time().max_blocking_threads(200).build().unwrap();
        runtime.block_on(async {
            let begin = Instant::now();
            let mut all = JoinSet::new();
            for number in 0..256 {
                let resolver = resolver.clone();
                all.spawn(async move { resolver.resolve(&format!("{number}.example")).await });
            }
            for resolved in all.join_all().await {
                assert_eq!(resolved.unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
            assert!(begin.elapsed() < SILENT / 2, "{:?}", begin.elapsed());
            // Before the first lookup ends.
            timeout(Duration::from_secs(8), spawn_blocking(|| ())).await.expect("no thread is free").unwrap();
        });
        assert!((1..=128).contains(&BEGUN.load(Ordering::Relaxed)), "{BEGUN:?}");
        runtime.shutdown_background();
    }

    #[tokio::test]
    async fn a_name_that_hangs_is_looked_up_once_and_leaves_room_for_others() {
        static HANGING: AtomicUsize = AtomicUsize::new(0);
        let resolver = SystemResolver::with(|host| {
            if host == "hangs.example" {
                HANGING.fetch_add(1, Ordering::Relaxed);
                thread::sleep(SILENT);
            }
            found()
        });
        // Later ones, too, wait for the lookup that those before have given up.
        for _ in 0..2 {
            let mut all = JoinSet::new();
            for _ in 0..256 {
                let resolver = resolver.clone();
                all.spawn(async move {
                    timeout(Duration::from_millis(100), resolver.resolve("hangs.example")).await
                });
            }
            assert_eq!(
                timeout(SILENT / 4, resolver.resolve("fine.example")).await.unwrap().unwrap(),
                found().unwrap()
            );
            assert!(all.join_all().await.iter().all(Result::is_err));
        }
        let begun = async {
            while HANGING.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await; // between two looks
            }
        };
        timeout(SILENT / 4, begun).await.unwrap();
        assert_eq!(HANGING.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn those_who_wait_for_a_name_get_one_answer_and_the_next_one_a_new_one() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        static GATE: Mutex<()> = Mutex::new(());
        let resolver = SystemResolver::with(|host| {
            LOOKUPS.fetch_add(1, Ordering::Relaxed);
            drop(GATE.lock().unwrap());
            if host == "fine.example" { found() } else { Err(io::Error::other("no such name")) }
        });
        // No lookup ends before both wait.
        let resolve_twice = async |name| {
            let gate = GATE.lock().unwrap();
            let mut both = pin!(async { tokio::join!(resolver.resolve(name), resolver.resolve(name)) });
            assert!(both.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(gate);
            both.await
        };
        for lookups in 1..=2 {
            let both = resolve_twice("fine.example").await;
            assert_eq!((both.0.unwrap(), both.1.unwrap()), (found().unwrap(), found().unwrap()));
            assert_eq!(LOOKUPS.load(Ordering::Relaxed), lookups);
        }
        let both = resolve_twice("bad.example").await;
        assert_eq!(both.0.unwrap_err().to_string(), "no such name");
        assert_eq!(both.1.unwrap_err().to_string(), "no such name");
        assert_eq!(LOOKUPS.load(Ordering::Relaxed), 3);
    }
}
