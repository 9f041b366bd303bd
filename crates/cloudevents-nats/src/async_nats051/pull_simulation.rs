//! A receiver and a server that answers requests as servers do, in every order.
//!
//! The server never owes the receiver more messages or bytes than its bounds, and every message comes.

use super::*;
use std::collections::VecDeque;

/// The longest message, on the line.
const LONGEST: usize = 5000;

/// A request that the server has.
struct Waiting {
    reply: Subject,
    messages: usize,
    bytes: Option<usize>,
    expires: Instant,
}

/// A message on the line, or a report.
enum Sent {
    Message { bytes: usize, in_memory: usize, again: Option<usize> },
    Report(StatusCode, Message),
}

/// Numbers from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

struct Simulation {
    draw: Draw,
    bounds: Bounds,
    pull: Pull,
    /// How many messages the stream has that were not delivered.
    backlog: usize,
    /// The size of the next one.
    next: (usize, usize),
    /// Messages that come again, before the backlog: their numbers and sizes. A message that does not fit into a request goes behind the
    /// others.
    returned: VecDeque<(usize, usize)>,
    /// The last message of these that has come.
    last_returned: Option<usize>,
    asked: VecDeque<Waiting>,
    waiting: VecDeque<Waiting>,
    line: VecDeque<Sent>,
    /// Reports that come later than messages that the server has sent after them.
    late: Vec<Sent>,
    /// The sizes of the unsettled messages at the receiver.
    held: Vec<usize>,
    settled: usize,
    /// Whether the server says of each request that it has ended.
    reports_all: bool,
    /// How many requests the server still ends early, and how many of them without a word.
    faults: usize,
    silent: usize,
}

fn new_pull() -> Pull {
    let most = Bounds { messages: usize::MAX, bytes: usize::MAX };
    let mut pull = Pull::new("next".into(), "inbox", most, Duration::MAX, LONGEST);
    pull.besides = 0; // so that the bound is met exactly
    pull
}

impl Simulation {
    fn new(seed: u64, prefetch: usize, faults: usize, silent: usize) -> Self {
        let mut draw = Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let bytes = [1, 10_000, 1 << 20, usize::MAX][draw.below(4)];
        let reports_all = draw.one_in(2);
        let mut simulation = Self {
            bounds: Bounds { messages: prefetch, bytes },
            pull: new_pull(),
            backlog: 3 * prefetch.clamp(10, 100),
            next: (0, 0),
            returned: VecDeque::new(),
            last_returned: None,
            asked: VecDeque::new(),
            waiting: VecDeque::new(),
            line: VecDeque::new(),
            late: Vec::new(),
            held: Vec::new(),
            settled: 0,
            reports_all,
            faults,
            silent,
            draw,
        };
        simulation.draw_message();
        for number in 0..simulation.draw.below(100) {
            let bytes = 1 + simulation.draw.below(LONGEST);
            simulation.returned.push_back((number, bytes));
        }
        simulation
    }

    fn draw_message(&mut self) {
        let bytes = 1 + self.draw.below(LONGEST);
        self.next = (bytes, bytes);
    }

    /// As the machine of queues counts it.
    fn room(&self) -> Bounds {
        let used: usize = self.held.iter().sum();
        let messages = match self.held.len() {
            0 => self.bounds.messages,
            _ if used >= self.bounds.bytes => 0,
            held => self.bounds.messages - held,
        };
        Bounds { messages, bytes: self.bounds.bytes.saturating_sub(used) }
    }

    fn end(&mut self, request: Waiting, status: StatusCode, description: &str) {
        let Waiting { reply, messages, bytes, .. } = request;
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Pending-Messages", messages.to_string());
        headers.insert("Nats-Pending-Bytes", bytes.unwrap_or_default().to_string());
        let message = Message {
            subject: reply,
            reply: None,
            payload: Bytes::new(),
            headers: Some(headers),
            status: Some(status),
            description: Some(description.into()),
            length: 0,
        };
        let report = Sent::Report(status, message);
        if self.draw.one_in(4) { self.late.push(report) } else { self.line.push_back(report) }
    }

