//! `file:PATH` and `-`: events in files, on standard input and on standard output.

use super::{Opened, lines::Lines};
use crate::{
    failure::{Failure, Status},
    input::{self, Events, Reading, Systems},
    source::Place,
};
use cloudevents_kit::{
    DecodeOptions, Decoded, Error, ErrorKind, Message, Receiver, Sender, json,
    transport::{
        Bounds, By, Carries, Confirmed, Content, Extends, InFlight, LossPolicy, Orders, Outcome, Outgoing,
        Raw, Receipt, Received, ReceiverCapabilities, ReceiverOptions, SenderCapabilities, SenderOptions,
        Settlement, Settles,
        binding::{Incoming, Permit, Receive, Resolver, Settle, Token, Transmit, later},
    },
};
use std::{
    collections::VecDeque,
    error::Error as _,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

/// The most events that are read ahead, and the most KiB that they have in the file. One event may have more.
const AHEAD: usize = 64;
const ROOM: u32 = 16 << 10;

/// Returns the name of this URL's pipe, if its reader has closed it and no other reader can come.
///
/// The program was given such a pipe, as standard output is. Another reader can open a pipe that has a name.
pub(crate) fn closed_for_good(url: &str, error: &Error) -> Option<String> {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let path = path(url).filter(|_| cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe))?;
    if path == Path::new("-") {
        return Some("standard output".to_owned());
    }
    let given = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc/self/fd"];
    let is_given = given.iter().any(|place| path.starts_with(place));
    is_given.then(|| format!("`{}`", crate::plain::plain(&path.display().to_string())))
}

/// Returns the path that the URL names: the path of a file, or `-`.
pub(crate) fn path(url: &str) -> Option<&Path> {
    if url == "-" {
        return Some(Path::new("-"));
    }
    let path = url.strip_prefix("file:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// Refuses to read the file that this URL writes to.
pub(crate) fn check_written(input: &Path, to: &str) -> Result<(), Failure> {
    path(to).map_or(Ok(()), |to| input::check_written(input, to))
}

/// Appends to the file, or writes to standard output. Creates the file if there is none.
pub(super) async fn sender(path: &Path, losses: LossPolicy) -> Result<Sender, Failure> {
    let path = path.to_owned();
    let lines = beside("open", move |opened| {
        let standard = path == Path::new("-");
        // A pipe waits here for its reader.
        let lines = if standard { Ok(Lines::of_standard_output()) } else { Lines::append_to(&path) };
        let _ = opened.send(lines);
    })
    .await?;
    let out = if lines.may_block() { Out::beside(lines).await? } else { Out::Here(Mutex::new(lines)) };
    let mut options = SenderOptions::default();
    options.losses = losses;
    // A reader that takes its time is none that is away.
    options.enqueue_timeout = Duration::MAX;
    options.close_timeout = Duration::from_secs(1);
    Ok(Sender::new(Writer { out, decoding: cloudevents_kit::decoding() }).with_options(options))
}

/// Runs this on a thread, where it may block. Returns its report.
async fn beside<T: Send + 'static>(
    name: &str,
    work: impl FnOnce(oneshot::Sender<Result<T, Failure>>) + Send + 'static,
) -> Result<T, Failure> {
    let (opened, is_open) = oneshot::channel();
    let failed = |why: String| Failure::new(Status::Usage, format!("no thread can be started: {why}"));
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || work(opened))
        .map_err(|error| failed(error.to_string()))?;
    is_open.await.map_err(|_| failed("it has ended".to_owned()))?
}

/// Writes JSON Lines.
struct Writer {
    out: Out,
    decoding: DecodeOptions,
}

/// How lines are written.
enum Out {
    Here(Mutex<Lines>),
    /// By a thread, so that the command can end while a pipe is full. A pipe may stay full until its reader reads.
    Beside {
        jobs: std::sync::mpsc::Sender<Job>,
        in_flight: InFlight,
    },
}

/// Lines that are to be written together.
struct Job {
    text: Vec<u8>,
    written: Resolver<Receipt>,
    permit: Permit,
}

impl Out {
    async fn beside(mut lines: Lines) -> Result<Self, Failure> {
        let (jobs, queue) = std::sync::mpsc::channel::<Job>();
        beside("write", move |started| {
            let _ = started.send(Ok(()));
            for Job { text, written, permit } in queue {
                let result = write(&mut lines, &text);
                drop(permit);
                written.resolve(result);
            }
        })
        .await?;
        Ok(Self::Beside { jobs, in_flight: InFlight::new(Bounds::default()) })
    }
}

fn write(lines: &mut Lines, text: &[u8]) -> Result<Receipt, Error> {
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Closed).with_detail(format!("the output failed: {error}")).with_source(error)
    };
    lines.write(text).map_err(failed).map(|()| Receipt::new())
}

impl Writer {
    /// The events of a message as lines.
    fn text(&self, outgoing: &Outgoing) -> Result<Vec<u8>, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported).with_detail("a file holds events only"));
        };
        let events = message.events(&self.decoding)?.value;
        let mut lines = json::LineWriter::new(Vec::new());
        for event in &events {
            // Writing to memory cannot fail. JSON Lines keep everything but the types of extensions.
            let _ = lines.write(event);
        }
        Ok(lines.into_inner())
    }
}

