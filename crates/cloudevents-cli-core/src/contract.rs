//! Contracts: catalogs that events are sent and received by.

use crate::{
    catalog::{LenientCatalog, Loaded},
    console::Console,
    failure::{Failure, Status},
    plain::plain,
    report::Report,
    source::Place,
};
use clap::Args;
use cloudevents_catalog::{Fault, Judge, Message, NoValue, NotJudged, Outcome, Verdict};
use cloudevents_kit::{Event, EventBuilder};
use std::path::PathBuf;

/// The contract of events to send.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Contract")]
pub struct Contract {
    /// Send only events that the message definitions and schemas of this catalog allow: a document of xRegistry, a folder of them, or the
    /// URL of a registry. Other events are reported as invalid. A catalog with mistakes is refused.
    #[arg(long, value_name = "CATALOG")]
    catalog: Option<PathBuf>,
    #[command(flatten)]
    lenient_catalog: LenientCatalog,
    /// Build the event from this message definition of the catalog: its id, or its xid. Flags add to it.
    #[arg(long, value_name = "MESSAGE", requires = "catalog")]
    message: Option<String>,
    /// The value of a placeholder in the definition, such as shop=7. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "message")]
    value: Vec<String>,
}

impl Contract {
    /// Whether an event is built from a definition.
    pub fn builds(&self) -> bool {
        self.message.is_some()
    }

    /// Reads the catalog, if one is named.
    pub fn open(&self, console: &Console) -> Result<Option<Terms>, Failure> {
        let Some(loaded) = self.lenient_catalog.open(self.catalog.as_deref(), console)? else {
            return Ok(None);
        };
        let terms = Terms { message: self.message.clone(), loaded };
        // A name that is wrong is reported before anything is sent.
        terms.message()?;
        Ok(Some(terms))
    }

    /// Starts the event of a definition, if one is named.
    pub fn builder(&self, terms: Option<&Terms>) -> Result<Option<EventBuilder>, Failure> {
        let Some(message) = terms.map(Terms::message).transpose()?.flatten() else { return Ok(None) };
        let mut values = Vec::new();
        for given in &self.value {
            let pair = given.split_once('=').ok_or_else(|| {
                Failure::usage(format!("the placeholder `{}` has no value", plain(given)))
                    .help("write --value name=value")
            })?;
            if !message.placeholders().contains(&pair.0) {
                return Err(Failure::usage(format!(
                    "`{}` has no placeholder `{}`",
                    plain(message.id()),
                    plain(pair.0)
                ))
                .help(placeholders(message)));
            }
            values.push(pair);
        }
        let missing = |error: NoValue| {
            Failure::usage(plain(&error.to_string()))
                .help(format!("add --value {}=...", plain(error.placeholder())))
        };
        message.event(&values).map(Some).map_err(missing)
    }
}

fn placeholders(message: &Message) -> String {
    match message.placeholders().as_slice() {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}

/// A catalog that events are judged by, or one message of it.
#[derive(Debug)]
pub struct Terms {
    loaded: Loaded,
    message: Option<String>,
}

/// By all of a catalog.
impl From<Loaded> for Terms {
    fn from(loaded: Loaded) -> Self {
        Self { loaded, message: None }
    }
}

impl Terms {
    fn message(&self) -> Result<Option<&Message>, Failure> {
        let message = self.message.as_deref().map(|name| self.loaded.message(name)).transpose();
        // A name in a contract is one of usage.
        message.map_err(|failure| failure.status(Status::Usage))
    }

    /// The breaches of the contract by an event.
    ///
    /// Warns of an allowed event that is not judged by all of its definition, or is valid only by a deviation.
    pub fn problems(&self, event: &Event, place: &Place, console: &Console) -> Vec<Report> {
        let verdict = match self.message() {
            Ok(Some(message)) => message.judge(event),
            _ => self.loaded.catalog.judge(event),
        };
        let problems = problems(&verdict, event, place);
        if problems.is_empty() {
            repairs(&verdict, place).for_each(|repair| console.report(&repair));
            if let Some(reason) = not_judged(&verdict) {
                let words = format!("the payload was not judged: {reason}");
                console.report(&Report::warning(words).kind("not-judged").at(place));
            }
        }
        problems
    }

    /// Refuses an event that the contract does not allow. Reports all reasons but the last, which is the failure.
    pub fn admit(&self, event: &Event, place: &Place, console: &Console) -> Result<(), Failure> {
        let mut problems = self.problems(event, place, console);
        let Some(last) = problems.pop() else { return Ok(()) };
        problems.iter().for_each(|problem| console.report(problem));
        Err(Failure::Told(Status::No, Box::new(last)))
    }
}

/// The problems of an event by a verdict.
pub fn problems(verdict: &Verdict, event: &Event, place: &Place) -> Vec<Report> {
    let mut problems: Vec<Report> = verdict.faults().iter().map(|fault| report(fault).at(place)).collect();
    if verdict.outcome() == Outcome::Undefined {
        let words = format!("the catalog defines no event of the type `{}`", event.ty());
        problems.push(Report::new(words).kind("undefined").attribute(Some("type")).at(place));
    }
    problems
}

/// Why the payload of an event was not judged, though there is a schema for it.
pub fn not_judged(verdict: &Verdict) -> Option<&NotJudged> {
    verdict.not_judged().filter(|reason| !matches!(reason, NotJudged::NoSchema))
}

/// Warnings: the deviations without which an event would be invalid.
pub fn repairs<'v>(verdict: &'v Verdict, place: &'v Place) -> impl Iterator<Item = Report> + 'v {
    verdict.repairs().iter().map(|repair| {
        let words = "the event is valid only as the catalog is read leniently";
        Report::warning(words).kind(repair.code()).at(place)
    })
}

/// Whether a fault is one of an attribute, not of the payload.
pub fn is_attribute(fault: &Fault) -> bool {
    fault.place != "data" && !fault.place.starts_with("data/")
}

/// Reports a difference between an event and its definition.
fn report(fault: &Fault) -> Report {
    let is_attribute = is_attribute(fault);
    let name =
        if is_attribute { format!("attribute `{}`", fault.place) } else { format!("`{}`", fault.place) };
    Report::new(format!("{name}: {}", fault.message))
        .kind(fault.breach.code())
        .attribute(is_attribute.then_some(&*fault.place))
        .from(fault.rule.clone())
}
