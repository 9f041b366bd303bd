//! The log of a test.

use std::{
    cell::{Cell, RefCell},
    fmt::Write,
    io,
    sync::Once,
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    fmt,
    layer::{Context, SubscriberExt},
};

thread_local! {
    static LINES: RefCell<Vec<Logline>> = const { RefCell::new(Vec::new()) };
    /// Lines down to this level are kept.
    static DOWN_TO: Cell<Level> = const { Cell::new(Level::INFO) };
    /// The first line that is no JSON with each member once.
    static FAULT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Logline {
    /// Its level.
    pub level: Level,
    /// Its text, and behind it each field with its name.
    pub text: String,
    /// The same, with the name of the text, too.
    all: String,
}

/// The log since the begin, of this thread, on which a test runs with its tasks.
///
/// One subscriber serves all threads. With one for each test, a place in the code that another test reaches first, without a subscriber,
/// can stay silent.
///
/// ```
/// use cloudevents_testkit::logged::Logged;
///
/// let logged = Logged::begin();
/// tracing::warn!(host = "one", "no connection");
/// assert!(logged.text().contains("no connection"));
/// ```
#[derive(Debug)]
pub struct Logged(());

impl Logged {
    /// Forgets the earlier log.
    pub fn begin() -> Self {
        static ONCE: Once = Once::new();
        let json =
            || fmt::layer().json().flatten_event(true).with_writer(|| Strict).with_filter(LevelFilter::INFO);
        let subscriber = || tracing_subscriber::registry().with(Lines).with(json());
        // A test that has its own one sees nothing here, and fails.
        ONCE.call_once(|| drop(tracing::subscriber::set_global_default(subscriber())));
        // A place that another test reached first, while the subscriber was being set, would stay silent for good.
        tracing::callsite::rebuild_interest_cache();
        LINES.with_borrow_mut(Vec::clear);
        DOWN_TO.set(Level::INFO);
        FAULT.set(None);
        Self(())
    }

    /// As [`begin`](Self::begin), with the lines at `debug`, too.
    pub fn with_debug() -> Self {
        let logged = Self::begin();
        DOWN_TO.set(Level::DEBUG);
        logged
    }

    /// The lines at `warn` and above, each with its fields.
    ///
    /// # Panics
    ///
    /// If a line cannot be JSON: a field is there twice, or has the name of a member of every line, such as its text.
    pub fn text(&self) -> String {
        let lines = self.lines(Level::WARN);
        lines.iter().flat_map(|line| [line.all.as_str(), "\n"]).collect()
    }

    /// The number of lines at `info` and above.
    pub fn count(&self) -> usize {
        self.lines(Level::INFO).len()
    }

    /// The lines at this level and above, down to `info`, or to `debug` if it was begun so.
    ///
    /// # Panics
    ///
    /// As [`text`](Self::text).
    pub fn lines(&self, level: Level) -> Vec<Logline> {
        let fault = FAULT.with_borrow(Option::clone);
        assert!(fault.is_none(), "a member is there twice: {}", fault.unwrap_or_default());
        LINES.with_borrow(|lines| lines.iter().filter(|line| line.level <= level).cloned().collect())
    }
}

struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > DOWN_TO.get() {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let Line { all, text, fields } = line;
        LINES.with_borrow_mut(|lines| lines.push(Logline { level, text: text + &fields, all }));
    }
}

/// Reads each line of JSON as those do who collect them.
struct Strict;

impl io::Write for Strict {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if cloudevents_json::codec::parse(line).is_err() {
            FAULT.with_borrow_mut(|fault| {
                _ = fault.get_or_insert_with(|| String::from_utf8_lossy(line).into_owned())
            });
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Line {
    all: String,
    text: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.all, "{}={value:?} ", field.name());
        let _ = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::subscriber::Interest;

    #[test]
    #[should_panic(expected = "a member is there twice")]
    fn a_field_with_the_name_of_the_text_is_a_fault() {
        use tracing::warn as careless;
        let logged = Logged::begin();
        careless!(message = "one", "another");
        logged.text();
    }

    #[test]
    fn lines_have_their_levels() {
        let logged = Logged::begin();
        tracing::info!(host = "one", "connected");
        tracing::warn!("lost");
        let lines = logged.lines(Level::INFO);
        let lines: Vec<_> = lines.iter().map(|line| (line.level, line.text.as_str())).collect();
        assert_eq!(lines, [(Level::INFO, "connected host=\"one\""), (Level::WARN, "lost")]);
        assert_eq!((logged.lines(Level::WARN).len(), logged.text()), (1, "message=lost \n".to_owned()));
    }

    #[test]
    fn a_place_that_was_reached_too_early_is_heard_from_the_next_begin_on() {
        let place = || tracing::warn_span!("place");
        Logged::begin();
        // As a test leaves it that reaches it while the subscriber is being set.
        place().metadata().unwrap().callsite().0.set_interest(Interest::never());
        Logged::begin();
        assert!(!place().is_disabled());
    }
}
