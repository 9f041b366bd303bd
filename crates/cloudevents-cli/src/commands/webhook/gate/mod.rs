//! `ce webhook serve --to`: in front of a service.

mod counts;
mod course;
mod ending;
mod front;
mod passed_headers;
mod readiness;
mod service;
mod state;
mod watch;

use super::service_url::{Place, ServiceUrl};
use crate::{
    commands::{
        handshakes,
        http_server::Listening,
        probes,
        refusals::{self, Lines},
    },
    connect::Opened,
    console::Console,
    failure::{Failure, Status},
    interrupt::Interrupt,
    report::Report,
};
use clap::Args;
use cloudevents_kit::webhook::receiver::{MemoryStore, WebhookOptions};
use counts::Counts;
use ending::{Ends, Handing};
use front::Front;
#[cfg(feature = "outbox")]
pub(super) use readiness::Part;
pub(super) use readiness::Readiness;
use serde_json::json;
pub(super) use service::Checks;
use service::Service;
pub(super) use state::Probe;
use state::State;
use std::{
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// Deliveries that are remembered in memory: some 100 bytes each.
const REMEMBERED: usize = 100_000;

/// How long the store may take at the start until there is a line in the log.
const SILENT: Duration = Duration::from_secs(5);

/// How much longer than the service a response may take: to check the delivery, and to remember it.
const BESIDE: Duration = Duration::from_secs(5);

/// How long a connection may be idle: longer than the 60 seconds for which load balancers usually keep one. Otherwise they would send a
/// delivery on a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(75);

/// Descriptors that are neither connections of senders nor of the service: standard streams, the store, lookups of names.
const DESCRIPTORS: usize = 64;

/// Options of the service behind the target.
#[derive(Args, Debug)]
#[command(next_help_heading = "In front of a service")]
pub(super) struct GateOptions {
    /// Hand each genuine delivery to the service at this URL, and respond as it does, in place of printing events. Also @NAME for a
    /// connection of the configuration file. See below.
    #[arg(long, value_name = "URL", group = "service", conflicts_with = "misbehave")]
    to: Option<String>,
    /// As --to, with the URL from this environment variable, or `@FILE`: other users of the machine see the arguments of a program, and its
    /// password with them.
    #[arg(long, value_name = "VARIABLE", group = "service", conflicts_with = "misbehave")]
    to_env: Option<String>,
    /// Maximum seconds in which the service has to respond.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "service")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    to_timeout: u64,
    /// Maximum deliveries that the service has at once. Others get 503.
    #[arg(long, value_name = "NUMBER", default_value = "64", requires = "service")]
    in_flight: NonZeroUsize,
    /// A proxy that you trust is in front of `ce`, and no other client reaches it: the service gets X-Forwarded-For, X-Forwarded-Host and
    /// X-Forwarded-Proto, and the log names the last address in X-Forwarded-For. The proxy has to set or remove each of these three.
    #[arg(long, requires = "service")]
    behind_proxy: bool,
    /// Serve /live, /ready and /metrics at this address.
    #[arg(long, value_name = "ADDRESS", requires = "service")]
    metrics: Option<SocketAddr>,
    /// Remember accepted deliveries across restarts, in a file of SQLite or a database of Postgres: `sqlite:FILE`, or a URL
    /// `postgres://USER@HOST/DATABASE`, without TLS. Without it, in memory.
    #[cfg(feature = "outbox")]
    #[arg(long, value_name = "STORE", requires = "service")]
    remember: Option<String>,
}

impl GateOptions {
    /// Whether deliveries are handed to a service.
    pub(super) fn has_service(&self) -> bool {
        self.to.is_some() || self.to_env.is_some()
    }

    /// The URL of the service, with its secrets.
    pub(super) fn service(&self) -> Result<Option<ServiceUrl>, Failure> {
        let place = match (&self.to, &self.to_env) {
            (None, None) => return Ok(None),
            (Some(to), None) => Place::Argument(to.clone()),
            (None, Some(place)) => Place::Secret(place.clone()),
            (Some(_), Some(_)) => {
                return Err(Failure::usage("--to and --to-env are both set")
                    .help("one of them is a default, of a variable `CE_...` or the configuration file"));
            }
        };
        ServiceUrl::read(place).map(Some)
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.to_timeout)
    }

    /// Adds the store of accepted deliveries. Returns a function that asks whether it answers, unless it is in memory.
    async fn remembering(
        &self,
        options: WebhookOptions,
        recognizes: bool,
        _target: &str,
        _readiness: &Arc<Readiness>,
    ) -> Result<(WebhookOptions, Option<Probe>), Failure> {
        #[cfg(feature = "outbox")]
        if !recognizes && self.remember.is_some() {
            return Err(Failure::usage("--recognize-by nothing remembers nothing: --remember has no effect"));
        }
        if !recognizes {
            return Ok((options, None));
        }
        #[cfg(feature = "outbox")]
        if let Some(to) = &self.remember {
            // Twice as long as handling takes at most.
            let lease = self.timeout().saturating_add(BESIDE).saturating_mul(2);
            let (options, probe) =
                super::remember::remembering(options, to, _target, lease, _readiness).await?;
            return Ok((options, Some(probe)));
        }
        Ok((options.idempotency(MemoryStore::new(REMEMBERED)), None))
    }
}

/// Waits for the store of accepted deliveries, with a line in the log after a while.
async fn said<T>(remembering: impl Future<Output = T>, console: &Console) -> T {
    let mut remembering = pin!(remembering);
    if let Ok(opened) = timeout(SILENT, remembering.as_mut()).await {
        return opened;
    }
    let words = "the gate does not listen yet: the store of --remember does not answer";
    console.report(&Report::warning(words).kind("store"));
    remembering.await
}

