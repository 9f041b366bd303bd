//! `file:PATH` and `-`: events in files, on standard input and on standard output.

use super::{Opened, lines::Lines};
use crate::{
    failure::{Failure, Status},
    input::{self, Reading},
    source::Place,
};
use cloudevents_kit::{
    DecodeOptions, Decoded, Error, ErrorKind, Message, Receiver, Sender, json,
    transport::{
        By, Carries, Confirmed, Content, Extends, Orders, Outcome, Outgoing, Raw, Receipt, Received,
        ReceiverCapabilities, ReceiverOptions, SenderCapabilities, Settlement, Settles,
        binding::{Incoming, Receive, Settle, Token, Transmit},
    },
};
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep_until, timeout},
};

/// Events that are read ahead, and their KiB in the file, of which one may have more.
const AHEAD: usize = 64;
const ROOM: u32 = 16 << 10;

/// Returns the path that the URL names: that of a file, or `-`.
pub(super) fn path(url: &str) -> Option<&Path> {
    if url == "-" {
        return Some(Path::new("-"));
    }
    let path = url.strip_prefix("file:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// Appends to the file, which is created if there is none, or writes to standard output.
pub(super) fn sender(path: &Path) -> Result<Sender, Failure> {
    let lines = if path == Path::new("-") { Lines::of_standard_output() } else { Lines::append_to(path)? };
    Ok(Sender::new(Writer { lines: Mutex::new(lines), decoding: cloudevents_kit::decoding() }))
}

/// Writes JSON Lines.
struct Writer {
    lines: Mutex<Lines>,
    decoding: DecodeOptions,
}

impl Writer {
    fn write(&self, outgoing: &Outgoing) -> Result<(), Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported).with_detail("a file holds events only"));
        };
        let events = message.events(&self.decoding)?.value;
        let mut lines = json::LineWriter::new(Vec::new());
        for event in &events {
            // Writing to memory cannot fail. JSON Lines keep everything but the types of extensions.
            let _ = lines.write(event);
        }
        let mut out = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        out.write(&lines.into_inner())
            .map_err(|error| Error::new(ErrorKind::Closed).with_detail(format!("the output failed: {error}")))
    }
}

impl Transmit for Writer {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::NOTHING);
        capabilities.batches = true;
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        self.write(&outgoing)?;
        Ok(Outcome::ready(Ok(Receipt::new())))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Reads the file, or standard input, once. It stays as it is.
pub(super) fn receiver(path: &Path, options: ReceiverOptions) -> Result<Opened, Failure> {
    let name = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        // Errors of a file that cannot be read are reported at once.
        input::reader(path)?.0
    };
    let (out, incoming) = mpsc::channel(AHEAD);
    let room = Room {
        all: Arc::new(Semaphore::new(usize::try_from(ROOM).unwrap_or(AHEAD))),
        runtime: Handle::current(),
    };
    let reading = Reading { lenient: options.decoding.leniency.into(), ..Reading::default() };
    let path: PathBuf = path.to_owned();
    // A thread, because reading blocks.
    thread::Builder::new()
        .name("read".to_owned())
        .spawn(move || read(&path, &reading, &room, &out))
        .map_err(|error| Failure::new(Status::Usage, format!("no thread can be started: {error}")))?;
    let (settled, settlements) = mpsc::unbounded_channel();
    let reader = Reader {
        incoming: Some(incoming),
        settled,
        settlements,
        unsettled: 0,
        waiting: VecDeque::new(),
        stopped: false,
    };
    Ok(Opened { receiver: Receiver::new(reader, options), url: name, notes: Vec::new() })
}

/// Reads events until the end, or until the receiver is dropped.
fn read(path: &Path, reading: &Reading, room: &Room, out: &mpsc::Sender<Item>) {
    let failed = |failure: Failure| Error::new(ErrorKind::Closed).with_detail(failure.message());
    match input::open(path, reading) {
        Err(failure) => {
            let _ = out.blocking_send((Err(failed(failure)), None));
        }
        Ok(events) => {
            let name: Arc<str> = events.name().into();
            for located in events {
                let item = located.map_err(failed).map(|located| {
                    let message = located.event.map(|decoded| decoded.map(Message::Binary));
                    received(message, &located.place, &name)
                });
                let size = item.as_ref().map_or(0, size);
                if out.blocking_send((item, room.take(size))).is_err() {
                    return;
                }
            }
        }
    }
}

/// What was read, and its room.
type Item = (Result<Received, Error>, Option<OwnedSemaphorePermit>);

/// Room for events that are read ahead.
struct Room {
    all: Arc<Semaphore>,
    runtime: Handle,
}

