//! The policy for reconnecting.

use super::{Backoff, Shared};
use crate::{Connectivity, Host, observing::connectivity::Reporter};
use cloudevents_core::{Error, ErrorKind};
use std::{fmt, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// How long a connection has to last for the outage before it to be over.
const LASTS: Duration = Duration::from_secs(5);

/// How a binding connects to one host. The same implementation serves senders and receivers.
pub trait Connect: Send + Sync + 'static {
    /// The connection. Dropping it closes it.
    type Connection: Send + 'static;

    /// Makes one attempt. It requests credentials each time, so that expired ones are replaced. The future is
    /// dropped when the time limit for the host passes.
    ///
    /// Errors of kind [`InvalidUrl`](ErrorKind::InvalidUrl), [`Unsupported`](ErrorKind::Unsupported) and
    /// [`Closed`](ErrorKind::Closed) end all attempts. Errors of kind [`Refused`](ErrorKind::Refused) end them
    /// after [`Backoff::refused`], unless they are [temporary](Error::is_temporary). All others are temporary.
    fn connect(&self, host: &Host) -> impl Future<Output = Result<Self::Connection, Error>> + Send;

    /// Returns the reason when the connection is lost. [`Shared`] then makes another one. The default never
    /// returns: losses are then reported with [`Shared::lost`] only.
    fn lost(&self, connection: &Self::Connection) -> impl Future<Output = Error> + Send {
        let _ = connection;
        std::future::pending()
    }

    /// Whether a message may have ended the last connection, and not the peer.
    ///
    /// Then the next attempt waits as after the first failed one, and later attempts wait no longer. The default is no.
    fn was_ended_by_message(&self) -> bool {
        false
    }

    /// Closes the connection of a sender that is [closed](super::Links::close): when everything that was sent over it has an outcome. The
    /// default drops it.
    fn close(connection: Self::Connection) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        drop(connection);
        std::future::ready(Ok(()))
    }
}

/// Connects and reconnects: tries the last good host first, limits the time for each host, and waits with jitter between rounds.
///
/// For one task that owns its connection. [`share`](Self::share) converts it for many tasks.
pub struct Reconnect<C: Connect> {
    connect: C,
    hosts: Vec<Host>,
    backoff: Backoff,
    reporter: Reporter,
    /// The index of the last good host.
    good: usize,
    /// Failed rounds and short-lived connections since the last connection that lasted.
    failed: u32,
    /// When the last connection was made.
    connected: Option<Instant>,
    /// When the current run of refusals began.
    refused: Option<Instant>,
}

impl<C: Connect> Reconnect<C> {
    /// Creates it without connecting.
    pub fn new(connect: C, hosts: Vec<Host>, backoff: Backoff) -> Self {
        let (reporter, _) = Connectivity::channel();
        Self { connect, hosts, backoff, reporter, good: 0, failed: 0, connected: None, refused: None }
    }

    /// Returns it with this reporter of its state, which the binding may have, too.
    pub fn reporting(mut self, reporter: Reporter) -> Self {
        self.reporter = reporter;
        self
    }

    /// The reporter of its state.
    #[cfg(feature = "queue")]
    pub(crate) fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Tries every host once. For opening, where an error should be returned immediately.
    ///
    /// If several hosts fail, it returns a temporary error if there is one.
    pub async fn once(&mut self) -> Result<C::Connection, Error> {
        self.reporter.connecting();
        let mut failed: Option<Error> = None;
        let hosts = self.hosts.iter().enumerate().cycle().skip(self.good).take(self.hosts.len());
        for (index, host) in hosts {
            let limit = self.backoff.per_host;
            let error = match timeout(limit, self.connect.connect(host)).await {
                Ok(Ok(connection)) => {
                    (self.good, self.connected) = (index, Some(Instant::now()));
                    self.refused = None;
                    self.reporter.connected(Some(host.clone()));
                    return Ok(connection);
                }
                Ok(Err(error)) => error,
                Err(_) => Error::new(ErrorKind::Timeout)
                    .with_detail(format!("no connection to {host} within {limit:?}")),
            };
            tracing::debug!(%host, %error, "not connected");
            if failed.as_ref().is_none_or(|known| !is_temporary(known)) {
                failed = Some(error);
            }
        }
        let error =
            failed.unwrap_or_else(|| Error::new(ErrorKind::InvalidUrl).with_detail("a host is missing"));
        self.failed = self.failed.saturating_add(1);
        self.reporter.trying_again(self.failed, &error);
        Err(error)
    }

