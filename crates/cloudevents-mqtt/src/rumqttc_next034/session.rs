//! The task that owns the connection of a receiver.

use super::{
    connection::{Connection, FAREWELL, Terms},
    failure,
    options::{Qos, Target},
    source::{Inbox, Receiving},
    unwritten::Unwritten,
};
use crate::Version;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Host,
    binding::connect::{Connect, Reconnect},
};
use futures_util::future::{Either, select};
use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// How long a broker that stands still may take to read a CONNECT that it did not answer.
const STALE: Duration = Duration::from_secs(300);

/// Whether the session ends only when another one begins: a session without a name, over MQTT 3.1.1.
///
/// Over MQTT 5, DISCONNECT ends it. With QoS 0 no message of it would come again, so it begins anew, and ends, with each connection.
pub(super) fn lingers(target: &Target, qos: Qos) -> bool {
    target.is_unnamed && target.options.version == Version::V3 && qos > Qos::AtMostOnce
}

/// Connects to the session of the receiver.
pub(super) struct Resuming {
    target: Arc<Target>,
    terms: Terms,
    qos: Qos,
    /// Whether the broker has had the session.
    had: AtomicBool,
    /// Whether it is gone since the last connection. Then an attempt that failed made the session that is there now.
    gone: AtomicBool,
    pub(super) stale: Arc<Stale>,
}

/// Attempts to connect that ended behind their CONNECT without an answer, by the time when they began.
///
/// A broker that stood still, or a node of it, reads the CONNECT later. Then it takes the session away from the connection that was made
/// since.
#[derive(Default)]
pub(super) struct Stale(Mutex<Vec<Instant>>);

impl Stale {
    fn attempts(&self) -> MutexGuard<'_, Vec<Instant>> {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|begun| begun.elapsed() < STALE);
        attempts
    }

    /// An attempt begins, which has no answer unless it is [taken](Self::take) back.
    fn begun(&self) {
        self.attempts().push(Instant::now());
    }

    /// Takes the last one back. Returns whether there was one.
    fn take(&self) -> bool {
        self.attempts().pop().is_some()
    }
}

impl Resuming {
    pub(super) fn new(target: Arc<Target>, terms: Terms, qos: Qos) -> Self {
        let (had, gone) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { target, terms, qos, had, gone, stale: Arc::default() }
    }

    /// Checks how long the broker keeps the session: its word holds (MQTT 5.0, section 3.2.2.3.2).
    fn check_expiry(&self, granted: Option<u32>, host: &Host) -> Result<(), Error> {
        let wanted = self.terms.session_expiry;
        let Some(granted) = granted.filter(|granted| *granted < wanted && self.qos > Qos::AtMostOnce) else {
            return Ok(());
        };
        if granted == 0 {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the broker ends the session with the connection")
                .with_help("add `session=0s` or `qos=0` to the URL if messages may be lost"));
        }
        if !self.had.load(Ordering::Relaxed) {
            let (granted, wanted) = (Duration::from_secs(granted.into()), Duration::from_secs(wanted.into()));
            tracing::warn!(%host, client = self.target.client,
                "the broker keeps the session for {granted:?} without a connection, not for {wanted:?}; then it is lost, with the messages in it");
        }
        Ok(())
    }
}

impl Connect for Resuming {
    type Connection = Connection;

    async fn connect(&self, host: &Host) -> Result<Connection, Error> {
        let (connection, connect) = Connection::reach(&self.target, host, &self.terms).await?;
        self.stale.begun();
        // If something between has closed the connection, the broker may have CONNECT all the same.
        let answered = || {
            self.stale.take();
        };
        let mut connection = connection.log_in(&self.target, &connect, answered).await?;
        self.check_expiry(connection.welcome.session_expiry, host)?;
        let resumed = connection.welcome.session_present;
        let is_kept = match self.target.options.version {
            Version::V3 => !self.terms.clean,
            Version::V5 => self.terms.session_expiry > 0,
        };
        let had = self.had.load(Ordering::Relaxed);
        if had && is_kept && !resumed {
            tracing::warn!(%host, client = self.target.client,
                "the broker has lost the session, with what was sent meanwhile and what was not acknowledged; another one has begun");
        }
        self.gone.fetch_or(!resumed, Ordering::Relaxed);
        if let Err(error) = connection.subscribe(&self.target, self.qos).await {
            if !had {
                drop(connection);
                end(&self.target, host, self.qos).await;
            }
            return Err(error);
        }
        self.target.addresses.worked();
        self.had.store(true, Ordering::Relaxed);
        connection.welcome.session_present &= !self.gone.swap(false, Ordering::Relaxed);
        tracing::debug!(%host, resumed, "subscribed");
        Ok(connection)
    }
}

