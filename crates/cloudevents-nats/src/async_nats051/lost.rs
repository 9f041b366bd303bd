//! Messages that were on their way when a connection was lost. One of them may have ended it.
//!
//! The client ends its connection at a message that it cannot parse. All messages that were requested with it are lost on the line, and
//! come again with it after `ack_wait`. So, behind a loss, the receiver reads messages from the stream, in another form. It reads the
//! messages that the consumer has delivered and this receiver has not seen. It delivers the messages that cannot be parsed from there. If
//! the stream cannot be read, messages are requested one by one. Then each message comes except the message that ends the connection.

use super::{
    connection::Connected,
    consumer::Found,
    failure,
    position::{Incarnation, Position},
    tag::Tag,
    unparsed,
};
use async_nats::{HeaderMap, Request};
use bytes::Bytes;
use cloudevents_core::{Error, Timestamp, codec::decode_base64};
use cloudevents_transport::{Missing, Settlement, binding::Reporter};
use futures_util::{
    StreamExt,
    future::join_all,
    stream::{BoxStream, unfold},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// How much later than `ack_wait` a message may come again.
const LATER: Duration = Duration::from_secs(5);

/// How many messages are read at once.
const TOGETHER: u64 = 8;

/// How many are read behind one loss. The others are read behind the next one.
const MOST: usize = 4096;

/// Messages that came for the first time are at most so far behind the last message that was delivered.
const NEAR: u64 = 1024;

/// How many settlements are published again behind a loss.
const SETTLED: usize = 1024;

/// How many losses, each soon behind its connection, may be by messages though nothing comes between them.
const SOON: u32 = 512;

/// How long a connection lasts that is not lost soon.
const LASTS: Duration = Duration::from_secs(5);

/// How long the server may take for one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The known losses of one receiver.
pub(super) struct Lost {
    state: Mutex<State>,
    reporter: Reporter,
    /// For a warning that the stream cannot be read.
    warning: Once,
}

#[derive(Default)]
struct State {
    /// The consumer that this is about, once there was a connection.
    consumer: Option<Incarnation>,
    /// The messages to read: first and last sequence numbers.
    unread: VecDeque<(u64, u64)>,
    /// Messages up to this number were read, or are in `unread`.
    top: u64,
    /// The messages that were delivered before this receiver came, first and last sequence number. Most of them may be settled. The server
    /// does not report that.
    before: Option<(u64, u64)>,
    /// Unsettled messages that the client cannot parse.
    held: BTreeSet<u64>,
    /// Settlements of such messages, until the server is known to have them. A connection may end while a settlement is on its way.
    settled: BTreeMap<u64, (Tag, Settlement)>,
    /// How many losses there were, each of which is at most about `ack_wait` behind the one before.
    losses: u32,
    /// When there was a connection again behind the last one.
    since: Option<Instant>,
    /// Until when messages are requested one by one.
    alone: Option<Instant>,
    /// How many losses there were since a message came again, while messages are requested one by one, and how many were soon.
    barren: usize,
    soon: u32,
    /// Whether something was found over the last connection.
    has_found: bool,
    /// How many messages were unsettled when this receiver came, and which of them have come again, until all have.
    held_before: u64,
    came: Option<BTreeSet<u64>>,
}

/// The steps that a new connection takes about the loss of the connection before.
pub(super) struct Plan {
    /// Whether to read the [unread messages](Lost::read).
    pub(super) reads: bool,
    /// Until when to request one message at a time.
    pub(super) alone: Option<Instant>,
}

/// A message of the stream that the client cannot parse.
pub(super) struct Unparsed {
    pub(super) sequence: u64,
    pub(super) subject: String,
    /// The headers that can be parsed.
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
    /// How many bytes it has on the line.
    pub(super) length: usize,
    pub(super) stored: SystemTime,
    /// The fault of the message.
    pub(super) error: Error,
}

/// Everything up to this number was read, which is such a message or none.
pub(super) type Read = (u64, Option<Unparsed>);

/// Reads a stream.
pub(super) type Reading = BoxStream<'static, Result<Read, Error>>;

/// The subjects for reading a stream.
#[derive(Clone)]
pub(super) struct Place {
    /// The subject of the request.
    pub(super) api: String,
    /// The subject of the messages, which may be empty.
    pub(super) filter: String,
}

impl Lost {
    pub(super) fn new(reporter: Reporter) -> Self {
        Self { state: Mutex::default(), reporter, warning: Once::new() }
    }

    /// There is a connection, and this is the consumer.
    pub(super) fn connected(&self, found: &Found, position: &Position) -> Plan {
        let mut state = self.state();
        let known = state.consumer.replace(found.consumer);
        if known.is_none_or(|known| known.number != found.consumer.number) {
            let before = Some((found.floor.saturating_add(1), found.delivered));
            let held = found.unsettled.saturating_sub(position.unsettled());
            let held_before = u64::try_from(held).unwrap_or(u64::MAX);
            *state = State {
                consumer: state.consumer,
                top: found.delivered,
                before,
                held_before,
                came: (held > 0).then(BTreeSet::new),
                ..State::default()
            };
            // Other receivers may hold these messages, or a receiver that was killed. The server does not tell which.
            let held = (held > 0).then_some(Missing::ComesAgain);
            self.reporter.misses(held.map(|held| (held, found.longest.saturating_add(LATER))));
            return Plan { reads: false, alone: None };
        }
        (state.has_found, state.came) = (false, None);
        // The unsettled messages of the server were not delivered here, or were settled since. Other receivers have them, or they were
        // lost.
        let is_complete = found.unsettled <= position.unsettled();
        state.settled.retain(|sequence, _| !is_complete && *sequence > found.floor);
        if is_complete && state.unread.is_empty() {
            (state.losses, state.alone, state.barren, state.soon) = (0, None, 0, 0);
            self.reporter.misses(None);
            return Plan { reads: false, alone: None };
        }
        let (now, again) = (Instant::now(), found.longest.saturating_add(LATER));
        let lasted = state.since.replace(now).map(|since| since.elapsed());
        let is_near = lasted.is_some_and(|lasted| lasted <= again.saturating_add(found.longest));
        state.losses = if is_near { state.losses.saturating_add(1) } else { 1 };
        let was_alone = state.alone.is_some_and(|until| now < until);
        // Some messages were not read. Or the connection ended for another reason than the messages that were read, such as a bad network.
        let usual = if state.unread.is_empty() { 3 } else { 1 };
        if state.losses > usual {
            state.alone = now.checked_add(again);
        }
        state.add(found.floor, position.seen(), found.delivered);
        if was_alone {
            state.barren = state.barren.saturating_add(1);
        }
        let is_soon = was_alone && lasted.is_some_and(|lasted| lasted < LASTS);
        state.soon = if is_soon { state.soon.saturating_add(1) } else { 0 };
        // The server sends messages again in turn. Messages that come again at the same time come in the order of the stream. So a message
        // that can be received may be behind the second turn of all others.
        let missing = found.unsettled.saturating_sub(position.unsettled());
        let turns = missing.saturating_mul(2).saturating_sub(1);
        let is_unreadable = missing > 0 && state.barren >= turns;
        let missing = if is_unreadable { Missing::Unreadable } else { Missing::ComesAgain };
        self.reporter.misses(Some((missing, again)));
        Plan { reads: true, alone: state.alone }
    }

    /// A message came that had been delivered before. When all have come that were not settled when this receiver came, none is missing.
    pub(super) fn came_again(&self, sequence: u64) {
        let mut state = self.state();
        (state.barren, state.soon) = (0, 0);
        let (top, held_before) = (state.top, state.held_before);
        let Some(came) = &mut state.came else { return };
        if sequence <= top {
            came.insert(sequence);
        }
        if u64::try_from(came.len()).unwrap_or(u64::MAX) >= held_before {
            state.came = None;
            self.reporter.misses(None);
        }
    }

    /// The settlements that the server may not have.
    pub(super) fn unconfirmed(&self) -> Vec<(Tag, Settlement)> {
        self.state().settled.values().cloned().collect()
    }

    /// Reads unread messages of the stream, some of them ahead. Each message that is taken has to be [noted](Self::has_read). If there are
    /// none, it reads the messages that were delivered before this receiver came.
    pub(super) fn read(self: &Arc<Self>, connected: Connected, place: Place) -> Reading {
        let begin = Reader {
            lost: Arc::clone(self),
            unread: self.state().unread.clone(),
            here: VecDeque::new(),
            width: 1,
            mark: connected.notes.count(),
            connected,
            place: Arc::new(place),
        };
        let read = unfold(begin, |mut reader| async move { Some((reader.next().await?, reader)) });
        read.take(MOST).boxed()
    }

    /// Notes a message that was read. Returns the message if it is to be delivered.
    pub(super) fn has_read(&self, (sequence, found): Read) -> Option<Unparsed> {
        let mut state = self.state();
        state.has_read(sequence);
        let found = found.filter(|found| state.held.insert(found.sequence))?;
        (state.losses, state.alone, state.has_found) = (0, None, true);
        Some(found)
    }

    /// Everything was read, or as much as may be, or it failed. Returns whether messages need not be requested one by one.
    pub(super) fn has_ended(&self, failed: Option<Error>, place: &str) -> bool {
        let state = self.state();
        if let Some(error) = failed
            && state.losses > 1
        {
            self.warning.call_once(|| {
                tracing::warn!(
                    %error,
                    subject = place,
                    "a message may end each connection, because the client cannot parse its headers: to find it, allow the user to publish to this subject"
                );
            });
        }
        state.alone.is_none()
    }

    /// Notes settlements. A released message comes again, over a connection that it ends, so it is read again.
    pub(super) fn settled(&self, tags: &[Tag], how: &Settlement) {
        let mut state = self.state();
        if state.held.is_empty() {
            return;
        }
        for tag in tags {
            if !state.held.remove(&tag.sequence) {
                continue;
            }
            if matches!(how, Settlement::Release | Settlement::Retry { .. }) {
                state.unread.push_front((tag.sequence, tag.sequence));
            } else {
                state.settled.insert(tag.sequence, (tag.clone(), how.clone()));
                // The settlements before these were published again over many connections.
                if state.settled.len() > SETTLED {
                    state.settled.pop_first();
                }
            }
        }
    }

    /// Whether such a message may have ended the last connection. With many losses between which nothing comes, it may be something else.
    pub(super) fn is_by_message(&self) -> bool {
        let state = self.state();
        state.has_found || (state.losses >= 2 && state.soon <= SOON)
    }

    /// The messages that were delivered before this receiver came, if no such message was found behind them.
    fn before(&self) -> VecDeque<(u64, u64)> {
        let mut state = self.state();
        let before = if state.has_found { None } else { state.before.take() };
        let before = before.filter(|(first, last)| first <= last);
        state.unread.extend(before);
        before.into_iter().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds the messages that were delivered, were not settled in order, and were not read.
    ///
    /// The messages behind the last message that came are first: messages that came for the first time are there.
    fn add(&mut self, floor: u64, seen: u64, delivered: u64) {
        let low = self.top.max(floor).min(delivered);
        let middle = seen.max(delivered.saturating_sub(NEAR)).clamp(low, delivered);
        self.top = self.top.max(delivered);
        self.unread.push_front((middle.saturating_add(1), delivered));
        self.unread.push_back((low.saturating_add(1), middle));
        for (first, _) in self.unread.iter_mut().chain(&mut self.before) {
            *first = (*first).max(floor.saturating_add(1));
        }
        self.unread.retain(|(first, last)| first <= last);
    }

    fn has_read(&mut self, sequence: u64) {
        for (first, last) in &mut self.unread {
            if (*first..=*last).contains(&sequence) {
                *first = sequence.saturating_add(1);
            }
        }
        self.unread.retain(|(first, last)| first <= last);
    }
}

/// Reads a stream ahead.
struct Reader {
    lost: Arc<Lost>,
    unread: VecDeque<(u64, u64)>,
    /// Messages that were read and not taken.
    here: VecDeque<Result<Read, Error>>,
    /// How many requests are made at once: fewer if many numbers have no message.
    width: u64,
    connected: Connected,
    place: Arc<Place>,
    /// The mark of the refusals of the server before.
    mark: u64,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Read, Error>> {
        while self.here.is_empty() {
            if self.unread.is_empty() {
                self.unread = self.lost.before();
            }
            self.fill().await?;
        }
        let next = self.here.pop_front()?;
        if next.is_err() {
            (self.unread, self.here) = Default::default();
        }
        Some(next)
    }

    /// Reads some messages. `None` if there is nothing to read.
    async fn fill(&mut self) -> Option<()> {
        let (first, last) = self.unread.pop_front()?;
        let end = last.min(first.saturating_add(self.width.saturating_sub(1)));
        let mut at = first;
        let read = join_all((first..=end).map(|number| self.stored(number))).await;
        for stored in read {
            match stored {
                Ok(Some((sequence, unparsed))) if sequence <= last => {
                    // One may be the next of several numbers.
                    if sequence >= at {
                        at = sequence.saturating_add(1);
                        self.here.push_back(Ok((sequence, unparsed)));
                    }
                }
                Ok(_) => {
                    at = last.saturating_add(1);
                    self.here.push_back(Ok((last, None)));
                    break;
                }
                Err(error) => {
                    self.here.push_back(Err(error));
                    return Some(());
                }
            }
        }
        let is_dense = at.saturating_sub(1) <= end;
        self.width = if is_dense { self.width.saturating_mul(2).min(TOGETHER) } else { 1 };
        if at <= last {
            self.unread.push_front((at, last));
        }
        Some(())
    }

    /// The first message of the consumer from this number on, if there is one.
    async fn stored(&self, number: u64) -> Result<Option<Read>, Error> {
        let filter = if self.place.filter.is_empty() { ">" } else { &self.place.filter };
        let request = serde_json::json!({ "seq": number, "next_by_subj": filter }).to_string();
        let request = Request::new().payload(request.into());
        let Connected { notes, .. } = &self.connected;
        let reply = tokio::select! {
            biased;
            error = notes.refused_below(&self.place.api, self.mark) => return Err(error),
            reply = self.connected.request(self.place.api.as_str().into(), request, PATIENCE) => reply?,
        };
        let stored: Value = serde_json::from_slice(&reply.payload)
            .map_err(|_| failure::disconnected("what the server says of a message is not JSON"))?;
        if let Some(error) = stored.get("error") {
            return match error.get("code").and_then(Value::as_u64) {
                Some(404) => Ok(None),
                _ => Err(failure::refused(error)),
            };
        }
        let text = |name: &str| stored.get("message")?.get(name)?.as_str();
        let sequence = stored.get("message").and_then(|message| message.get("seq")).and_then(Value::as_u64);
        let (Some(sequence), Some(subject)) = (sequence, text("subject")) else {
            return Err(failure::disconnected("what the server says is not a message"));
        };
        let block = text("hdrs").map(decode_base64).transpose()?;
        let (headers, wrong) = block.as_deref().map(unparsed::headers).unwrap_or_default();
        let wrong = wrong.or_else(|| unparsed::subject(subject, block.is_some()));
        let Some(error) = wrong else { return Ok(Some((sequence, None))) };
        let payload = text("data").map(decode_base64).transpose()?.unwrap_or_default();
        let length = block.map_or(0, |block| block.len()).saturating_add(payload.len());
        let subject = subject.to_owned();
        let stored = text("time").and_then(|time| SystemTime::try_from(Timestamp::parse(time).ok()?).ok());
        let stored = stored.unwrap_or(SystemTime::UNIX_EPOCH);
        let found = Unparsed { sequence, subject, headers, payload: payload.into(), length, stored, error };
        Ok(Some((sequence, Some(found))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::{Bounds, Connectivity};
    use tokio::time::advance;

    const WAIT: Duration = Duration::from_secs(30);

    /// A consumer that has delivered up to here, of which so many messages are not settled.
    fn found(delivered: u64, unsettled: usize) -> Found {
        Found {
            existed: true,
            stream: "S".into(),
            renewed: WAIT,
            most: Bounds { messages: 100, bytes: usize::MAX },
            deliveries: u32::MAX,
            expires: Duration::MAX,
            consumer: Incarnation { number: 1, made: 1 },
            longest: WAIT,
            unsettled,
            floor: 0,
            delivered,
        }
    }

    fn lost() -> (Lost, Connectivity, Position) {
        let (reporter, connectivity) = Connectivity::channel();
        let lost = Lost::new(reporter);
        let position = Position::default();
        assert!(!lost.connected(&found(0, 0), &position).reads, "nothing was lost");
        (lost, connectivity, position)
    }

    fn unparsed(sequence: u64) -> Read {
        let found = Unparsed {
            sequence,
            subject: "s".into(),
            headers: HeaderMap::new(),
            payload: Bytes::new(),
            length: 0,
            stored: SystemTime::UNIX_EPOCH,
            error: Error::new(cloudevents_core::ErrorKind::InvalidUtf8),
        };
        (sequence, Some(found))
    }

    fn tag(sequence: u64) -> Tag {
        Tag { subject: "a".into(), sequence, consumer: Incarnation::default(), times: 1, is_unparsed: true }
    }

    #[test]
    fn what_was_delivered_before_is_read_where_nothing_is_found_behind_it() {
        let (reporter, _) = Connectivity::channel();
        let (lost, position) = (Lost::new(reporter), Position::default());
        assert!(!lost.connected(&found(100, 30), &position).reads);
        assert!(lost.connected(&found(105, 31), &position).reads);
        assert_eq!(lost.state().unread, [(101, 105)]);
        assert!(lost.has_read(unparsed(103)).is_some());
        lost.has_read((105, None));
        assert!(lost.before().is_empty(), "it was 103");
        assert!(lost.connected(&Found { floor: 7, ..found(105, 31) }, &position).reads);
        assert_eq!(lost.before(), [(8, 100)]);
        assert_eq!(lost.state().unread, [(8, 100)]);
        lost.has_read((100, None));
        assert!(lost.connected(&found(105, 31), &position).reads && lost.before().is_empty());
    }

    #[test]
    fn what_is_not_settled_is_read_once_and_what_came_last_is_read_first() {
        let mut state = State::default();
        state.add(10, 5000, 5256);
        assert_eq!(state.unread, [(5001, 5256), (11, 5000)]);
        (5001..=5256).for_each(|sequence| state.has_read(sequence));
        state.has_read(20);
        assert_eq!(state.unread, [(21, 5000)]);
        state.add(30, 5300, 5310);
        assert_eq!(state.unread, [(5301, 5310), (31, 5000), (5257, 5300)]);
        // No message is known to have come.
        let mut state = State::default();
        state.add(0, 0, 5000);
        assert_eq!(state.unread, [(3977, 5000), (1, 3976)]);
        state.add(5000, 5000, 5000);
        assert!(state.unread.is_empty());
    }

    /// By the server's word, it comes again after `ack_wait`, unless another receiver settles it.
    #[tokio::test(start_paused = true)]
    async fn what_another_one_holds_is_missing_until_it_can_have_come_again() {
        let (reporter, connectivity) = Connectivity::channel();
        let lost = Lost::new(reporter);
        assert!(!lost.connected(&found(9, 4), &Position::default()).reads, "it was not lost here");
        advance(WAIT).await;
        assert_eq!(connectivity.missing(), Some(Missing::ComesAgain));
        advance(LATER).await;
        assert_eq!(connectivity.missing(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lost_again_and_not_found_is_requested_one_by_one() {
        let (lost, connectivity, position) = lost();
        let plan = lost.connected(&found(9, 9), &position);
        assert!(plan.reads && plan.alone.is_none() && !lost.is_by_message());
        assert_eq!(connectivity.missing(), Some(Missing::ComesAgain));
        advance(WAIT).await;
        assert!(lost.connected(&found(9, 9), &position).alone.is_some() && lost.is_by_message());
        assert_eq!(connectivity.missing(), Some(Missing::ComesAgain));
        assert!(!lost.has_ended(Some(Error::new(cloudevents_core::ErrorKind::Refused)), "api"));
        // One alone has ended the connection.
        advance(WAIT).await;
        assert!(lost.connected(&found(9, 1), &position).alone.is_some());
        assert_eq!(connectivity.missing(), Some(Missing::Unreadable));
        // It is found at last.
        assert!(lost.has_read(unparsed(7)).is_some() && lost.has_read(unparsed(7)).is_none());
        assert!(lost.has_ended(None, "api") && lost.is_by_message());
        position.delivered(7, SystemTime::UNIX_EPOCH);
        lost.has_read((9, None));
        let plan = lost.connected(&found(9, 1), &position);
        assert!(!plan.reads && connectivity.missing().is_none());
    }

    /// A server that sends unsettled messages in turn after `ack_wait`. If a message ends the connection, it is one message a connection.
    /// The server loses some of the settlements that were on their way then.
    #[tokio::test(start_paused = true)]
    async fn nothing_that_can_still_come_counts_as_unreadable() {
        for seed in 0..400_u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut below = |end: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % end
            };
            let (lost, connectivity, position) = lost();
            let count = 1 + below(200);
            let wait = Duration::from_secs([1, 2, 30][below(3) as usize]);
            let share = [1, 3, 20][below(3) as usize];
            let mut unparsed: BTreeSet<u64> = (1..=count).filter(|_| below(share) == 0).collect();
            unparsed.insert(1 + below(count));
            let mut held: Vec<(Instant, u64)> =
                (1..=count).map(|number| (Instant::now() + wait, number)).collect();
            let mut turn = VecDeque::new();
            let (mut losses, mut unreadable) = (0, 0);
            while unreadable < 3 {
                let unsettled = held.len() + turn.len();
                let state = Found { longest: wait, ..found(count, unsettled) };
                lost.connected(&state, &position);
                losses += 1;
                if connectivity.missing() == Some(Missing::Unreadable) {
                    assert_eq!(unsettled, unparsed.len(), "{seed}: others can still come");
                    assert!(lost.is_by_message(), "{seed}");
                    unreadable += 1;
                }
                assert!(losses < 4 + 20 * count, "{seed}: {unsettled} of {count}, {}", unparsed.len());
                advance(Duration::from_millis(20 + below(200))).await;
                let mut settled = None;
                loop {
                    let now = Instant::now();
                    held.sort();
                    let over = held.partition_point(|(until, _)| *until <= now);
                    turn.extend(held.drain(..over).map(|(_, number)| number));
                    let Some(number) = turn.pop_front() else {
                        advance(Duration::from_millis(50)).await;
                        continue;
                    };
                    if unparsed.contains(&number) {
                        held.push((now + wait, number));
                        // The last settlement may be lost with the connection.
                        held.extend(settled.filter(|_| below(2) == 0).map(|settled| (now + wait, settled)));
                        break;
                    }
                    lost.came_again(number);
                    settled = Some(number);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_given_back_is_missing_until_it_has_come() {
        let (reporter, connectivity) = Connectivity::channel();
        let lost = Lost::new(reporter);
        lost.connected(&found(9, 3), &Position::default());
        for sequence in [7, 7, 12, 8] {
            lost.came_again(sequence); // one of them twice, and one that was not delivered then
            assert_eq!(connectivity.missing(), Some(Missing::ComesAgain), "{sequence}");
        }
        lost.came_again(9);
        assert_eq!(connectivity.missing(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_network_is_no_message() {
        let (lost, connectivity, position) = lost();
        for _ in 0..10 {
            assert!(lost.connected(&found(9, 9), &position).alone.is_none());
            lost.has_read((9, None));
            assert!(lost.has_ended(None, "api"));
            advance(3 * WAIT).await;
            assert_eq!(connectivity.missing(), None);
        }
        // In short time, there may be one that this does not know.
        let alone = [(); 5].map(|()| lost.connected(&found(9, 9), &position).alone.is_some());
        assert_eq!(alone, [false, false, false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_released_is_read_again_and_one_whose_settlement_is_lost_is_settled_again() {
        let (lost, _, position) = lost();
        assert!(lost.connected(&found(9, 9), &position).reads);
        assert!(lost.has_read(unparsed(5)).is_some());
        lost.has_read((9, None));
        lost.settled(&[tag(4), tag(5)], &Settlement::Release);
        assert_eq!(lost.state().unread, [(5, 5)]);
        position.delivered(5, SystemTime::UNIX_EPOCH);
        assert!(lost.connected(&found(9, 1), &position).reads);
        assert!(lost.has_read(unparsed(5)).is_some());
        lost.settled(&[tag(5)], &Settlement::Accept);
        assert!(lost.state().unread.is_empty());
        // The server may not have that. It is settled again, and not read again.
        lost.has_read((9, None));
        let position = Position::default();
        for unsettled in [1, 1, 0] {
            advance(WAIT).await;
            assert!(lost.connected(&found(9, unsettled), &position).reads == (unsettled > 0));
            assert!(lost.state().unread.is_empty());
            assert_eq!(lost.unconfirmed().len(), unsettled);
        }
        // Another stream has other messages.
        let other = Found { consumer: Incarnation { number: 2, made: 2 }, ..found(9, 9) };
        assert!(!lost.connected(&other, &position).reads && lost.unconfirmed().is_empty());
        assert_eq!(lost.before(), [(1, 9)]);
    }
}
