//! `ce bridge`: moves events from one protocol to another.

mod checks;
mod config;
mod contract;
mod fates;
mod held_elsewhere;
mod keys;
mod open;
mod operate;
mod options;
mod reported_reasons;
mod reread;
mod summary;
mod unopened;
mod unsettled;

pub(crate) use options::Bridge;

use crate::{
    commands::{dropped, outage, probes, refusals, suggested},
    connect,
    console::Console,
    failure::{Failure, Status},
    input::Systems,
    interrupt::{Interrupt, finishing},
    plain::count,
    report::{Report, help_of},
    selection::Selection,
};
use cloudevents_kit::transport::{Bridge as Moving, ConnectionState, Received, bridge::Fate};
use fates::{name, refused_before, repairs, tell};
use held_elsewhere::held_elsewhere;
use open::Settings;
use reported_reasons::{LastRefusal, Reasons, words};
use reread::Reread;
use serde_json::json;
use std::{
    collections::HashSet,
    future::ready,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    time::{interval, timeout},
};
use unopened::patiently;
use unsettled::Unsettled;

/// The names of the refused messages whose dead letters are not stored yet.
#[derive(Clone, Default)]
struct Unstored(Arc<Mutex<HashSet<String>>>);

impl Unstored {
    fn see(&self, received: &Received, fate: &Fate) {
        let mut unstored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match fate {
            Fate::Waiting { .. } => {
                unstored.insert(name(received).words);
            }
            Fate::Confirmed | Fate::Refused(_) | Fate::DeadLetter(_) | Fate::Kept(_)
                if !unstored.is_empty() =>
            {
                unstored.remove(&name(received).words);
            }
            _ => {}
        }
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Lines that wait to be printed. More lines are left out: printing must not hold up the bridge.
const LINES: usize = 1024;

/// How long a bridge that is ended while it opens its ends waits for them.
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) fn run(command: &Bridge, console: &Console) -> Result<Status, Failure> {
    let settings = open::settings(command, console)?;
    if command.check {
        console.say("the settings are valid");
        return Ok(Status::Done);
    }
    if command.dry_run {
        // A person may read the output page by page, and needs all of it. The bound on the messages that the bridge holds bounds it.
        console.write_all_aside();
    } else {
        console.write_aside();
    }
    let interrupt = Interrupt::watch(console);
    let ended = connect::runtime()?.block_on(bridge(command, settings, &interrupt, console));
    if !command.dry_run {
        return ended;
    }
    let status = ended.unwrap_or_else(|failure| failure.tell(console)).max(console.remembered());
    interrupt.idle(status, || console.finish());
    Ok(status)
}

async fn bridge(
    command: &Bridge,
    settings: Settings,
    interrupt: &Interrupt,
    console: &Console,
) -> Result<Status, Failure> {
    let mut settings = Arc::new(settings);
    let reread = Reread::watch(command, console);
    let mut state =
        State { reread, serving: None, held: None, stalled: None, left: command.count, refused: false };
    let ended = loop {
        match run_once(&settings, interrupt, console, &mut state).await {
            Ok(Some(next)) => settings = next,
            ended => break ended,
        }
    };
    state.stalled.iter().for_each(|stalled| stalled.tell_ending(console));
    let _ = ended?;
    Ok(if state.refused { Status::No } else { Status::Done })
}

/// The state that stays when the settings are read again.
struct State {
    reread: Reread,
    serving: Option<probes::Serving<operate::State>>,
    /// The last settings whose ends were opened.
    held: Option<Arc<Settings>>,
    /// Since when the ends cannot be opened.
    stalled: Option<unopened::Stalled>,
    /// How many messages may still be taken back.
    left: Option<u64>,
    /// Whether dead letters were refused again, or events of a file or a pipe, which have no dead letter.
    refused: bool,
}

/// Runs until the bridge ends. Returns the settings to continue with: settings that were read again, or the settings before them.
async fn run_once(
    settings: &Arc<Settings>,
    interrupt: &Interrupt,
    console: &Console,
    state: &mut State,
) -> Result<Option<Arc<Settings>>, Failure> {
    let config = &settings.config;
    let State { reread, serving, held, stalled, left, refused } = state;
    let is_new = held.as_ref().is_some_and(|held| !Arc::ptr_eq(held, settings));
    if is_new {
        console.announce("the settings were read again", json!({"kind": "reread"}));
    }
    let shows_all = config.redrive.as_ref().is_some_and(|redrive| redrive.dry_run);
    // A dry run holds the messages that it shows until its end. So their number is bounded already.
    let (lines, mut printed) = mpsc::channel(if shows_all { Semaphore::MAX_PERMITS } else { LINES });
    let decoding = open::decoding(config)?;
    let (closing, mut closed) = watch::channel(None);
    let to = config.to.clone();
    let letters = config.dead_letter.as_deref().map(connect::shown);
    let converts = config.adapter.is_some() || config.map.is_some();
    let (failing, refusing) = (Reasons::default(), Reasons::default());
    let unstored = Unstored::default();
    let seen = unstored.clone();
    let observer = move |received: &Received, fate: &Fate| {
        seen.see(received, fate);
        if let Fate::Failed(error) = fate
            && let Some(name) = connect::closed_for_good(&to, error)
        {
            closing.send_replace(Some(name));
        }
        let repairs = match fate {
            Fate::Confirmed => repairs(received, &decoding),
            _ => Vec::new(),
        };
        let help = match fate {
            Fate::Refused(error) | Fate::DeadLetter(error) | Fate::Kept(error) => {
                let system = || suggested::system(received).filter(|_| !converts);
                let own = || help_of(received.decoded_message().err()?);
                suggested::of(received, &decoding).or_else(system).or_else(own).or_else(|| help_of(error))
            }
            Fate::WouldSend => refused_before(received),
            _ => None,
        };
        let is_told = match fate {
            Fate::Failed(error) => failing.is_news(error),
            Fate::Waiting { error, .. } => refusing.is_news(error),
            Fate::Refused(_) | Fate::DeadLetter(_) | Fate::Kept(_) => true,
            _ => false,
        };
        match fate {
            Fate::Confirmed => failing.end(),
            Fate::DeadLetter(_) => refusing.end(),
            _ => {}
        }
        if shows_all || !repairs.is_empty() || is_told {
            let named = match fate {
                Fate::DeadLetter(_) => name(received).with_letter(received, letters.as_deref()),
                _ => name(received),
            };
            let _ = lines.try_send((named, fate.clone(), repairs, help));
        }
    };
    let (reports, mut reported) = mpsc::channel(LINES);
    let (on_refusal, mut refusals) = refusals::channel();
    let mut told = LastRefusal::new();
    let observer = Arc::new(observer);
    let open = || open::open(settings, *left, observer.clone(), on_refusal.clone(), reports.clone());
    // An end that is away, or does not know a new password yet, may come back. Settings that held before have no other mistake.
    let is_away = |status| held.is_some() && (status != Status::Usage || !is_new);
    let opened = {
        let mut opening = pin!(patiently(open, is_away, serving.as_ref(), stalled, console));
        tokio::select! {
            biased;
            () = interrupt.asked() => {
                give_back(opening).await;
                return Ok(None);
            }
            // The first ones are those to go back to, and so are opened in any case.
            newer = reread.next(None, console), if held.is_some() => {
                give_back(opening).await;
                return Ok(Some(newer));
            }
            opened = &mut opening => opened,
        }
    };
    let opened = match (opened, &*held) {
        (Ok(opened), _) => opened,
        // Some mistakes show only now.
        (Err(Failure::Told(_, report)), Some(held)) => {
            console.report(&Report::warning("the new settings cannot be used: the old ones hold again"));
            console.report(&report);
            return Ok(Some(Arc::clone(held)));
        }
        (Err(failure), _) => return Err(failure),
    };
    opened.notes.iter().for_each(|note| console.report(note));
    let is_first = held.replace(Arc::clone(settings)).is_none();
    let bridge: Moving = opened.bridge;
    let ends = opened.links.clone();
    let [mut from, mut to] = opened.links;
    let (mut lost, mut unsettled) = ((None, None), Unsettled::default());
    let status = bridge.status();
    if let Err(failure) = probes::serve_at(serving, config.metrics, &status.clone().into()).await {
        if is_first {
            let _ = bridge.run().until(ready(())).await; // its messages go back
            return Err(failure);
        }
        let report = Report::warning(failure.message()).kind("metrics");
        let detail = match serving {
            Some(_) => "what was served before the settings were read again still is",
            None => "nothing is served",
        };
        console.report(&report.detail(detail));
    }
    if let Some(serving) = &*serving {
        serving.show(status.clone().into());
    }
    let mut members = json!({"from": opened.from, "to": opened.to});
    if let (Some(serving), Some(members)) = (&serving, members.as_object_mut()) {
        members.insert("metrics".into(), serving.url.clone().into());
    }
    console.announce(&format!("bridge from {} to {}", opened.from, opened.to), members);
    if let Some(serving) = &serving {
        console.say(&format!("state and metrics at {}", serving.url));
    }
    let idle = config.idle.or(config.redrive.is_some().then_some(5)).map(Duration::from_secs);
    let (mut reloaded, mut stopped, mut is_closed) = (None, None, None);
    let is_asked = Notify::new();
    let until = async {
        tokio::select! {
            () = interrupt.asked() => is_asked.notify_one(),
            () = operate::idle(&status, &ends, idle, || held_elsewhere(&config.from, &config.certificates), console) => {}
            Ok(name) = closed.wait_for(Option::is_some) => is_closed.clone_from(&*name),
            settings = reread.next(Some(config), console) => reloaded = Some(settings),
        }
        stopped = Some(status.received());
    };
    let selection = settings.selection.as_deref();
    let mut looked = interval(Duration::from_secs(1));
    let mut shown = 0_usize;
    let ended = {
        let mut running = pin!(bridge.run().until(until));
        let (mut ending, mut is_told) = (pin!(operate::ending(&is_asked, &status)), false);
        loop {
            tokio::select! {
                ended = &mut running => break ended,
                messages = &mut ending, if !is_told => {
                    is_told = true;
                    finishing(&console.notes(), messages);
                }
                Some((name, fate, repairs, help)) = printed.recv() => {
                    shown = shown.saturating_add(usize::from(matches!(fate, Fate::WouldSend)));
                    tell(&name, &fate, &repairs, help, console);
                }
                Some(report) = reported.recv() => console.report(&report),
                Some(error) = refusals.recv() => told.tell(&error, console),
                _ = looked.tick(), if selection.is_some() => {
                    selection.and_then(Selection::due).iter().for_each(|report| console.report(report));
                }
                () = from.changed() => {
                    let state = from.state();
                    tell_state(&state, "FROM", &mut lost.0, console);
                    if state.is_connected() {
                        unsettled.tell(&status.received(), console);
                    }
                }
                () = to.changed() => tell_state(&to.state(), "TO", &mut lost.1, console),
            }
        }
    };
    while let Ok((name, fate, repairs, help)) = printed.try_recv() {
        shown = shown.saturating_add(usize::from(matches!(fate, Fate::WouldSend)));
        tell(&name, &fate, &repairs, help, console);
    }
    while let Ok(report) = reported.try_recv() {
        console.report(&report);
    }
    while let Some(error) = refusals.try_recv() {
        told.tell(&error, console);
    }
    selection.and_then(Selection::rest).iter().for_each(|report| console.report(report));
    refusals.left_out().iter().for_each(|warning| console.report(warning));
    let without_event = settings.systems.as_ref().map_or(0, Systems::without_event);
    summary::tell(&status, without_event, shows_all.then_some(shown), console);
    let at_end = status.received();
    unsettled.tell(&at_end, console);
    let (released, dropped) = stopped.map_or((0, at_end.dropped), |at| (at.released, at.dropped));
    dropped::tell(dropped, console);
    if reloaded.is_none() {
        dropped::tell_unread(&from, console);
    }
    // A message that is released or dropped after the stop does not come again.
    let lost = at_end.released.saturating_sub(released);
    let lost = lost.saturating_add(at_end.dropped.saturating_sub(dropped));
    if lost > 0 && !opened.keeps {
        let lost = count(lost, "message");
        if shows_all {
            let words = format!("FROM keeps no message: what was shown is gone, {lost}");
            console.report(&Report::warning(words).kind("redrive"));
        } else {
            let report = Report::new(format!("{lost} lost"))
                .detail("FROM keeps no message, and TO has not confirmed these");
            console.error(Status::Network, &report);
        }
    }
    let letters = status.waiting_letters().max(unstored.len());
    // After a reload, a dry run shows its messages again. A message without a dead letter comes again.
    if !shows_all {
        let metrics = status.metrics();
        let ended = metrics.confirmed.saturating_add(metrics.all_refused());
        *left = left.map(|left| left.saturating_sub(ended));
        // The URL of a queue names their place, or says that they are dropped.
        let is_told = config.redrive.is_some()
            || config.dead_letter.is_none() && connect::endpoint(&config.from)?.is_none();
        *refused |= is_told && metrics.all_refused() > 0;
    }
    let reloaded = reloaded.filter(|_| *left != Some(0));
    if letters > 0 && (reloaded.is_none() || !opened.keeps) {
        let report = if opened.keeps {
            Report::new(format!("no dead letter for {}", count(letters, "refused message")))
                .detail("the dead-letter place did not take what was refused, which is at FROM again")
        } else {
            Report::new(format!("{} lost", count(letters, "message"))).detail(
                "FROM keeps no message, and the dead-letter place did not take these, which were refused",
            )
        };
        console.error(Status::Network, &report.kind("dead-letter"));
    }
    if let Some(name) = is_closed {
        return Err(Failure::new(Status::Network, format!("{name} was closed by its reader")));
    }
    match ended {
        Ok(()) => Ok(reloaded),
        // Messages that were not done in time, or before an end was lost, come again.
        Err(error) if reloaded.is_some() => {
            console.report(&Report::warning(words(&error)).kind(error.kind().code()));
            Ok(reloaded)
        }
        Err(error) => Err(connect::ended(&error)),
    }
}

/// A source that is being opened may have answered with a message, which goes back.
async fn give_back(opening: impl Future<Output = Result<open::Both, Failure>>) {
    if let Ok(Ok(opened)) = timeout(FAREWELL, opening).await {
        let _ = opened.bridge.run().until(ready(())).await;
    }
}

/// Reports once that a connection is lost, and that it is back.
fn tell_state(state: &ConnectionState, end: &str, lost: &mut Option<Instant>, console: &Console) {
    match state {
        ConnectionState::Connecting { error: Some(error), .. } if lost.is_none() => {
            *lost = Some(Instant::now());
            console.report(&connect::lost(&format!("the connection to {end} was lost"), error));
        }
        ConnectionState::Connected { .. } => {
            let end = format!("connected to {end} again");
            lost.take().iter().for_each(|since| outage::tell_end(&end, *since, console));
        }
        _ => {}
    }
}
