//! A consumer as a testee.

use std::fmt;
use std::time::{Duration, Instant};

use cloudevents_vectors::Carrier;
use serde_json::{Value, json};

use super::marker;
use super::observed::observed;
use super::{Arrived, Channel, ChannelError};
use crate::{Breakdown, BreakdownKind, Testee};

/// A consumer that publishes each event that it has read, as a [`Testee`]. Run it with a suite from
/// [`Suite::observed_through`](crate::Suite::observed_through).
///
/// Behind the message of a case the harness sends a valid event of its own. The messages that come back before that event are the result of
/// the case. If none comes back, the consumer has refused the message. A message that is no valid event is a result, too: a consumer that
/// copies messages unread refuses none. If the valid event does not come back in time, the consumer does not read any more, and the case
/// counts as crashed.
///
/// At its start it sends valid events until one comes back, and drops the messages that were in the second topic or queue before.
pub struct ConsumerTestee<C> {
    channel: C,
    binding: String,
    name: String,
    formats: Vec<String>,
    limit: Duration,
    start_limit: Duration,
    /// The run of the valid events. It tells them apart from the events of earlier runs.
    run: String,
    sent: u64,
}

/// How long to wait at the start before another event is sent: the consumer, or the subscription of the second place, may not be there yet.
const AGAIN: Duration = Duration::from_secs(1);

impl<C: Channel> ConsumerTestee<C> {
    /// A consumer behind a channel of this binding. The binding has to have binary mode, such as `kafka`. `run` is different for each run.
    ///
    /// Of a binding with batches, they are read only if [`format`](Self::format) adds `json-batch`: they are optional. Where no batches
    /// exist, every consumer has to refuse them.
    pub fn new(channel: C, binding: impl Into<String>, run: impl fmt::Display) -> Self {
        let binding = binding.into();
        let has_batches = Carrier::of(&binding).is_some_and(|carrier| carrier.has_mode("batched"));
        let formats: &[&str] = if has_batches { &["json"] } else { &["json", "json-batch"] };
        ConsumerTestee {
            channel,
            formats: formats.iter().map(|&format| format.to_owned()).collect(),
            binding,
            name: "a consumer".to_owned(),
            limit: Duration::from_secs(10),
            start_limit: Duration::from_secs(60),
            run: format!("ce-conformance-{run}-"),
            sent: 0,
        }
    }

    /// Sets the name that reports show.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds a format that the consumer reads beside JSON.
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.formats.push(format.into());
        self
    }

    /// Sets how long a case may take. Default: ten seconds.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets how long it may take until the first event comes back. Default: a minute.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    fn start(&mut self) -> Result<Value, Breakdown> {
        let deadline = Instant::now() + self.start_limit;
        let mut sent = Vec::new();
        while Instant::now() < deadline {
            sent.push(self.send_marker()?);
            let again = (Instant::now() + AGAIN).min(deadline);
            while let Some(arrived) = self.receive(again)? {
                if let Arrived::Event(event) = &arrived
                    && marker::id_of(event).is_some_and(|id| sent.iter().any(|sent| sent == id))
                {
                    return Ok(self.claims());
                }
            }
        }
        let detail =
            format!("no event came back within {:?}, of {} that were sent", self.start_limit, sent.len());
        Err(Breakdown::new(BreakdownKind::NotStarted, detail))
    }

    fn claims(&self) -> Value {
        json!({
            "version": 1,
            "implementation": {"name": self.name, "version": "", "language": ""},
            "capabilities": {
                "specversions": ["1.0"], "ops": ["decode"], "formats": self.formats, "bindings": [self.binding],
            },
        })
    }

    fn judge(&mut self, request: &Value) -> Result<Value, Breakdown> {
        let seq = request.get("seq");
        match self.channel.send(request.get("message").unwrap_or(&Value::Null)) {
            Ok(()) => (),
            Err(ChannelError::Unwritable(reason)) => {
                return Ok(json!({"seq": seq, "unsupported": reason, "input": "message"}));
            }
            Err(lost) => return Err(broken(&lost)),
        }
        let marker = self.send_marker()?;
        let deadline = Instant::now() + self.limit;
        let mut events = Vec::new();
        loop {
            match self.receive(deadline)? {
                None => {
                    let detail = format!(
                        "the valid event behind the message did not come back within {:?}",
                        self.limit
                    );
                    return Err(Breakdown::new(BreakdownKind::Hung, detail));
                }
                Some(Arrived::Unreadable(reason)) => events.push(json!({"unreadable": reason})),
                Some(Arrived::Event(event)) => match marker::id_of(&event) {
                    Some(id) if id == marker => break,
                    // One of the start that was slow.
                    Some(id) if id.starts_with(&self.run) => (),
                    _ => events.push(observed(&event)),
                },
            }
        }
        Ok(if events.is_empty() {
            json!({"seq": seq, "error": {"kind": "nothing-came", "message": "no event came back"}})
        } else {
            json!({"seq": seq, "result": {"events": events}})
        })
    }

    /// Sends a valid event and returns its id.
    fn send_marker(&mut self) -> Result<String, Breakdown> {
        self.sent = self.sent.wrapping_add(1);
        let id = format!("{}{}", self.run, self.sent);
        let Some(message) = marker::message(&self.binding, &id) else {
            let detail = format!("there is no driver for the binding {}", self.binding);
            return Err(Breakdown::new(BreakdownKind::NotStarted, detail));
        };
        self.channel.send(&message).map_err(|error| broken(&error))?;
        Ok(id)
    }

    fn receive(&mut self, deadline: Instant) -> Result<Option<Arrived>, Breakdown> {
        let within = deadline.saturating_duration_since(Instant::now());
        if within.is_zero() {
            return Ok(None);
        }
        self.channel.receive(within).map_err(|error| broken(&error))
    }
}

impl<C: Channel> Testee for ConsumerTestee<C> {
    fn call(&mut self, request: &str) -> Result<String, Breakdown> {
        let request: Value = serde_json::from_str(request)
            .map_err(|error| Breakdown::new(BreakdownKind::Garbage, error.to_string()))?;
        let answer = match request.get("cmd").and_then(Value::as_str) {
            Some("start") => self.start()?,
            _ if request.get("op").is_some_and(|op| op == "decode") => self.judge(&request)?,
            _ => json!({"seq": request.get("seq"), "unsupported": "a consumer only reads messages"}),
        };
        Ok(answer.to_string())
    }
}

impl<C> fmt::Debug for ConsumerTestee<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerTestee").field("binding", &self.binding).finish_non_exhaustive()
    }
}

fn broken(error: &ChannelError) -> Breakdown {
    Breakdown::new(BreakdownKind::Crashed, error.to_string())
}