    /// Tries until there is a connection.
    ///
    /// Fails only with errors that are not temporary; see [`Connect::connect`].
    ///
    /// If the previous connection lasted less than five seconds, or than the longest delay, it first waits as after a failed
    /// attempt. So a peer that accepts connections and closes them is not called without a pause. The pause does not grow where
    /// [a message](Connect::was_ended_by_message) may have ended the connection.
    pub async fn open(&mut self) -> Result<C::Connection, Error> {
        if let Some(connected) = self.connected.take() {
            if connected.elapsed() < self.backoff.longest.min(LASTS) {
                self.failed = match self.connect.was_ended_by_message() {
                    true => 1,
                    false => self.failed.saturating_add(1),
                };
                sleep(self.backoff.delay(self.failed)).await;
            } else {
                (self.failed, self.refused) = (0, None);
            }
        }
        loop {
            match self.once().await {
                Err(error) if self.tries_again(&error) => sleep(self.backoff.delay(self.failed)).await,
                Err(error) => {
                    self.reporter.failed(&error);
                    return Err(error);
                }
                connected => return connected,
            }
        }
    }

    /// Reports that the connection was lost.
    pub fn lost(&mut self, error: &Error) {
        self.reporter.lost(error);
    }

    /// Reports that there will be no other connection, unless [`open`](Self::open) is called again.
    pub fn fail(&mut self, error: &Error) {
        self.reporter.failed(error);
    }

    /// Reports a connection that was made elsewhere.
    #[cfg(feature = "queue")]
    pub(crate) fn has_connection(&self) {
        if !self.connectivity().state().is_connected() {
            self.reporter.connected(None);
        }
    }

    /// The binding's implementation.
    pub(super) fn binding(&self) -> &C {
        &self.connect
    }

    /// The state of the connection.
    pub fn connectivity(&self) -> Connectivity {
        self.reporter.connectivity()
    }

    /// Converts it to the form that many tasks share: a sender and its clones, or both directions of one connection.
    pub fn share(self) -> Shared<C>
    where
        C::Connection: Clone + Sync,
    {
        Shared::new(self)
    }

    fn tries_again(&mut self, error: &Error) -> bool {
        // A peer without memory or free connections refuses for now.
        if error.kind() == ErrorKind::Refused && !error.is_temporary() {
            let now = Instant::now();
            let since = *self.refused.get_or_insert(now);
            return now.saturating_duration_since(since) < self.backoff.refused;
        }
        self.refused = None;
        error.is_temporary() || is_temporary(error)
    }
}

impl<C: Connect> fmt::Debug for Reconnect<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("hosts", &self.hosts)
            .field("backoff", &self.backoff)
            .field("connectivity", &self.reporter)
            .finish_non_exhaustive()
    }
}

