//! Copies of a delivery, one at a time.

use crate::DeliveryKey;
use bytes::Bytes;
use cloudevents_transport::Bounds;
use http::request::Parts;
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Copies of a delivery that may wait, each with its body.
const MOST: usize = 32;

/// The first waiting copies of each delivery have their places whatever the others hold. They count in the bounds of messages in flight.
const FEW: usize = 4;

/// A copy counts as so many bytes beside its body when places are compared.
const A_COPY: usize = 64 << 10;

/// Refused heads of a delivery that are known.
const REFUSED: usize = 64;

/// Deliveries that were processed a moment ago, and for how long each is known here. Of a flood of copies, one at a time asks the store.
const PROCESSED: usize = 1024;
const A_MOMENT: Duration = Duration::from_secs(5);

/// How often a delivery that was not accepted is left to other processes at most.
const LOOKS: Duration = Duration::from_millis(1400);

/// The deliveries of this process. One copy of each has the turn, and others wait. Clones are the same.
///
/// The next copy is drawn by lot: a peer that sends copies without end gets no more than its part of the turns. Copies with a head that the
/// handler has refused come last, and give their places up. If no place is left for all deliveries, the delivery with most copies gives
/// way.
///
/// The copy that has the turn has a body. Copies that wait need none if theirs are equal, so that many large copies hold no more than one.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    all: Arc<Mutex<All>>,
    /// The most that waits of all deliveries together.
    most: Bounds,
    random: RandomState,
}

#[derive(Debug, Default)]
struct All {
    deliveries: HashMap<DeliveryKey, Copies>,
    waiting: usize,
    bytes: usize,
    /// The number of copies that have come, for names and for lots.
    came: u64,
    /// In the order of their times.
    processed: VecDeque<(Instant, DeliveryKey)>,
}

/// The copies of a delivery whose turn one of them has.
#[derive(Debug, Default)]
struct Copies {
    /// The body of the copy that had the turn first. The copy that has the turn now counts it in the bounds.
    body: Bytes,
    waiting: Vec<Waiting>,
    refused: Vec<u64>,
    /// When the delivery was left to other processes.
    looked: Option<Instant>,
    is_processed: bool,
}

#[derive(Debug)]
struct Waiting {
    name: u64,
    head: u64,
    bytes: usize,
    next: oneshot::Sender<Called>,
}

/// The end of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Called {
    Turn,
    Processed,
    GaveWay,
}

/// A copy that came.
pub(super) enum Came {
    /// It waits.
    Waits(Wait),
    /// It has the turn, because there is no other copy.
    Has(Turn),
    /// Another copy was processed, and that is not recorded yet.
    Processed,
    /// Too many wait.
    Full,
}

/// The end of a copy's wait.
pub(super) enum Next {
    Turn(Turn),
    /// Another copy was processed.
    Processed,
    /// Too many wait.
    Full,
}

/// A copy that waits until this is dropped.
pub(super) struct Wait {
    turns: Turns,
    key: DeliveryKey,
    copy: (u64, u64),
    body: Option<Bytes>,
    next: oneshot::Receiver<Called>,
}

/// The turn of a copy, until it is dropped.
pub(super) struct Turn {
    turns: Turns,
    key: DeliveryKey,
    head: u64,
    is_over: bool,
}

/// A delivery that was processed. Until this is dropped, its copies learn that here.
pub(super) struct Processed {
    turns: Turns,
    key: DeliveryKey,
}

impl Turns {
    /// Copies that wait hold an eighth of these bounds at most, but for the first [`FEW`] of each delivery.
    pub(super) fn new(bounds: Bounds) -> Self {
        let most = Bounds { messages: (bounds.messages / 8).max(1), bytes: (bounds.bytes / 8).max(1) };
        Self { all: Arc::default(), most, random: RandomState::new() }
    }