    /// The server reads requests, and delivers some messages.
    fn serve(&mut self) {
        self.waiting.extend(self.asked.drain(..));
        let now = Instant::now();
        for _ in 0..self.waiting.len() {
            let Some(request) = self.waiting.pop_front() else { break };
            match request.expires <= now {
                true => self.end(request, StatusCode::TIMEOUT, "Request Timeout"),
                false => self.waiting.push_back(request),
            }
        }
        if self.faults > 0
            && self.draw.one_in(8)
            && let Some(request) = self.waiting.pop_front()
        {
            self.faults -= 1;
            if self.silent > 0 {
                self.silent -= 1;
                return;
            }
            let (status, description) = [
                (StatusCode::REQUEST_TERMINATED, "Leadership Change"),
                (StatusCode::REQUEST_TERMINATED, "Exceeded MaxWaiting"),
                (StatusCode::REQUEST_TERMINATED, "Message Size Exceeds MaxBytes"),
                (StatusCode::REQUEST_TERMINATED, "Server Shutdown"),
                (StatusCode::NOT_FOUND, "No Messages"),
                (StatusCode::TIMEOUT, "Request Timeout"),
                (StatusCode::REQUEST_TERMINATED, "Consumer Deleted"),
                (StatusCode::NO_RESPONDERS, ""),
            ][self.draw.below(8)];
            self.end(request, status, description);
        }
        for _ in 0..self.draw.below(50) {
            let Some(mut request) = self.waiting.pop_front() else { break };
            let returned = self.returned.pop_front();
            if self.backlog == 0 && returned.is_none() {
                self.waiting.push_front(request);
                break;
            }
            let (bytes, in_memory) = returned.map_or(self.next, |(_, bytes)| (bytes, bytes));
            if request.bytes.is_some_and(|left| left < bytes) {
                self.returned.extend(returned);
                self.end(request, StatusCode::REQUEST_TERMINATED, "Message Size Exceeds MaxBytes");
                continue;
            }
            self.line.push_back(Sent::Message {
                bytes,
                in_memory,
                again: returned.map(|(number, _)| number),
            });
            if returned.is_none() {
                self.backlog -= 1;
                self.draw_message();
            }
            request.bytes = request.bytes.map(|left| left - bytes);
            request.messages -= 1;
            if request.messages > 0 && request.bytes != Some(0) {
                self.waiting.push_back(request);
            } else if self.reports_all {
                self.end(request, StatusCode::REQUEST_TERMINATED, "Batch Completed");
            }
        }
    }

    /// The receiver takes a message or report from the line, if its bounds allow it.
    fn take(&mut self) {
        if self.room().messages == 0 {
            return;
        }
        match self.line.pop_front() {
            None => {}
            Some(Sent::Message { bytes, in_memory, again }) => {
                self.pull.arrived(bytes, in_memory, again.is_some());
                if again.is_some() {
                    assert!(again > self.last_returned, "{again:?} behind {:?}", self.last_returned);
                    self.last_returned = again;
                }
                self.held.push(in_memory);
            }
            Some(Sent::Report(status, message)) if self.pull.report(status, &message).is_err() => {
                self.reconnect();
            }
            Some(Sent::Report(..)) => {}
        }
    }

    /// Messages that were on their way are delivered over the next connection.
    fn reconnect(&mut self) {
        let lost = self.line.drain(..).filter(|sent| matches!(sent, Sent::Message { .. })).count();
        self.backlog += lost;
        (self.asked, self.waiting, self.late) = Default::default();
        self.pull = new_pull();
    }