/// Receives and acknowledges until the receiver is gone, and reconnects meanwhile.
pub(super) async fn run(
    reconnect: Reconnect<Resuming>,
    begun: (Connection, Arc<Unwritten>),
    inbox: Arc<Inbox>,
    (target, stale): (Arc<Target>, Arc<Stale>),
    alive: watch::Receiver<()>,
) {
    let mut host = begun.0.host.clone();
    receive(reconnect, begun, &inbox, (&target, &stale, &mut host), alive).await;
    end(&target, &host, inbox.qos).await;
}

/// Ends a session that [lingers](lingers), with another one, which ends with its connection.
async fn end(target: &Target, host: &Host, qos: Qos) {
    if !lingers(target, qos) {
        return;
    }
    let terms =
        Terms { clean: true, session_expiry: 0, receive_maximum: u16::MAX, max_packet_size: u32::MAX };
    let ended = timeout(FAREWELL, async {
        Connection::open(target, host, &terms).await?.leave(target.options.version).await
    });
    if let Some(error) =
        ended.await.map_or_else(|_| Some(failure::disconnected("it takes too long")), Result::err)
    {
        tracing::warn!(%host, client = target.client, %error, "the session could not be ended, and is left over at the broker");
    }
}

async fn receive(
    mut reconnect: Reconnect<Resuming>,
    (mut connection, mut unwritten): (Connection, Arc<Unwritten>),
    inbox: &Inbox,
    (target, stale, host): (&Target, &Stale, &mut Host),
    mut alive: watch::Receiver<()>,
) {
    loop {
        host.clone_from(&connection.host);
        let mut error = serve(connection, &unwritten, inbox, target, &mut alive).await;
        inbox.lost();
        if alive.has_changed().is_err() {
            return;
        }
        if error.kind() == ErrorKind::Refused && stale.take() {
            error = failure::disconnected(format_args!(
                "an attempt to connect that had no answer may have taken the session: {error}"
            ));
        }
        reconnect.lost(&error);
        // Clients that take a session from each other would do so for ever, and a broker that grants too little would do it again.
        let mut taken = is_final(&error).then_some(error);
        if let Some(error) = &taken {
            reconnect.fail(error);
        }
        (connection, unwritten) = loop {
            let opened = if let Some(error) = taken.take() {
                Err(error)
            } else {
                let gone = pin!(gone(&mut alive));
                match select(pin!(reconnect.open()), gone).await {
                    Either::Left((opened, _)) => opened,
                    Either::Right(_) => return,
                }
            };
            match opened {
                Ok(connection) => {
                    let unwritten = inbox.begin(&connection);
                    break (connection, unwritten);
                }
                Err(error) => {
                    // The program sees it, and tries again if it calls again.
                    inbox.fail(error);
                    if let Either::Right(_) = select(pin!(inbox.failure_seen()), pin!(gone(&mut alive))).await
                    {
                        return;
                    }
                }
            }
        };
    }
}

/// Whether this is the broker's own word, and would be again.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Refused | ErrorKind::Unsupported)
}

/// Drives one connection. Returns why it ended.
async fn serve(
    connection: Connection,
    unwritten: &Unwritten,
    inbox: &Inbox,
    target: &Target,
    alive: &mut watch::Receiver<()>,
) -> Error {
    let mut receiving = Receiving { inbox, unwritten, added: false, told: false };
    let mut driving = pin!(connection.drive(unwritten, &mut receiving));
    let ended = {
        let acknowledging = pin!(async {
            loop {
                inbox.settled.notified().await;
                inbox.acknowledge();
            }
        });
        let gone = pin!(gone(alive));
        match select(&mut driving, select(acknowledging, gone)).await {
            Either::Left((error, _)) => Some(error),
            Either::Right((Either::Left((never, _)), _)) => never,
            Either::Right((Either::Right(_), _)) => None,
        }
    };
    match ended {
        Some(error) => error,
        None => {
            inbox.acknowledge();
            // A made-up client identifier is not used again, so that its session would be left over.
            let session_expiry = target.is_unnamed.then_some(0);
            unwritten.close(target.options.version, session_expiry);
            match select(driving, pin!(sleep(FAREWELL))).await {
                Either::Left((error, _)) => error,
                Either::Right(_) => failure::disconnected("the broker did not take what was written"),
            }
        }
    }
}

/// Waits until the receiver was dropped.
async fn gone(alive: &mut watch::Receiver<()>) {
    while alive.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_attempts_without_an_answer_leave_those_of_some_minutes() {
        let stale = Stale::default();
        for _ in 0..10_000 {
            stale.begun();
            advance(Duration::from_secs(1)).await;
        }
        assert!(stale.0.lock().unwrap().len() <= 301);
        advance(STALE).await;
        assert!(!stale.take());
    }
}