    /// A copy comes. `head` identifies the headers that no signature may cover.
    pub(super) fn come(&self, key: DeliveryKey, head: u64, body: &Bytes) -> Came {
        let mut all = self.lock();
        all.came = all.came.wrapping_add(1);
        // A copy that comes alone asks the store.
        if let Entry::Vacant(place) = all.deliveries.entry(key) {
            place.insert(Copies { body: body.clone(), ..Copies::default() });
            return Came::Has(Turn { turns: self.clone(), key, head, is_over: false });
        }
        let was_processed = all.was_processed(key);
        let Some(copies) = all.deliveries.get(&key).filter(|copies| !copies.is_processed && !was_processed)
        else {
            return Came::Processed;
        };
        let shared = Some(&copies.body).filter(|first| *first == body).cloned();
        let bytes = if shared.is_some() { 0 } else { body.len() };
        let is_refused = copies.refused.contains(&head);
        let number = copies.waiting.len();
        if number >= MOST && (is_refused || !all.gives_way(key)) {
            return Came::Full;
        }
        let is_full = all.waiting >= self.most.messages || all.bytes.saturating_add(bytes) > self.most.bytes;
        if number >= FEW && is_full {
            let lot = self.random.hash_one(all.came);
            let has_place = (!is_refused && (all.gives_way(key) || all.refused_gives_way()))
                || all.greatest_gives_way(key, bytes, lot);
            if !has_place {
                return Came::Full;
            }
        }
        let All { deliveries, waiting, bytes: held, came: name, .. } = &mut *all;
        let Some(copies) = deliveries.get_mut(&key) else { return Came::Full };
        let (next, wait) = oneshot::channel();
        copies.waiting.push(Waiting { name: *name, head, bytes, next });
        *waiting = waiting.saturating_add(1);
        *held = held.saturating_add(bytes);
        Came::Waits(Wait { turns: self.clone(), key, copy: (*name, head), body: shared, next: wait })
    }

    /// A head, for [`come`](Self::come): all that a handler sees beside the body.
    pub(super) fn head(&self, request: &Parts) -> u64 {
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.random.hash_one((&request.method, &request.uri, headers.collect::<Vec<_>>()))
    }

    /// A part of this time, by lot.
    pub(super) fn part_of(&self, time: Duration) -> Duration {
        let [lot, ..] = self.random.hash_one((self.lock().came, "part")).to_le_bytes();
        time.saturating_mul(u32::from(lot)).checked_div(256).unwrap_or_default()
    }

    /// Gives the turn to another copy.
    fn pass(&self, key: DeliveryKey) {
        let mut all = self.lock();
        let All { deliveries, waiting, bytes, came, .. } = &mut *all;
        let Some(copies) = deliveries.get_mut(&key) else { return };
        loop {
            let Some(next) = copies.next(self.random.hash_one((*came, copies.waiting.len()))) else { break };
            *waiting = waiting.saturating_sub(1);
            *bytes = bytes.saturating_sub(next.bytes);
            if next.next.send(Called::Turn).is_ok() {
                return;
            }
        }
        deliveries.remove(&key);
    }

    /// Tells all copies that wait that the delivery was processed.
    fn processed(&self, key: DeliveryKey) {
        let mut all = self.lock();
        if all.processed.len() >= PROCESSED {
            all.processed.pop_front();
        }
        all.processed.push_back((Instant::now(), key));
        let All { deliveries, waiting, bytes, .. } = &mut *all;
        let Some(copies) = deliveries.get_mut(&key) else { return };
        copies.is_processed = true;
        // No copy comes that needs it, and recording may take long.
        copies.body = Bytes::new();
        for copy in copies.waiting.drain(..) {
            *waiting = waiting.saturating_sub(1);
            *bytes = bytes.saturating_sub(copy.bytes);
            let _ = copy.next.send(Called::Processed);
        }
    }