/// Hands deliveries to the service at `to`, until `count` of them were accepted.
///
/// After a signal, it still hands on the deliveries of the connections that it has. The next process finds the others in a socket that a
/// supervisor `held`.
pub(super) async fn run(
    (url, held): (&str, Option<TcpListener>),
    (to, gate): (ServiceUrl, &GateOptions),
    checks: Checks,
    count: Option<u64>,
    options: WebhookOptions,
    console: &Console,
) -> Result<Status, Failure> {
    // Paths, services and keys keep the deliveries of targets apart that share a file.
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let gives_up = checks.gives_up;
    let (sender, recognizes) = (checks.sender, checks.recognizes);
    let service = Service::new(to, gate.timeout(), checks, gate.behind_proxy)?;
    let target = format!("{path} {}", service.name());
    let service = Arc::new(service);
    let readiness = Arc::<Readiness>::default();
    let remembering = gate.remembering(options, recognizes, &target, &readiness);
    let (options, store) = said(remembering, console).await?;
    let mut options = options.respond_within(gate.timeout().saturating_add(BESIDE));
    options.http.header_deadline = IDLE;
    options.http.half_close = true;
    // Each delivery has a connection to the service. Without one, the sender of a genuine delivery would get 503.
    options.http.spare_descriptors = gate.in_flight.get().saturating_add(DESCRIPTORS);
    let counts = Arc::<Counts>::default();
    let is_stopping = Arc::<AtomicBool>::default();
    let state = State {
        counts: Arc::clone(&counts),
        service: Arc::clone(&service),
        store,
        readiness: Arc::clone(&readiness),
        is_stopping: Arc::clone(&is_stopping),
        reason: Arc::default(),
    };
    let mut serving = None;
    probes::serve_at(&mut serving, gate.metrics, &state).await?;
    let (on_refusal, refusals) = refusals::channel();
    let mut refusals = refusals.with_few_lines().with_warnings().with_handshake(handshakes::SERVE);
    let front = Front {
        sender,
        behind_proxy: gate.behind_proxy,
        counts: Arc::clone(&counts),
        see: on_refusal,
        console: console.notes(),
        is_informed: console.informs(),
        repeats: Arc::new(Mutex::new(Lines::new())),
    };
    let listening = Listening::at(url, held).await?;
    let (Opened { mut receiver, url, .. }, mut server, webhook) = front.open(listening, options)?;
    console.write_aside();
    let interrupt = Interrupt::watch(console);
    console.announce(&format!("listening at {url}"), json!({"url": url}));
    if let Some(serving) = &serving {
        console.announce(&format!("state and metrics at {}", serving.url), json!({"metrics": serving.url}));
    }
    let handing = Arc::new(Handing { service, counts, readiness, gives_up });
    let mut under_way = JoinSet::new();
    let mut ends = Ends::default();
    // When the connections that are left have had their time, after a signal.
    let mut end = None;
    let (look, found) = (async || state.look().await, async || state.found_ready().await);
    let mut watching = pin!(watch::watch(look, found, |line| console.report(line)));
    while count.is_none_or(|count| ends.accepted < count) {
        // The service is to accept no more than it was asked to.
        let rest = count.map_or(u64::MAX, |count| count.saturating_sub(ends.accepted));
        let places = gate.in_flight.get().min(usize::try_from(rest).unwrap_or(usize::MAX));
        interrupt.in_flight(under_way.len());
        handing.counts.in_flight(under_way.len());
        tokio::select! {
            biased;
            () = interrupt.asked(), if end.is_none() => {
                is_stopping.store(true, Ordering::Relaxed);
                handing.counts.ready(false);
                server.stop();
                let now = Instant::now();
                end = Some(now.checked_add(gate.timeout().saturating_add(BESIDE)).unwrap_or(now));
            }
            () = server.ended(), if end.is_some() => break,
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
            // A gate that stops tells no state: neither that it is ready again, nor an outage.
            never = watching.as_mut(), if end.is_none() => match never {},
            Some(done) = under_way.join_next() => ends.tell(done, console),
            next = refusals::next(&mut receiver, &mut refusals, console) => match next {
                Ok(Some(delivery)) if under_way.len() >= places => {
                    // Settled at once. Its sender gets 503 with `Retry-After`.
                    ends.report(&handing.full(&delivery), console);
                    drop(delivery.release());
                }
                Ok(Some(delivery)) => {
                    under_way.spawn(Arc::clone(&handing).hand_on(delivery));
                }
                Ok(None) => break,
                Err(error) => {
                    console.error(Status::Network, &Report::of(&error));
                    break;
                }
            },
        }
    }
    is_stopping.store(true, Ordering::Relaxed);
    server.stop();
    // Each of them has its deadline.
    while let Some(done) = under_way.join_next().await {
        ends.tell(done, console);
        interrupt.in_flight(under_way.len());
        handing.counts.in_flight(under_way.len());
    }
    if let Err(error) = receiver.drain(Duration::from_secs(5)).await {
        console.error(Status::Network, &Report::of(&error));
    }
    server.close().await;
    ending::recorded(&webhook, console).await;
    refusals.tell_rest(console);
    ends.tell_rest(console);
    console.say(&match ends.accepted {
        1 => "1 delivery accepted by the service".to_owned(),
        number => format!("{number} deliveries accepted by the service"),
    });
    Ok(Status::Done)
}
