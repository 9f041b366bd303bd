//! Judges events by a catalog before they are sent.

use super::config::CatalogPolicy;
use crate::{
    contract::{is_attribute, not_judged},
    plain::plain,
    report::Report,
};
use cloudevents_catalog::{Catalog, Fault, Judge, Outcome, Verdict};
use cloudevents_kit::{Error, ErrorKind, Event};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// A catalog that judges events, and the treatment of events that it does not allow.
pub(super) struct Contract {
    catalog: Arc<Catalog>,
    policy: CatalogPolicy,
    /// Reports that wait to be printed. More are left out.
    reports: mpsc::Sender<Report>,
    /// Reports that were made already: a definition and the kind of report.
    told: Mutex<HashSet<(String, &'static str)>>,
}

impl Contract {
    pub(super) fn new(catalog: Arc<Catalog>, policy: CatalogPolicy, reports: mpsc::Sender<Report>) -> Self {
        Self { catalog, policy, reports, told: Mutex::default() }
    }

    /// Errors: the event is not sent.
    pub(super) fn admit(&self, event: &Event) -> Result<(), Error> {
        let verdict = self.catalog.judge(event);
        if verdict.outcome() == Outcome::Valid {
            self.tell_once(&verdict);
            return Ok(());
        }
        let undefined = || format!("the catalog defines no event of the type `{}`", event.ty());
        if self.policy == CatalogPolicy::Reject {
            let mut errors = verdict.faults().iter().map(error);
            return Err(match errors.next() {
                Some(first) => first.with_others(errors),
                None => Error::new(ErrorKind::UnexpectedEventType).with_detail(undefined()),
            });
        }
        let (kind, why) = match verdict.faults().first() {
            Some(fault) => (fault.breach.code(), verdict.to_string()),
            None => ("undefined", undefined()),
        };
        let words = format!("event {} is sent, and breaks its contract: {}", plain(event.id()), plain(&why));
        let _ = self.reports.try_send(Report::warning(words).kind(kind));
        Ok(())
    }

    /// Warns once of a definition that does not judge events as a whole, or by which they are valid only with a deviation.
    fn tell_once(&self, verdict: &Verdict) {
        let open = not_judged(verdict).map(|why| ("not-judged", format!("payloads are not judged: {why}")));
        let repairs = verdict.repairs().iter().map(|repair| {
            let words = "events are valid only as the catalog is read leniently";
            (repair.code(), words.to_owned())
        });
        for (kind, words) in open.into_iter().chain(repairs) {
            let definition = verdict.definition().unwrap_or_default();
            let key = (definition.to_owned(), kind);
            if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
                let words = format!("{}: {}", plain(definition), plain(&words));
                let _ = self.reports.try_send(Report::warning(words).kind(kind));
            }
        }
    }
}

/// Only a fault in the payload is reported as a fault of the payload.
fn error(fault: &Fault) -> Error {
    match is_attribute(fault) {
        true => Error::new(ErrorKind::Refused)
            .with_attribute(fault.place.as_str())
            .with_detail(fault.message.clone()),
        false => {
            Error::new(ErrorKind::InvalidData).with_detail(format!("{}: {}", fault.place, fault.message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_an_attribute_is_not_said_to_be_one_in_the_payload() {
        let catalog = Catalog::parse(
            r#"{"messagegroups": {"g": {"messages": {"t": {"envelope": "CloudEvents/1.0",
                "envelopemetadata": {"source": {"value": "/shops/{shop}"}, "subject": {"required": true}},
                "dataschemaformat": "JsonSchema/draft-07", "dataschema": {"type": "integer"}}}}}}"#,
        )
        .unwrap();
        let (reports, _) = mpsc::channel(1);
        let contract = Contract::new(Arc::new(catalog), CatalogPolicy::Reject, reports);
        let event = |ty, source, data: &'static str| {
            let event = Event::builder().id("1").ty(ty).source(source).subject("s");
            event.payload("application/json", cloudevents_kit::Payload::body(data)).build().unwrap()
        };
        let refused = |event: &Event| contract.admit(event).unwrap_err().to_string();
        assert!(contract.admit(&event("t", "/shops/7", "1")).is_ok());
        let text = refused(&event("t", "/7", "1"));
        assert!(text.starts_with("attribute `source` was refused: `/7` does not match"), "{text}");
        let text = refused(&event("x", "/7", "1"));
        assert!(text.ends_with("no event of the type `x` [unexpected-event-type]"), "{text}");
        let text = refused(&event("t", "/shops/7", "true"));
        assert!(text.starts_with("the payload is invalid: data: "), "{text}");
    }
}