    /// The handler has refused a copy with this head.
    fn refused(&self, key: DeliveryKey, head: u64) {
        if let Some(copies) = self.lock().deliveries.get_mut(&key)
            && copies.refused.len() < REFUSED
            && !copies.refused.contains(&head)
        {
            copies.refused.push(head);
        }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    /// Whether the delivery was processed a moment ago.
    fn was_processed(&mut self, key: DeliveryKey) -> bool {
        while self.processed.front().is_some_and(|(at, _)| at.elapsed() >= A_MOMENT) {
            self.processed.pop_front();
        }
        self.processed.iter().any(|(_, known)| *known == key)
    }

    /// A copy of this delivery gives way whose head was refused, if there is one.
    fn gives_way(&mut self, key: DeliveryKey) -> bool {
        let Some(copies) = self.deliveries.get(&key) else { return false };
        let last = copies.waiting.iter().position(|copy| copies.refused.contains(&copy.head));
        last.is_some_and(|last| self.send_away(key, last))
    }

    /// A copy of any delivery gives way whose head was refused, if there is one.
    fn refused_gives_way(&mut self) -> bool {
        let has_refused =
            |copies: &Copies| copies.waiting.iter().any(|one| copies.refused.contains(&one.head));
        let key = self.deliveries.iter().find(|(_, copies)| has_refused(copies)).map(|(key, _)| *key);
        key.is_some_and(|key| self.gives_way(key))
    }

    /// A copy of the delivery gives way, by lot, whose copies hold most bytes, or are most, if that is more than this one would hold.
    fn greatest_gives_way(&mut self, key: DeliveryKey, bytes: usize, lot: u64) -> bool {
        let size = |copies: &Copies| {
            let bytes = copies.waiting.iter().fold(0_usize, |sum, copy| sum.saturating_add(copy.bytes));
            (bytes.saturating_add(copies.waiting.len().saturating_mul(A_COPY)), copies.waiting.len())
        };
        let own = self.deliveries.get(&key).map(size).unwrap_or_default().0;
        let many = self.deliveries.iter().filter(|(other, one)| **other != key && one.waiting.len() > FEW);
        let Some((other, copies)) = many.max_by_key(|(_, copies)| size(copies)) else { return false };
        let (other, (most, number)) = (*other, size(copies));
        let drawn =
            u64::try_from(number).ok().and_then(|number| usize::try_from(lot.checked_rem(number)?).ok());
        most > own.saturating_add(bytes).saturating_add(A_COPY)
            && self.send_away(other, drawn.unwrap_or_default())
    }

    fn send_away(&mut self, key: DeliveryKey, at: usize) -> bool {
        let Some(copies) = self.deliveries.get_mut(&key).filter(|copies| at < copies.waiting.len()) else {
            return false;
        };
        let copy = copies.waiting.swap_remove(at);
        self.waiting = self.waiting.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(copy.bytes);
        let _ = copy.next.send(Called::GaveWay);
        true
    }
}

impl Copies {
    /// The next copy: one of those whose head was not refused, if there are such.
    fn next(&mut self, lot: u64) -> Option<Waiting> {
        let is_fair = |copy: &Waiting| !self.refused.contains(&copy.head);
        let fair: Vec<_> =
            (0..).zip(&self.waiting).filter(|(_, copy)| is_fair(copy)).map(|(at, _)| at).collect();
        let among = if fair.is_empty() { self.waiting.len() } else { fair.len() };
        let drawn = usize::try_from(lot.checked_rem(u64::try_from(among).ok()?)?).ok()?;
        let at = fair.get(drawn).copied().unwrap_or(drawn);
        (at < self.waiting.len()).then(|| self.waiting.swap_remove(at))
    }
}

impl Wait {
    /// The body that the delivery has, if it is equal to the body of this copy.
    pub(super) fn body(&self) -> Option<Bytes> {
        self.body.clone()
    }

    /// Waits for the turn. Dropping the future drops the copy.
    pub(super) async fn next(mut self) -> Next {
        let called = (&mut self.next).await;
        let turn = |wait: &Self| Turn {
            turns: wait.turns.clone(),
            key: wait.key,
            head: wait.copy.1,
            is_over: false,
        };
        match called {
            Ok(Called::Turn) => Next::Turn(turn(&self)),
            Ok(Called::Processed) => Next::Processed,
            Ok(Called::GaveWay) | Err(_) => Next::Full,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.next.close();
        match self.next.try_recv() {
            // It was called, and is gone.
            Ok(Called::Turn) => self.turns.pass(self.key),
            Ok(_) => {}
            Err(_) => {
                let mut all = self.turns.lock();
                let All { deliveries, waiting, bytes, .. } = &mut *all;
                let Some(copies) = deliveries.get_mut(&self.key) else { return };
                if let Some(at) = copies.waiting.iter().position(|copy| copy.name == self.copy.0) {
                    *waiting = waiting.saturating_sub(1);
                    *bytes = bytes.saturating_sub(copies.waiting.swap_remove(at).bytes);
                }
            }
        }
    }
}

impl Turn {
    /// The handler has refused the copy: others with its head come last.
    pub(super) fn refuse(&self) {
        self.turns.refused(self.key, self.head);
    }

