//! Requests over a queue, whose replies return within the sender.

use cloudevents_core::Message;
use cloudevents_transport::{Content, Outgoing};
use std::sync::Mutex;
use tokio::sync::oneshot;

const ADDRESS: &str = "replies";

#[derive(Default)]
pub(super) struct Requests(Mutex<State>);

#[derive(Default)]
struct State {
    last: u32,
    /// The requests that wait for replies, with their numbers.
    waiting: Vec<(String, oneshot::Sender<Message>)>,
}

impl Requests {
    /// Returns the message to send, and where its reply comes.
    pub(super) fn begin(&self, outgoing: Outgoing) -> (Outgoing, oneshot::Receiver<Message>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.0.lock().unwrap();
        state.last += 1;
        let number = state.last.to_string();
        state.waiting.push((number.clone(), sender));
        (outgoing.reply_to(ADDRESS).correlation(number), receiver)
    }

    /// Passes on a reply to its request, or to the first one. Returns whether the message is a reply.
    pub(super) fn reply(&self, outgoing: &Outgoing, mixes: bool) -> bool {
        if outgoing.destination() != Some(ADDRESS) {
            return false;
        }
        let number = outgoing.correlation_data().unwrap();
        let mut state = self.0.lock().unwrap();
        let found = state.waiting.iter().position(|(known, _)| mixes || known.as_bytes() == number);
        if let (Some(found), Content::Message(message)) = (found, outgoing.content()) {
            let _ = state.waiting.remove(found).1.send(message.clone());
        }
        true
    }
}