impl Transmit for Writer {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::NOTHING);
        capabilities.batches = true;
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        match &self.out {
            Out::Here(lines) => {
                let text = self.text(&outgoing)?;
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Outcome::ready(write(&mut lines, &text)))
            }
            Out::Beside { jobs, in_flight } => {
                let mut permit = in_flight.room().await;
                let text = self.text(&outgoing)?;
                permit.charge(text.len());
                let (written, outcome) = Outcome::channel();
                // The thread ends after the sender.
                let _ = jobs.send(Job { text, written, permit });
                Ok(outcome)
            }
        }
    }

    async fn close(&self) -> Result<(), Error> {
        if let Out::Beside { in_flight, .. } = &self.out {
            in_flight.idle().await;
        }
        Ok(())
    }
}

/// Reads the file, or standard input, once, and documents of these systems as events. It stays as it is.
pub(super) async fn receiver(
    path: &Path,
    options: ReceiverOptions,
    systems: Option<Systems>,
) -> Result<Opened, Failure> {
    let (out, incoming) = mpsc::channel(AHEAD);
    let room = Room {
        all: Arc::new(Semaphore::new(usize::try_from(ROOM).unwrap_or(AHEAD))),
        runtime: Handle::current(),
    };
    let reading = Reading::by(options.decoding.leniency.into(), systems);
    let path: PathBuf = path.to_owned();
    let is_kept = is_file(&path);
    // Once, because bytes in a pipe are lost with its last reader.
    let name = beside("read", move |opened| {
        // Opening one waits for its writer: that is a part of waiting for events.
        let opened = if is_pipe(&path) {
            let _ = opened.send(Ok(path.display().to_string()));
            None
        } else {
            Some(opened)
        };
        match (input::reader(&path), opened) {
            (Ok((name, reader)), opened) => {
                opened.map(|opened| opened.send(Ok(name.clone())));
                read(input::events(&path, name, reader, &reading), &room, &out);
            }
            (Err(failure), Some(opened)) => drop(opened.send(Err(failure))),
            (Err(failure), None) => read(Err(failure), &room, &out),
        }
    })
    .await?;
    let (settled, settlements) = mpsc::unbounded_channel();
    let reader = Reader {
        is_kept,
        incoming: Some(incoming),
        settled,
        settlements,
        unsettled: 0,
        waiting: VecDeque::new(),
        stopped: false,
    };
    Ok(Opened { receiver: Receiver::new(reader, options), url: name, notes: Vec::new() })
}

/// Whether the path is a file, or standard input is one.
fn is_file(path: &Path) -> bool {
    let standard = path == Path::new("-");
    let about = if standard { Path::new("/dev/stdin").metadata() } else { path.metadata() };
    about.is_ok_and(|about| about.is_file())
}

/// Whether the path is a pipe with a name.
#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    path.metadata().is_ok_and(|about| about.file_type().is_fifo())
}

/// Whether the path is a pipe with a name.
#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// Reads events until the end, or until the receiver is dropped.
fn read(events: Result<Events, Failure>, room: &Room, out: &mpsc::Sender<Item>) {
    let failed = |failure: Failure| Error::new(ErrorKind::Closed).with_detail(failure.message());
    match events {
        Err(failure) => {
            let _ = out.blocking_send((Err(failed(failure)), None));
        }
        Ok(events) => {
            let name: Arc<str> = events.name().into();
            for located in events {
                let item = located.map_err(failed).map(|located| {
                    let place = &located.place;
                    let message = located.event.map(|decoded| decoded.map(Message::Binary));
                    let message = message.map_err(|error| place.in_text(error));
                    received(message, place, &name)
                });
                let size = item.as_ref().map_or(0, size);
                if out.blocking_send((item, room.take(size))).is_err() {
                    return;
                }
            }
        }
    }
}

/// An event that was read, and its room.
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

/// The message, with the file as its topic, its line as offset, and its text as body.
fn received(message: Result<Decoded<Message>, Error>, place: &Place, name: &Arc<str>) -> Received {
    let mut raw = Raw::default();
    raw.topic = Some(Arc::clone(name));
    raw.offset = u64::try_from(place.line()).ok();
    if message.is_err() {
        raw.body = Some(place.text());
    }
    Received::new(message, raw)
}

/// Delivers events of a file. Events that are not accepted are delivered again from memory.
struct Reader {
    /// Whether it is a file. A file can be read once more.
    is_kept: bool,
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
        // Events of a pipe are in no other place after reading.
        capabilities.settles = if self.is_kept { Settles::Each } else { Settles::Never };
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
        let again = again.map(|(after, attempt)| (later(now, after), received, attempt));
        // If the receiver is gone, the file still has the message.
        let _ = to.send(Settled(again));
        Outcome::done()
    }

    fn extend(&self) -> Result<(), Error> {
        Ok(())
    }
}