    /// Whether the delivery is left to other processes for a moment, before the next copy here has its turn. It was not a moment ago.
    pub(super) fn looks(&self) -> bool {
        let mut all = self.turns.lock();
        let Some(copies) = all.deliveries.get_mut(&self.key) else { return false };
        let looks = copies.looked.is_none_or(|looked| looked.elapsed() >= LOOKS);
        if looks {
            copies.looked = Some(Instant::now());
        }
        looks
    }

    /// The delivery was processed: no other copy is.
    pub(super) fn processed(mut self) -> Processed {
        self.is_over = true;
        self.turns.processed(self.key);
        Processed { turns: self.turns.clone(), key: self.key }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over {
            self.turns.pass(self.key);
        }
    }
}

impl Drop for Processed {
    fn drop(&mut self) {
        self.turns.lock().deliveries.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::yield_now;

    fn turns() -> Turns {
        Turns::new(Bounds { messages: 1024, bytes: 8000 })
    }

    fn key() -> DeliveryKey {
        DeliveryKey::of_id("1")
    }

    fn has(turns: &Turns) -> Turn {
        match turns.come(key(), 0, &body(0, 1)) {
            Came::Has(turn) => turn,
            _ => panic!("another copy has the turn"),
        }
    }

    /// A body of so many bytes.
    fn body(byte: u8, length: usize) -> Bytes {
        vec![byte; length].into()
    }

    /// A copy with another body than the first one.
    fn waits(turns: &Turns, head: u64, bytes: usize) -> Wait {
        match turns.come(key(), head, &body(1, bytes)) {
            Came::Waits(wait) => wait,
            _ => panic!("it does not wait"),
        }
    }

    fn is_full(turns: &Turns, head: u64, bytes: usize) -> bool {
        matches!(turns.come(key(), head, &body(1, bytes)), Came::Full)
    }

    async fn turn(wait: Wait) -> Turn {
        match wait.next().await {
            Next::Turn(turn) => turn,
            _ => panic!("it has no turn"),
        }
    }

    fn is_empty(turns: &Turns) -> bool {
        let all = turns.lock();
        all.deliveries.is_empty() && (all.waiting, all.bytes) == (0, 0)
    }

    #[tokio::test]
    async fn one_copy_has_the_turn_and_each_copy_has_one() {
        let turns = turns();
        let first = has(&turns);
        let rest = (0..MOST).map(|_| waits(&turns, 1, 1)).map(|copy| async move { drop(turn(copy).await) });
        let rest: Vec<_> = rest.map(tokio::spawn).collect();
        // Another delivery does not wait.
        assert!(matches!(turns.come(DeliveryKey::of_id("2"), 0, &body(0, 1)), Came::Has(_)));
        yield_now().await;
        assert!(rest.iter().all(|copy| !copy.is_finished()));
        drop(first);
        for copy in rest {
            copy.await.unwrap();
        }
        assert!(is_empty(&turns));
    }

    #[tokio::test]
    async fn a_copy_that_is_gone_makes_room_and_leaves_its_turn_to_another() {
        let turns = turns();
        let first = has(&turns);
        let mut waiting: Vec<_> = (0..MOST).map(|_| waits(&turns, 1, 1)).collect();
        assert!(is_full(&turns, 2, 1));
        waiting.truncate(1);
        waiting.push(waits(&turns, 2, 1));
        drop(first);
        // One of both is called, and is gone before it knows. Then the other is.
        drop(waiting.remove(0));
        drop(turn(waiting.remove(0)).await);
        assert!(is_empty(&turns));
    }

    #[tokio::test]
    async fn refused_heads_come_last_and_give_way() {
        for _ in 0..16 {
            let turns = turns();
            let first = has(&turns);
            let captured: Vec<_> = (1..MOST).map(|_| tokio::spawn(turn(waits(&turns, 0, 1)))).collect();
            let genuine = waits(&turns, 7, 1);
            first.refuse();
            drop(first);
            let genuine = turn(genuine).await;
            // All places are taken, one of them by a copy that gives way.
            let last = waits(&turns, 0, 1);
            assert!(is_full(&turns, 0, 1));
            let another = waits(&turns, 8, 1);
            captured.iter().for_each(|copy| copy.abort());
            drop(genuine);
            drop(turn(another).await);
            drop(last);
            for copy in captured {
                let _ = copy.await;
            }
            assert!(is_empty(&turns));
        }
    }

    /// With as many copies before it as have their turns while it waits, a copy has its turn in about half of all cases.
    #[tokio::test]
    async fn a_copy_that_comes_last_has_its_turn_early_in_its_part_of_the_cases() {
        let mut early = 0;
        for _ in 0..400 {
            let turns = turns();
            let first = has(&turns);
            let before: Vec<_> = (0..7).map(|head| waits(&turns, head, 1)).collect();
            let genuine = waits(&turns, 9, 1);
            let called = tokio::spawn(async move { drop(turn(genuine).await) });
            let mut turned = Vec::new();
            for copy in before {
                turned.push(tokio::spawn(turn(copy)));
            }
            let mut now = Some(first);
            for _ in 0..4 {
                drop(now.take());
                for _ in 0..10 {
                    yield_now().await;
                }
                if called.is_finished() {
                    early += 1;
                    break;
                }
                let at = turned.iter().position(tokio::task::JoinHandle::is_finished).unwrap();
                now = Some(turned.remove(at).await.unwrap());
            }
        }
        assert!((120..280).contains(&early), "{early}");
    }

    #[tokio::test]
    async fn all_copies_learn_that_one_was_processed() {
        let turns = turns();
        let first = has(&turns);
        let waiting: Vec<_> = (0..3).map(|_| waits(&turns, 1, 1)).collect();
        let processed = first.processed();
        assert!(turns.lock().deliveries[&key()].body.is_empty(), "recording may take long");
        for copy in waiting {
            assert!(matches!(copy.next().await, Next::Processed));
        }
        assert!(matches!(turns.come(key(), 1, &body(1, 1)), Came::Processed));
        drop(processed);
        assert!(is_empty(&turns));
        let _asks = has(&turns);
        assert!(matches!(turns.come(key(), 1, &body(1, 1)), Came::Processed));
    }

    /// For a moment. Then the store is asked.
    #[test]
    fn few_processed_deliveries_are_known() {
        let turns = turns();
        let all = |number: usize| DeliveryKey::of_id(&number.to_string());
        let come = |number: usize| match turns.come(all(number), 0, &body(0, 1)) {
            Came::Has(turn) => turn,
            _ => panic!("another copy has the turn"),
        };
        for number in 0..=PROCESSED {
            drop(come(number).processed());
        }
        let _asking = [come(0), come(1)];
        assert!(matches!(turns.come(all(0), 0, &body(1, 1)), Came::Waits(_)));
        assert!(matches!(turns.come(all(1), 0, &body(1, 1)), Came::Processed));
        let old = Instant::now().checked_sub(A_MOMENT).unwrap();
        turns.lock().processed.iter_mut().for_each(|(at, _)| *at = old);
        assert!(matches!(turns.come(all(1), 0, &body(1, 1)), Came::Waits(_)));
    }

    /// A captured delivery with many copies leaves room for others.
    #[tokio::test]
    async fn the_delivery_with_most_copies_gives_way() {
        let another = || DeliveryKey::of_id("2");
        for (bounds, bytes) in [
            (Bounds { messages: 64, bytes: 80 << 20 }, 1),
            (Bounds { messages: 1024, bytes: 64 << 20 }, 1 << 20),
        ] {
            let turns = Turns::new(bounds);
            let (_first, Came::Has(_other)) = (has(&turns), turns.come(another(), 0, &body(0, 1))) else {
                panic!()
            };
            let mut captured = Vec::new();
            while let Came::Waits(wait) = turns.come(key(), 1, &body(1, bytes)) {
                captured.push(wait);
            }
            assert_eq!(captured.len(), 8);
            let mut genuine = Vec::new();
            for _ in 0..=FEW {
                let Came::Waits(wait) = turns.come(another(), 0, &body(1, 1)) else {
                    panic!("there is no room")
                };
                genuine.push(wait);
            }
            let gone = captured.iter_mut().filter_map(|copy| copy.next.try_recv().ok());
            assert_eq!(gone.collect::<Vec<_>>(), [Called::GaveWay]);
        }
    }

    /// Copies of another delivery, with a head that was refused, go before the only copies that may be accepted.
    #[tokio::test]
    async fn refused_heads_of_any_delivery_give_way_first() {
        let turns = Turns::new(Bounds { messages: 64, bytes: 80 << 20 });
        let (first, another) = (has(&turns), DeliveryKey::of_id("2"));
        let (mut refused, _fresh) = (waits(&turns, 0, 1), [1, 2, 3].map(|head| waits(&turns, head, 1)));
        first.refuse();
        drop(first);
        let Came::Has(_other) = turns.come(another, 0, &body(0, 1)) else {
            panic!("another copy has the turn")
        };
        let mut genuine = Vec::new();
        while refused.next.try_recv().is_err() {
            let Came::Waits(wait) = turns.come(another, 5, &body(1, 1)) else { panic!("there is no room") };
            genuine.push(wait);
        }
        // Three wait of the first delivery, or two of them and one that was called.
        assert!((5..=7).contains(&genuine.len()), "{}", genuine.len());
    }

    /// Of large copies with equal bodies, one is held.
    #[test]
    fn a_copy_that_waits_needs_no_body_of_its_own() {
        let turns = turns();
        let (first, large) = (body(3, 7000), DeliveryKey::of_id("2"));
        let Came::Has(_turn) = turns.come(large, 0, &first) else { panic!("another copy has the turn") };
        let waiting = [(); MOST].map(|()| match turns.come(large, 1, &body(3, 7000)) {
            Came::Waits(wait) => wait,
            _ => panic!("it does not wait"),
        });
        assert!(waiting.iter().all(|wait| wait.body().is_some_and(|body| body.as_ptr() == first.as_ptr())));
        assert_eq!(turns.lock().bytes, 0);
    }

    #[test]
    fn a_delivery_is_left_to_others_once_in_a_while() {
        let turns = turns();
        let first = has(&turns);
        assert_eq!([first.looks(), first.looks()], [true, false]);
        let old = Instant::now().checked_sub(LOOKS);
        turns.lock().deliveries.get_mut(&key()).unwrap().looked = old;
        assert!(first.looks());
    }

    #[test]
    fn copies_that_wait_hold_an_eighth_of_the_bounds() {
        let turns = turns();
        let _first = has(&turns);
        // The first few have places in any case.
        let _few = [(); FEW].map(|()| waits(&turns, 1, 200));
        assert!(is_full(&turns, 1, 201) && !is_full(&turns, 1, 200));
        let turns = Turns::new(Bounds { messages: 16, bytes: 8000 });
        let _first = has(&turns);
        let _few = [(); FEW].map(|()| waits(&turns, 1, 1));
        assert!(is_full(&turns, 1, 1));
    }

    #[test]
    fn heads_are_told_apart() {
        let turns = turns();
        let request = |uri, event| {
            let request = http::Request::post(uri).header("x-github-event", event).body(()).unwrap();
            request.into_parts().0
        };
        let push = turns.head(&request("/hook", "push"));
        assert_ne!(turns.head(&request("/hook", "ping")), push);
        assert_ne!(turns.head(&request("/hook?x=1", "push")), push);
        assert_eq!(turns.clone().head(&request("/hook", "push")), push);
    }
}
