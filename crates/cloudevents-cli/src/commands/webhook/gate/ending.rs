//! Deliveries that the service gets, and their ends.

use super::{
    counts::{Counts, Outcome},
    course::Course,
    readiness::{Part, Readiness},
    service::{Service, Verdict},
};
use crate::{
    commands::refusals::{From, Lines},
    console::Console,
    failure::Status,
    plain::count,
    report::Report,
};
use cloudevents_kit::{Delivery, transport, webhook::receiver::Webhook};
use http::{StatusCode, request::Parts};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// The side of the service.
pub(super) struct Handing {
    pub(super) service: Arc<Service>,
    pub(super) counts: Arc<Counts>,
    pub(super) readiness: Arc<Readiness>,
    /// The status of a sender that shall give up.
    pub(super) gives_up: StatusCode,
}

/// How long the end waits for the store: units of systemd have 30 seconds, and deliveries and responses have 20 of them by default.
const RECORDED: Duration = Duration::from_secs(5);

/// The end of a delivery.
pub(super) enum Done {
    /// With the sender.
    Accepted(From),
    /// With the reason.
    Refused(Box<Report>),
    /// It is no event. It is reported with the response to its sender.
    Malformed,
    /// The sender did not wait.
    Late(From, Box<Done>),
}

impl Handing {
    /// The report of a delivery that finds the service with as many deliveries as it may have.
    pub(super) fn full(&self, delivery: &Delivery) -> Report {
        let course = course(delivery);
        course.is_taken();
        self.counts.ended(Outcome::Busy);
        let words = "the service has as many deliveries as it may: the sender of another one gets 503";
        let from = course.who_of(delivery).counted(Outcome::Busy.label());
        from.on(Report::warning(format!("{words} ({from})")).kind("service"))
    }

    /// Hands a delivery to the service, and settles it as the service responds.
    pub(super) async fn hand_on(self: Arc<Self>, delivery: Delivery) -> Done {
        if let Err(error) = delivery.events() {
            let _ = delivery.reject(&error).await;
            return Done::Malformed;
        }
        let course = course(&delivery);
        course.is_taken();
        let from = course.who_of(&delivery);
        let received = delivery.received();
        let body = received.body().unwrap_or_default();
        let Some(parts) = received.native::<Parts>() else {
            let report = Report::warning("there is no request");
            return settled(delivery.release(), Done::Refused(Box::new(report)), from).await;
        };
        self.counts.handed_on(body.len());
        let request = self.service.request(parts, body);
        let began = Instant::now();
        let (outcome, settling, done) = match self.service.send(request).await {
            Verdict::Accepted(replied) => {
                self.readiness.used(Part::Service, began);
                course.replied(replied);
                let from = from.counted(Outcome::Accepted.label());
                (Outcome::Accepted, delivery.accept(), Done::Accepted(from))
            }
            Verdict::Refused(status) => {
                let words = format!("the service responded {status}");
                let from = from.counted(Outcome::Rejected.label());
                let gives_up = match (status, self.gives_up) {
                    (StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::UNPROCESSABLE_ENTITY) => {
                        course.is_not_supported();
                        status
                    }
                    (_, gives_up) => gives_up,
                };
                let report = told_of(&course, &words, gives_up.as_u16(), &from);
                (Outcome::Rejected, delivery.reject(words), Done::Refused(Box::new(report)))
            }
            Verdict::Later(words, after) => {
                let from = from.counted(Outcome::Failed.label());
                let report = told_of(&course, &words, 503, &from);
                let settling = match after {
                    Some(after) => delivery.retry(after),
                    None => delivery.release(),
                };
                (Outcome::Failed, settling, Done::Refused(Box::new(report)))
            }
        };
        self.counts.ended(outcome);
        settled(settling, done, from).await
    }
}

/// Waits until the store has recorded the deliveries that the service accepted, for a limited time.
pub(super) async fn recorded(webhook: &Webhook, console: &Console) {
    if timeout(RECORDED, webhook.recorded()).await.is_ok() {
        return;
    }
    let (number, seconds) = (webhook.unrecorded(), RECORDED.as_secs());
    let what = if number == 1 { "delivery" } else { "deliveries" };
    let words = format!(
        "{number} {what} accepted by the service, and not recorded in the store within {seconds} seconds"
    );
    let help = "the store is away. If these deliveries come again, they are handed on again";
    console.error(Status::Network, &Report::new(words).kind("store").help(help));
}

/// The course of a delivery.
fn course(delivery: &Delivery) -> Course {
    let parts = delivery.received().native::<Parts>();
    parts.and_then(|parts| parts.extensions.get::<Course>()).cloned().unwrap_or_default()
}

fn told_of(course: &Course, words: &str, status: u16, from: &From) -> Report {
    let report = Report::warning(format!("{words}: the sender gets {status} ({from})")).kind("service");
    let report = from.on(report);
    match course.is_form() {
        true => report.help(
            "the delivery is a form: choose application/json as the content type of the webhook at GitHub, or read forms",
        ),
        false => report,
    }
}

async fn settled(outcome: transport::Outcome, done: Done, from: From) -> Done {
    match outcome.await {
        Ok(()) => done,
        Err(_) => Done::Late(from, Box::new(done)),
    }
}

/// The reports of ends. Ten of a second have lines: a captured delivery that the service refuses can come without end.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) accepted: u64,
    lines: Lines,
    left_out: usize,
}

impl Default for Ends {
    fn default() -> Self {
        Self { accepted: 0, lines: Lines::new(), left_out: 0 }
    }
}

impl Ends {
    /// Reports the end of a delivery.
    pub(super) fn tell(&mut self, done: Result<Done, tokio::task::JoinError>, console: &Console) {
        let done = match done {
            Ok(Done::Late(from, done)) => {
                let words = format!("the sender disconnected before the response ({from})");
                self.report(&from.on(Report::warning(words)), console);
                *done
            }
            Ok(done) => done,
            Err(error) => {
                let report = Report::new("a delivery was not handed on").detail(error.to_string());
                return console.error(Status::No, &report);
            }
        };
        match done {
            Done::Accepted(from) => {
                self.accepted = self.accepted.saturating_add(1);
                if console.informs() {
                    let words = format!("the service accepted a delivery ({from})");
                    console.announce(&words, from.members());
                }
            }
            Done::Refused(report) => self.report(&report, console),
            Done::Malformed | Done::Late(..) => {}
        }
    }

    /// Reports something about a delivery, unless this second has its lines.
    pub(super) fn report(&mut self, report: &Report, console: &Console) {
        let now = Instant::now();
        if self.lines.are_over(now) {
            self.tell_rest(console);
        }
        match self.lines.have_room(now) {
            true => console.report(report),
            false => self.left_out = self.left_out.saturating_add(1),
        }
    }

    /// Reports the number of the others.
    pub(super) fn tell_rest(&mut self, console: &Console) {
        let number = std::mem::take(&mut self.left_out);
        if number > 0 {
            let words = format!("{} not shown, as too many came at once", count(number, "failed attempt"));
            console.report(&Report::warning(words).kind("service"));
        }
    }
}