impl Room {
    /// Waits for room for this number of bytes.
    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(bytes >> 10).unwrap_or(ROOM).clamp(1, ROOM);
        self.runtime.block_on(Arc::clone(&self.all).acquire_many_owned(wanted)).ok()
    }
}

fn size(received: &Received) -> usize {
    let event = received.message().ok().and_then(|message| match message {
        Message::Binary(event) => event.data().map(|data| data.as_bytes().len()),
        _ => None,
    });
    event.or_else(|| received.body().map(|body| body.len())).unwrap_or_default()
}

/// The message, with the file as its topic, its line as offset, and the text from there on as body.
fn received(message: Result<Decoded<Message>, Error>, place: &Place, name: &Arc<str>) -> Received {
    let mut raw = Raw::default();
    raw.topic = Some(Arc::clone(name));
    raw.offset = u64::try_from(place.line()).ok();
    if message.is_err() {
        raw.body = Some(place.source.text.slice(place.base.min(place.source.text.len())..));
    }
    Received::new(message, raw)
}

/// Delivers events of a file. What is not accepted is delivered again from memory.
struct Reader {
    /// Events that are read; `None` at the end.
    incoming: Option<mpsc::Receiver<Item>>,
    settled: mpsc::UnboundedSender<Settled>,
    settlements: mpsc::UnboundedReceiver<Settled>,
    /// The number of deliveries that are not settled.
    unsettled: usize,
    /// Messages to deliver again, and when.
    waiting: VecDeque<(Instant, Received, u32)>,
    stopped: bool,
}

/// A message to deliver again, its attempt and the time; nothing if it is done.
struct Settled(Option<(Instant, Received, u32)>);

impl Reader {
    fn deliver(&mut self, received: Received, attempt: u32) -> Incoming {
        self.unsettled = self.unsettled.saturating_add(1);
        let token = Token::new(Settling { received: received.clone(), attempt, to: self.settled.clone() });
        Incoming::new(received, token).with_attempt(attempt)
    }

    fn settle(&mut self, settled: Settled) {
        self.unsettled = self.unsettled.saturating_sub(1);
        if let Some(again) = settled.0.filter(|_| !self.stopped) {
            let at = self.waiting.partition_point(|(due, ..)| *due <= again.0);
            self.waiting.insert(at, again);
        }
    }
}

impl Receive for Reader {
    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.settles = Settles::Each;
        capabilities.redelivers = By::Memory;
        capabilities.rejects = By::Memory;
        capabilities.counts = By::Memory;
        capabilities.extends = Extends::NotNeeded;
        capabilities.orders = Orders::Everything;
        capabilities.shared = false;
        capabilities
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        loop {
            let due = self.waiting.front().map(|(due, ..)| *due);
            let is_read = self.incoming.is_none();
            if self.stopped || is_read && due.is_none() && self.unsettled == 0 {
                return Ok(None);
            }
            tokio::select! {
                biased;
                settled = self.settlements.recv() => {
                    if let Some(settled) = settled {
                        self.settle(settled);
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if let Some((_, received, attempt)) = self.waiting.pop_front() {
                        return Ok(Some(self.deliver(received, attempt)));
                    }
                }
                item = next(&mut self.incoming), if !is_read => match item {
                    Some((Ok(received), _)) => return Ok(Some(self.deliver(received, 1))),
                    Some((Err(error), _)) => return Err(error),
                    None => self.incoming = None,
                },
            }
        }
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.stopped = true;
        self.incoming = None;
        self.waiting.clear();
        let all = async {
            while self.unsettled > 0 {
                if let Some(settled) = self.settlements.recv().await {
                    self.settle(settled);
                }
            }
        };
        timeout(deadline, all).await.map_err(|_| Error::new(ErrorKind::Timeout))
    }
}

async fn next(incoming: &mut Option<mpsc::Receiver<Item>>) -> Option<Item> {
    match incoming {
        Some(incoming) => incoming.recv().await,
        None => None,
    }
}

struct Settling {
    received: Received,
    attempt: u32,
    to: mpsc::UnboundedSender<Settled>,
}

impl Settle for Settling {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { received, attempt, to } = *self;
        let again = match how {
            Settlement::Retry { after } => Some((after, attempt.saturating_add(1))),
            Settlement::Release => Some((Duration::ZERO, attempt)),
            // A rejected message stays in the file.
            _ => None,
        };
        let now = Instant::now();
        let again = again.map(|(after, attempt)| (now.checked_add(after).unwrap_or(now), received, attempt));
        // If the receiver is gone, the file still has the message.
        let _ = to.send(Settled(again));
        Outcome::done()
    }

    fn extend(&self) -> Result<(), Error> {
        Ok(())
    }
}
