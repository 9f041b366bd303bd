//! Opens both ends of a bridge.

use super::{
    checks::{
        check_filter, check_letters, check_place, check_source, check_target, never_reports,
        removes_unmatched,
    },
    config::{Config, ModeName, NotEvents},
    contract::Contract,
    keys::{leave_out_keys, missing_keys},
    options,
    unopened::Unopened,
};
use crate::{
    commands::{
        send::signing::{NOT_COVERED, sign},
        suggested::how,
        systems::SystemOptions,
    },
    connect::{self, Opened, Sending},
    console::Console,
    failure::Failure,
    input::Systems,
    plain::plain,
    report::Report,
    selection::Selection,
};
use cloudevents_catalog::Catalog;
use cloudevents_kit::{
    self as kit, DecodeOptions, Event, FormatId, Leniency, Peer,
    http::reqwest013::SignRequest,
    transport::{
        Bounds, Bridge, Carries, Connectivity, EventFilter, LossPolicy, OnRefusal, Received, ReceiverOptions,
        Settles, UnreadablePolicy,
        binding::place_checked,
        bridge::{BridgePolicy, Foreign, Form, HeaderRule, KeyRule, Observer, Redrive, Stall, Wrap},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// An open bridge, and the URLs of both ends without secrets.
pub(super) struct Both {
    pub(super) bridge: Bridge,
    pub(super) from: String,
    pub(super) to: String,
    /// Whether FROM keeps a message until it is settled.
    pub(super) keeps: bool,
    /// The connections of both ends.
    pub(super) links: [Connectivity; 2],
    /// Notes for the user about the ends. A second opening does not repeat them.
    pub(super) notes: Vec<Report>,
}

/// Settings that were checked without a connection to an end, with the filter, the systems and the catalog that they name.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) selection: Option<Arc<Selection>>,
    pub(super) systems: Option<Systems>,
    catalog: Option<Arc<Catalog>>,
}

/// Reads the settings and the catalog, and checks them. Commands for secrets and registries may take a while.
pub(super) fn settings(command: &options::Bridge, console: &Console) -> Result<Settings, Failure> {
    let config = Config::of(command)?;
    let urls = || [&config.from, &config.to].into_iter().chain(&config.dead_letter);
    for url in urls() {
        connect::endpoint(url)?;
    }
    config.certificates.check(urls())?;
    connect::path(&config.from).map_or(Ok(()), |from| connect::check_written(from, &config.to))?;
    check_source(&config)?;
    check_letters(&config)?;
    check_filter(&config)?;
    decoding(&config)?;
    let selection = selection(&config, console)?;
    policy(&config)?;
    signing(&config)?;
    tell_attributes(&config, console);
    let systems = systems(&config)?;
    let catalog = catalog(&config, console)?.map(Arc::new);
    Ok(Settings { config, selection, systems, catalog })
}

/// Opens both ends. A redrive takes back `most` messages.
pub(super) async fn open(
    settings: &Settings,
    most: Option<u64>,
    observer: Arc<Observer>,
    on_refusal: OnRefusal,
    reports: mpsc::Sender<Report>,
) -> Result<Both, Unopened> {
    let mut notes = Vec::new();
    let warnings = reports.clone();
    let Settings { config, selection, systems, catalog } = settings;
    let filter = selection.as_ref().map(|selection| filter(selection, config));
    let mut policy = policy(config)?;
    if let Some(redrive) = &mut policy.redrive {
        redrive.messages = most;
    }
    if let Some(catalog) = catalog {
        let contract = Contract::new(Arc::clone(catalog), config.catalog_policy.unwrap_or_default(), reports);
        policy.admit = Some(Arc::new(move |event: &Event| contract.admit(event)));
    }
    policy.observer = Some(observer);
    let limit = policy.limit;
    let mut options = ReceiverOptions::from(decoding(config)?);
    if let Some(peer) = config.from_peer {
        options = options.with_peer(peer);
    }
    if config.not_cloudevents == NotEvents::Skip {
        options.not_cloudevents = UnreadablePolicy::Skip;
    }
    options.in_flight = bounds(config, limit);
    if let (Some(most), None) = (most, &filter) {
        // If more messages were held, the surplus would go back behind the messages that come next.
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        options.in_flight.messages = options.in_flight.messages.min(most);
    }
    // The sender first: reading starts when both ends are there.
    let signed = Sending { sign: signing(config)?, ..sending(config, limit) };
    let sender = connect::sender(&config.to, &signed).await;
    let sender = sender.map_err(Unopened::of(Stall::Target(None), &config.to))?;
    check_target(config, &sender)?;
    // Where the protocol shows it, a subject, a topic or a queue that is not there is no outage.
    check_place(&sender).await.map_err(Unopened::of(Stall::Target(None), &config.to))?;
    let is_structured =
        Some(config.mode).filter(|mode| *mode != ModeName::Kept).map(|mode| mode == ModeName::Structured);
    let to = connect::endpoint(&config.to)?;
    let note = to.and_then(|to| connect::older_consumers(&to, config.to_peer, is_structured));
    notes.extend(note);
    leave_out_keys(config, &sender, &mut policy, warnings)?;
    notes.extend(missing_keys(config)?);
    if let Some(url) = &config.dead_letter {
        let letters = connect::sender(url, &sending(config, limit)).await;
        let away = || Unopened::of(Stall::DeadLetters(None), url);
        let letters = letters.map_err(away())?;
        if !letters.capabilities().carries.contains(Carries::HEADERS) && config.losses.0 == LossPolicy::Refuse
        {
            return Err(Failure::usage(
                "the dead-letter place carries no headers, which say why a message was refused",
            )
            .help("name another place; `--losses log` accepts this")
            .into());
        }
        place_checked(&connect::shown(url), letters.check().await)
            .map_err(|error| away()(connect::failed(error)))?;
        if !letters.capabilities().carries.contains(Carries::AS_RECEIVED) {
            let words = "the dead-letter place takes events only: messages that cannot be decoded stay at FROM, and are tried again; \
                         over HTTP they are refused";
            notes.push(Report::warning(words).kind("dead-letter"));
        }
        if never_reports(url, &letters)? {
            let words = "the dead-letter place does not report whether anything stores a letter";
            notes.push(
                Report::warning(words)
                    .kind("dead-letter")
                    .detail(connect::shown(url))
                    .help("over MQTT, brokers of version 5 report it with `qos=1`"),
            );
        }
        policy.dead_letters = Some(letters);
    }
    // Its notes are for a receiver that has no destination for rejected messages.
    let Opened { mut receiver, url, .. } =
        connect::receiver_of(systems.as_ref(), how, &config.from, options, &config.certificates, on_refusal)
            .await
            .map_err(Unopened::of(Stall::Source(None), &config.from))?;
    let is_log = receiver.capabilities().settles == Settles::InOrder;
    if let (Some(redrive), Some(_)) = (&policy.redrive, &filter)
        && is_log
        && !redrive.dry_run
    {
        let words = "what the filter leaves stays at FROM, but this group goes past it";
        let note = Report::warning(words).kind("passed-over");
        notes.push(note.help("a redrive with another group reads it again"));
    }
    match (filter, &mut policy.redrive) {
        (Some(filter), Some(redrive)) => redrive.filter = Some(filter),
        (Some(_), None) if receiver.capabilities().shared && !config.drop_unmatched => {
            let _ = receiver.drain(policy.drain).await;
            return Err(removes_unmatched().into());
        }
        (Some(filter), None) => receiver = receiver.filter(filter).map_err(connect::failed)?,
        (None, _) => {}
    }
    let links = [receiver.connectivity(), sender.connectivity()];
    let keeps = receiver.capabilities().settles != Settles::Never;
    let bridge = Bridge::new(receiver, sender, policy).map_err(connect::failed)?;
    Ok(Both { bridge, from: url, to: connect::shown(&config.to), keeps, links, notes })
}

/// How messages are decoded.
pub(super) fn decoding(config: &Config) -> Result<DecodeOptions, Failure> {
    let peer = config.from_peer.map_or(Leniency::strict(), Peer::leniency);
    let options = ReceiverOptions::from(kit::decoding().with_leniency(config.lenient.union(peer)));
    Ok(match connect::endpoint(&config.from)? {
        Some(from) => options.with_url(&from).map_err(connect::failed)?.decoding,
        None => options.decoding,
    })
}

fn policy(config: &Config) -> Result<BridgePolicy, Failure> {
    let mut policy = BridgePolicy::default();
    policy.limit = config.limit.map_or(policy.limit, Into::into);
    policy.parked = config.parked.map_or(policy.parked, Into::into);
    policy.order = config.order.0.clone();
    policy.losses = config.losses.0;
    policy.rate = config.rate;
    policy.max_size = config.max_size;
    policy.hops = config.hops.unwrap_or(policy.hops);
    policy.drain = config.drain.map_or(policy.drain, |seconds| Duration::from_secs(seconds.get().into()));
    policy.destination.clone_from(&config.destination);
    policy.subject.clone_from(&config.subject);
    let rules = config.rules.rules()?;
    if config.subject.is_some() && config.rules.is_of("subject") {
        return Err(Failure::usage("`subject` and a rule for the attribute `subject` exclude each other")
            .help("`set: {subject: ...}` alone does it, with `{a, b}` where `subject` has `{a|b}`"));
    }
    policy.change = (!rules.is_empty())
        .then(|| Arc::new(move |event: &Event, received: &Received| rules.apply_to(event, received)) as _);
    policy.key = match (&config.key, config.drop_key) {
        (Some(_), true) => return Err(Failure::usage("`key` and `drop-key` exclude each other")),
        (Some(key), false) => KeyRule::From(key.clone()),
        (None, true) => KeyRule::Dropped,
        (None, false) => KeyRule::Kept,
    };
    policy.form = match (config.mode, &config.format) {
        (ModeName::Structured, name) => {
            let id = match name {
                Some(name) => FormatId::parse(name).map_err(connect::failed)?,
                None => FormatId::JSON,
            };
            let formats = kit::formats();
            let format = formats.shared(&id);
            let format = format.ok_or_else(|| Failure::usage(format!("unknown format `{id}`")))?;
            Form::Structured(Arc::clone(format))
        }
        (_, Some(_)) => return Err(Failure::usage("`format` goes with `mode: structured`")),
        (ModeName::Binary, None) => Form::Binary,
        (ModeName::Kept, None) => Form::Kept,
    };
    policy.foreign = match (config.not_cloudevents, &config.wrap) {
        (NotEvents::Refuse | NotEvents::Skip, None) => Foreign::Refused,
        (NotEvents::Forward, None) => Foreign::Forwarded,
        (NotEvents::Wrap, Some(wrap)) => Foreign::Wrapped(Wrap::new(wrap.source.clone(), wrap.ty.clone())),
        (NotEvents::Wrap, None) => {
            return Err(Failure::usage("`not-cloudevents: wrap` needs `wrap` with `source` and `type`"));
        }
        (_, Some(_)) => return Err(Failure::usage("`wrap` goes with `not-cloudevents: wrap`")),
    };
    policy.headers = if config.headers.only_renamed { HeaderRule::none() } else { HeaderRule::all() };
    policy.headers.drop.clone_from(&config.headers.drop);
    policy.headers.rename = config.headers.rename.clone().into_iter().collect();
    let from = connect::endpoint(&config.from)?;
    policy.redrive = config.redrive.as_ref().map(|rule| {
        let mut redrive = Redrive::default();
        redrive.dry_run = rule.dry_run;
        // If FROM has no dead-letter destination, rejected messages may be dropped.
        redrive.rejects = from.is_some_and(|from| from.option("dead-letter").is_some());
        redrive.replays = rule.replays.unwrap_or(redrive.replays);
        redrive
    });
    Ok(policy)
}

/// The beginnings of names by which protocols carry attributes.
const OF_ATTRIBUTES: [&str; 4] = ["ce-", "ce_", "cloudevents:", "cloudevents_"];

/// Warns of settings for headers that name attributes: an attribute is no header, whichever way the protocol carries it.
fn tell_attributes(config: &Config, console: &Console) {
    let names = config.headers.drop.iter().chain(config.headers.rename.keys()).map(|name| &**name);
    let is_attribute = |name: &&str| {
        let name = name.to_ascii_lowercase();
        OF_ATTRIBUTES.iter().any(|prefix| name.starts_with(prefix))
    };
    for name in names.filter(is_attribute) {
        let words =
            format!("`headers` does not change `{}`: attributes of an event are no headers", plain(name));
        let warning = Report::warning(words).kind("headers");
        console
            .report(&warning.help("`set`, `rename` and `remove` change attributes: docs/bridge-messages.md"));
    }
}

fn systems(config: &Config) -> Result<Option<Systems>, Failure> {
    let systems = SystemOptions { adapter: config.adapter.clone(), map: config.map.clone() }.systems()?;
    // A part of an envelope that no event carries is a loss.
    Ok(if config.losses.0 == LossPolicy::Refuse { systems.map(Systems::exact) } else { systems })
}

fn selection(config: &Config, console: &Console) -> Result<Option<Arc<Selection>>, Failure> {
    let Some(text) = &config.filter else { return Ok(None) };
    Ok(Some(Arc::new(Selection::of_argument(text, console)?)))
}

fn filter(selection: &Arc<Selection>, config: &Config) -> EventFilter {
    let selection = Arc::clone(selection);
    let filter = EventFilter::new(move |message, with| selection.matches_message(message, with));
    if config.drop_unmatched { filter.drop_unmatched() } else { filter }
}

fn catalog(config: &Config, console: &Console) -> Result<Option<Catalog>, Failure> {
    if config.catalog.is_none() && config.catalog_policy.is_some() {
        return Err(Failure::usage("`catalog-policy` goes with `catalog`"));
    }
    let loaded = config.lenient_catalog.open(config.catalog.as_deref(), console)?;
    Ok(loaded.map(|loaded| loaded.catalog))
}

fn sending(config: &Config, limit: usize) -> Sending {
    Sending {
        headers: config.send_headers.clone(),
        authorization: config.authorization.clone(),
        timeout: Duration::from_secs(config.timeout.map_or(30, |seconds| seconds.get().into())),
        parallel: limit,
        losses: config.losses.0,
        peer: config.to_peer,
        documents: (config.mode == ModeName::Binary).then_some(false),
        connecting: config.certificates.clone().into(),
        ..Sending::default()
    }
}

/// How requests to TO are signed. Dead letters are not.
fn signing(config: &Config) -> Result<Option<SignRequest>, Failure> {
    let key_id = config.to_key_id.as_deref();
    let Some(place) = &config.to_secret_env else {
        return match key_id {
            Some(_) => Err(Failure::usage("--to-key-id is for --to-secret-env")),
            None => Ok(None),
        };
    };
    if key_id.is_none() && config.mode != ModeName::Structured {
        return Err(Failure::usage(NOT_COVERED)
            .help("add --mode structured (`mode: structured`), or --to-key-id for message signatures"));
    }
    let is_http = connect::endpoint(&config.to)?.is_some_and(|to| matches!(to.scheme(), "http" | "https"));
    if !is_http {
        return Err(Failure::usage("only requests to `http` and `https` URLs are signed"));
    }
    sign(place, key_id).map(Some)
}

fn bounds(config: &Config, limit: usize) -> Bounds {
    let default = Bounds::default();
    Bounds {
        messages: config.in_flight.messages.map_or(default.messages.max(limit.saturating_mul(4)), Into::into),
        bytes: config.in_flight.bytes.map_or(default.bytes, Into::into),
    }
}