    fn request(&mut self) {
        self.pull.allow(self.room());
        self.pull.make();
        let Some(request) = &mut self.pull.open else { return };
        let Some(asked) = request.unsent.take() else { return };
        let asked: serde_json::Value = serde_json::from_slice(&asked).unwrap();
        let number = |name: &str| asked[name].as_u64().map(|number| number as usize);
        self.asked.push_back(Waiting {
            reply: request.reply.clone(),
            messages: number("batch").unwrap(),
            bytes: number("max_bytes"),
            expires: Instant::now() + Duration::from_nanos(asked["expires"].as_u64().unwrap()),
        });
    }

    fn check(&self, seed: u64) {
        let requests = self.asked.iter().chain(&self.waiting);
        let on_line = self.line.iter().filter_map(|sent| match sent {
            Sent::Message { in_memory, .. } => Some(*in_memory),
            Sent::Report(..) => None,
        });
        let messages = self.held.len() + on_line.clone().count();
        let messages = messages + requests.clone().map(|request| request.messages).sum::<usize>();
        assert!(messages <= self.bounds.messages, "seed {seed}: {messages} of {:?}", self.bounds);
        let bytes = self.held.iter().copied().chain(on_line).sum::<usize>();
        let promised =
            |request: &Waiting| request.bytes.unwrap_or((request.messages - 1).saturating_mul(LONGEST));
        let bytes = bytes + requests.map(promised).sum::<usize>();
        assert!(
            bytes <= self.bounds.bytes.saturating_add(LONGEST),
            "seed {seed}: {bytes} bytes of {:?}",
            self.bounds
        );
    }

    /// Returns how long it took until everything was settled.
    async fn run(mut self, seed: u64) -> Duration {
        let (all, began) = (self.backlog + self.returned.len(), Instant::now());
        while self.settled < all {
            match self.draw.below(5) {
                0 => self.request(),
                1 => self.serve(),
                2 => (0..self.draw.below(100)).for_each(|_| self.take()),
                3 => {
                    for _ in 0..self.draw.below(self.held.len() + 1) {
                        self.held.swap_remove(self.draw.below(self.held.len()));
                        self.settled += 1;
                    }
                }
                _ if self.line.is_empty() && self.asked.is_empty() && !self.late.is_empty() => {
                    self.line.push_back(self.late.swap_remove(self.draw.below(self.late.len())));
                }
                _ => {
                    // Nothing else would happen.
                    let is_quiet = self.line.is_empty() && self.asked.is_empty() && self.held.is_empty();
                    let pause = Duration::from_millis(if is_quiet { 20 } else { 1 });
                    if let Ok(Err(_)) = tokio::time::timeout(pause, self.pull.wait()).await {
                        self.reconnect();
                    }
                }
            }
            self.check(seed);
            assert!(began.elapsed() < Duration::from_secs(3600), "seed {seed}: {} of {all}", self.settled);
        }
        began.elapsed()
    }
}

/// Some requests that the server has ended are thought to be there for as long as their reports are late.
#[tokio::test(start_paused = true)]
async fn whatever_a_server_answers_the_room_is_kept_and_everything_comes() {
    for seed in 0..64 {
        let prefetch = [1, 2, 3, 10, 64, 256, 1000, 10_000][seed as usize % 8];
        Simulation::new(seed, prefetch, 20, seed as usize % 3).run(seed).await;
    }
}

/// Nothing waits for the end of a request or of a pause.
#[tokio::test(start_paused = true)]
async fn without_a_fault_nothing_waits() {
    for seed in 0..40 {
        let prefetch = [1, 5, 64, 1000][seed as usize % 4];
        let mut simulation = Simulation::new(seed, prefetch, 0, 0);
        simulation.reports_all &= seed % 3 == 0;
        let count = (simulation.backlog + simulation.returned.len()) as u32;
        let took = simulation.run(seed).await;
        assert!(took < count * Duration::from_millis(200), "seed {seed}: {took:?} for {count}");
    }
}