/// Whether another attempt to connect may succeed without a change by a person.
fn is_temporary(error: &Error) -> bool {
    use ErrorKind as Kind;
    !matches!(error.kind(), Kind::InvalidUrl | Kind::Unsupported | Kind::Closed | Kind::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectionState, Endpoint};
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
    };

    /// Fails as scripted, and records which hosts were tried.
    #[derive(Clone, Default)]
    struct Script(Arc<Mutex<Scripted>>);

    /// What to return next, and the hosts that were tried.
    type Scripted = (VecDeque<Option<ErrorKind>>, Vec<String>);

    impl Script {
        fn new(answers: impl IntoIterator<Item = Option<ErrorKind>>) -> Self {
            Self(Arc::new(Mutex::new((answers.into_iter().collect(), Vec::new()))))
        }

        fn tried(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap().1)
        }
    }

    impl Connect for Script {
        type Connection = ();

        async fn connect(&self, host: &Host) -> Result<(), Error> {
            let answer = {
                let mut script = self.0.lock().unwrap();
                script.1.push(host.name().to_owned());
                script.0.pop_front().unwrap_or(None)
            };
            match answer {
                None => Ok(()),
                Some(ErrorKind::Timeout) => std::future::pending().await,
                Some(kind) => Err(Error::new(kind)),
            }
        }
    }

    fn hosts(url: &str) -> Vec<Host> {
        Endpoint::parse(url).unwrap().hosts().to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn every_host_in_turn_and_the_last_good_one_first() {
        let (down, up) = (Some(ErrorKind::Disconnected), None);
        let script = Script::new([down, down, down, down, up, down, up]);
        let mut reconnect = Reconnect::new(script.clone(), hosts("x://a,b,c/"), Backoff::default());
        let mut seen = reconnect.connectivity();
        reconnect.open().await.unwrap();
        assert_eq!(script.tried(), ["a", "b", "c", "a", "b"]);
        assert!(
            matches!(seen.state(), ConnectionState::Connected { host: Some(host) } if host.name() == "b")
        );
        reconnect.lost(&Error::new(ErrorKind::Disconnected));
        assert!(matches!(seen.state(), ConnectionState::Connecting { error: Some(_), .. }));
        reconnect.open().await.unwrap();
        assert_eq!(script.tried(), ["b", "c"]);
        assert_eq!((seen.connects(), seen.losses()), (2, 1));
        seen.changed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_ends_every_connection_is_asked_ever_more_rarely() {
        let mut reconnect = Reconnect::new(Script::default(), hosts("x://a/"), Backoff::default());
        let mut delays = Vec::new();
        for _ in 0..12 {
            let begun = Instant::now();
            reconnect.open().await.unwrap();
            delays.push(begun.elapsed());
        }
        assert_eq!(delays[0], Duration::ZERO);
        assert!(
            delays[11] > Duration::from_secs(14) && delays[1] <= Duration::from_millis(101),
            "{delays:?}"
        );
        sleep(LASTS).await;
        let begun = Instant::now();
        reconnect.open().await.unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_behind_a_message_that_ends_its_connection_does_not_grow() {
        struct Ended;

        impl Connect for Ended {
            type Connection = ();

            async fn connect(&self, _: &Host) -> Result<(), Error> {
                Ok(())
            }

            fn was_ended_by_message(&self) -> bool {
                true
            }
        }

        let mut reconnect = Reconnect::new(Ended, hosts("x://a/"), Backoff::default());
        for _ in 0..12 {
            let begun = Instant::now();
            reconnect.open().await.unwrap();
            assert!(begun.elapsed() <= Duration::from_millis(101), "{:?}", begun.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_that_is_over_does_not_count_for_the_next_one() {
        let (down, up) = (Some(ErrorKind::Disconnected), None);
        let script = Script::new([down, down, up].repeat(5));
        let mut reconnect = Reconnect::new(script, hosts("x://a/"), Backoff::default());
        for _ in 0..5 {
            let begun = Instant::now();
            reconnect.open().await.unwrap();
            let (gap, most) = (begun.elapsed(), Duration::from_millis(302)); // the first two delays
            assert!(gap <= most, "{gap:?}");
            sleep(Duration::from_secs(13)).await; // it works
            reconnect.lost(&Error::new(ErrorKind::Disconnected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_costs_its_limit_and_no_more() {
        let script = Script::new([Some(ErrorKind::Timeout), None]);
        let backoff = Backoff::default().with_per_host(Duration::from_secs(3));
        let mut reconnect = Reconnect::new(script.clone(), hosts("x://a,b/"), backoff);
        let begun = Instant::now();
        reconnect.open().await.unwrap();
        assert_eq!(
            (script.tried(), begun.elapsed()),
            (vec!["a".to_owned(), "b".to_owned()], Duration::from_secs(3))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_get_better_is_an_error_at_once() {
        for kind in [ErrorKind::Unsupported, ErrorKind::InvalidUrl, ErrorKind::Closed] {
            let mut reconnect =
                Reconnect::new(Script::new([Some(kind)]), hosts("x://a/"), Backoff::default());
            assert_eq!(reconnect.open().await.unwrap_err().kind(), kind);
            assert!(reconnect.connectivity().state().is_failed());
        }
        let mut nowhere = Reconnect::new(Script::default(), Vec::new(), Backoff::default());
        assert_eq!(nowhere.open().await.unwrap_err().kind(), ErrorKind::InvalidUrl);
    }

    struct Refuses(Error);

    impl Connect for Refuses {
        type Connection = ();

        async fn connect(&self, _: &Host) -> Result<(), Error> {
            Err(self.0.clone())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_login_is_tried_again_for_five_minutes() {
        let script = Script::new(vec![Some(ErrorKind::Refused); 1000]);
        let mut reconnect = Reconnect::new(script.clone(), hosts("x://a/"), Backoff::default());
        let begun = Instant::now();
        assert_eq!(reconnect.open().await.unwrap_err().kind(), ErrorKind::Refused);
        let (took, tried) = (begun.elapsed(), script.tried().len());
        assert!((300..331).contains(&took.as_secs()) && tried > 10, "{took:?}, {tried} attempts");
        // A peer without memory is an outage.
        let busy = Error::new(ErrorKind::Refused).with_temporary(true);
        let mut full = Reconnect::new(Refuses(busy), hosts("x://a/"), Backoff::default());
        assert!(timeout(Duration::from_secs(3600), full.open()).await.is_err());
        // A successful login resets the time, and an outage in between is not a refusal.
        let script = Script::new([Some(ErrorKind::Refused), Some(ErrorKind::Disconnected), None]);
        let mut reconnect = Reconnect::new(script, hosts("x://a/"), Backoff::default());
        reconnect.open().await.unwrap();
        assert!(reconnect.refused.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn opening_once_shows_the_error_and_prefers_one_that_may_pass() {
        let script = Script::new([Some(ErrorKind::Disconnected), Some(ErrorKind::Refused)]);
        let mut reconnect = Reconnect::new(script.clone(), hosts("x://a,b/"), Backoff::default());
        assert_eq!(reconnect.once().await.unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(script.tried(), ["a", "b"]);
    }
}
