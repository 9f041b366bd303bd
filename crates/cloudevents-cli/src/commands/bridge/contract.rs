//! Judges events by a catalog before they are sent.

use super::config::CatalogPolicy;
use crate::{contract::not_judged, plain::plain, report::Report};
use cloudevents_catalog::{Catalog, Judge, Outcome, Verdict};
use cloudevents_kit::{Error, ErrorKind, Event};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// A catalog that events are judged by, and what happens to those that it does not allow.
pub(super) struct Contract {
    catalog: Catalog,
    policy: CatalogPolicy,
    /// Reports that wait to be printed. More are left out.
    reports: mpsc::Sender<Report>,
    /// What was said of a definition already.
    told: Mutex<HashSet<(String, &'static str)>>,
}

impl Contract {
    pub(super) fn new(catalog: Catalog, policy: CatalogPolicy, reports: mpsc::Sender<Report>) -> Self {
        Self { catalog, policy, reports, told: Mutex::default() }
    }

    /// Errors: the event is not sent.
    pub(super) fn admit(&self, event: &Event) -> Result<(), Error> {
        let verdict = self.catalog.judge(event);
        if verdict.outcome() == Outcome::Valid {
            self.tell_once(&verdict);
            return Ok(());
        }
        let (kind, why) = match verdict.faults().first() {
            Some(fault) => (fault.breach.code(), verdict.to_string()),
            None => ("undefined", format!("the catalog defines no event of the type `{}`", event.ty())),
        };
        if self.policy == CatalogPolicy::Reject {
            return Err(Error::new(ErrorKind::InvalidData).with_detail(why));
        }
        let words = format!("event {} is sent, and breaks its contract: {}", plain(event.id()), plain(&why));
        let _ = self.reports.try_send(Report::warning(words).kind(kind));
        Ok(())
    }

    /// Warns once of a definition by which events are not judged whole, or are valid only by a deviation.
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
