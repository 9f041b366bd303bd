//! Log, metrics and readiness of a bridge are those of the table in `docs/operating-situations.md`, in each of its situations.

mod ending;
mod letters;
mod refusing;
mod source;
mod target;

use super::{
    ends::SECOND,
    table::{self, metrics, rows, seen},
};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::bridge::BridgeStatus;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tracing::Level;

const PAGE: &str = "operating-situations.md";

/// Metrics that grow while all is well, with the number from which on they are as no bridge has them whose messages move.
const USUAL: &[(&str, f64)] = &[
    ("cloudevents_accepted_total", f64::MAX),
    ("cloudevents_bridge_confirmed_total", f64::MAX),
    ("cloudevents_bridge_in_flight_bytes", f64::MAX),
    ("cloudevents_bridge_in_flight_messages", 100.0),
    ("cloudevents_bridge_lag_seconds", 300.0),
    // It is there when `cloudevents_bridge_all_refused_total` grows.
    ("cloudevents_bridge_last_refused_timestamp_seconds", f64::MAX),
    ("cloudevents_bridge_longest_running_seconds", 31.0),
    // The column of the gauges.
    ("cloudevents_bridge_ready", f64::MAX),
    ("cloudevents_bridge_running_messages", 8.0),
    ("cloudevents_bridge_stalled", f64::MAX),
    ("cloudevents_connects_total", f64::MAX),
    ("cloudevents_enqueued_total", f64::MAX),
    // The same as `cloudevents_bridge_failed_total` and `cloudevents_bridge_all_refused_total`.
    ("cloudevents_bridge_refused_total", f64::MAX),
    ("cloudevents_failed_total{end=\"target\"}", f64::MAX),
    ("cloudevents_handlers_failed_total", f64::MAX),
    ("cloudevents_rejected_total", f64::MAX),
    // Messages that go back at the end.
    ("cloudevents_released_total", f64::MAX),
    ("cloudevents_received_bytes_total", f64::MAX),
    ("cloudevents_received_total", f64::MAX),
    ("cloudevents_sent_total", f64::MAX),
];

/// A line that the table names: its beginning, its level, and how often it comes.
#[derive(Debug)]
struct Line {
    begins: String,
    level: Level,
    often: String,
}

fn lines_of(cell: &str) -> Vec<Line> {
    let parts: Vec<_> = cell.split('`').collect();
    let lines = parts[1..].chunks(2).map(|part| {
        let how = part[1].trim().trim_end_matches(';');
        let how = how.strip_prefix('(').and_then(|how| how.strip_suffix(')'));
        let (level, often) = how.and_then(|how| how.split_once(", ")).unwrap_or_else(|| panic!("{cell}"));
        Line { begins: part[0].to_owned(), level: level.parse().unwrap(), often: often.to_owned() }
    });
    lines.collect()
}

/// A bridge in a situation of the table.
struct Situation {
    name: &'static str,
    status: BridgeStatus,
    log: Logged,
    before: BTreeMap<String, f64>,
    highest: BTreeMap<String, f64>,
    /// What `/ready` and the gauge said, without repetitions.
    ready: Vec<bool>,
    stalled: Vec<bool>,
    /// When it stalled for the first time, and when each line of the log was seen.
    stalls_since: Option<Instant>,
    times: Vec<Instant>,
}

impl Situation {
    fn begin(name: &'static str, status: BridgeStatus) -> Self {
        let before = metrics(&status);
        Self {
            name,
            status,
            log: Logged::begin(),
            before,
            highest: BTreeMap::new(),
            ready: Vec::new(),
            stalled: Vec::new(),
            stalls_since: None,
            times: Vec::new(),
        }
    }

    /// The situation lasts for this time.
    async fn lasts(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            sleep(SECOND / 4).await;
            self.look();
        }
        self.see();
    }

    /// Looks at the state, which is one of the situation.
    fn look(&mut self) {
        let (ready, stalled) = (self.status.is_ready(), self.status.stall().is_some());
        if self.ready.last() != Some(&ready) {
            self.ready.push(ready);
        }
        if self.stalled.last() != Some(&stalled) {
            self.stalled.push(stalled);
        }
        if stalled {
            self.stalls_since.get_or_insert_with(Instant::now);
        }
        let activity = self.status.activity();
        let gauges = [
            ("in_flight_messages", self.status.received().unsettled() as f64),
            ("lag_seconds", self.status.metrics().lag.unwrap_or_default().as_secs_f64()),
            ("longest_running_seconds", activity.longest_running().unwrap_or_default().as_secs_f64()),
            ("running_messages", activity.running() as f64),
            ("waiting_letters", self.status.waiting_letters() as f64),
            ("waiting_messages", activity.waiting() as f64),
        ];
        for (name, value) in gauges {
            let highest = self.highest.entry(format!("cloudevents_bridge_{name}")).or_default();
            *highest = highest.max(value);
        }
        self.see();
    }

    /// Looks at the log.
    fn see(&mut self) {
        self.times.resize(self.log.count(), Instant::now());
    }

    /// The situation is over: within this time, the bridge moves its messages, and logs nothing more after that.
    async fn is_over_after(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            sleep(SECOND / 4).await;
            self.see();
        }
        assert_eq!(seen(&self.status), (true, false), "{}, when it is over: {:?}", self.name, self.status);
        let lines = self.log.count();
        sleep(70 * SECOND).await;
        assert_eq!(self.log.count(), lines, "{}: {:#?}", self.name, self.said());
        assert_eq!(seen(&self.status), (true, false), "{}, long after: {:?}", self.name, self.status);
    }

    /// The lines of the log.
    fn said(&self) -> Vec<String> {
        let lines = self.log.lines(Level::INFO);
        let lines = lines.into_iter().filter(|line| !line.text.starts_with("connected"));
        lines.map(|line| format!("{} {}", line.level, line.text)).collect()
    }

    /// The first line of the log with these words.
    fn line(&self, words: &str) -> String {
        let said = self.said();
        said.iter().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{said:#?}")).clone()
    }

    /// By how much a metric of the bridge has grown.
    fn grew(&self, name: &str) -> f64 {
        let now = metrics(&self.status);
        now.get(name).copied().unwrap_or_default() - self.before.get(name).copied().unwrap_or_default()
    }

    /// Compares everything that was seen with the row of the table. The numbers are how often lines come that come for each of something.
    fn compare(mut self, numbers: &[(&str, usize)]) {
        self.see();
        let cells = table::row(PAGE, "situation", self.name);
        self.compare_states(&cells[1], &self.ready, "200");
        self.compare_states(&cells[2], &self.stalled, "1");
        self.compare_metrics(&cells[3]);
        self.compare_lines(&lines_of(&cells[4]), numbers);
    }

    fn compare_states(&self, cell: &str, seen: &[bool], yes: &str) {
        let name = self.name;
        if let Some(both) = cell.strip_suffix(" in turn") {
            let (one, other) = both.split_once(" and ").unwrap();
            assert!((one == yes) != (other == yes) && seen.len() > 3, "{name}: {cell}: {seen:?}");
            return;
        }
        let expected: Vec<_> = cell.split(", then ").map(|value| value == yes).collect();
        assert_eq!(seen, expected, "{name}: {cell}: {:#?}", self.said());
    }

    /// Exactly the metrics have grown that the table names.
    fn compare_metrics(&self, cell: &str) {
        let mut now = metrics(&self.status);
        for (name, highest) in &self.highest {
            now.insert(name.clone(), *highest);
        }
        let most = |name: &str| {
            USUAL.iter().find(|(usual, _)| name.starts_with(usual)).map_or(0.0, |(_, most)| *most)
        };
        let before = |name: &str| match name.contains("_total") {
            true => self.before.get(name).copied().unwrap_or_default(),
            false => 0.0,
        };
        let grew: BTreeSet<_> = now
            .iter()
            .filter(|(name, value)| **value - before(name) > most(name))
            .map(|(name, _)| name.trim_start_matches("cloudevents_"))
            .collect();
        let named: BTreeSet<_> = cell.split('`').skip(1).step_by(2).collect();
        assert_eq!(grew, named, "{}", self.name);
    }

    /// The log has exactly the lines that the table names, as often as it says.
    fn compare_lines(&self, named: &[Line], numbers: &[(&str, usize)]) {
        let (name, said) = (self.name, self.said());
        let lines = self.log.lines(Level::INFO);
        let lines: Vec<_> =
            lines.iter().zip(&self.times).filter(|(line, _)| !line.text.starts_with("connected")).collect();
        for (line, _) in &lines {
            let is_named = |named: &Line| line.text.starts_with(&named.begins) && line.level == named.level;
            let times = named.iter().filter(|named| is_named(named)).count();
            assert_eq!(times, 1, "{name}: a line that is not in the table: {}: {said:#?}", line.text);
        }
        if let Some((_, said_at)) = lines.iter().find(|(line, _)| line.text.starts_with("the bridge stalls"))
        {
            assert!(**said_at < self.stalls_since.unwrap() + 11 * SECOND, "{name}: {said:#?}");
        }
        for Line { begins, often, .. } in named {
            let found: Vec<_> = lines.iter().filter(|(line, _)| line.text.starts_with(begins)).collect();
            match (often.as_str(), numbers.iter().find(|(each, _)| each == often)) {
                (_, Some((_, number))) => assert_eq!(found.len(), *number, "{name}: {begins}: {said:#?}"),
                ("once", None) => assert_eq!(found.len(), 1, "{name}: {begins}: {said:#?}"),
                ("each minute", None) => {
                    let gaps = found.windows(2).map(|two| two[1].1.duration_since(*two[0].1));
                    let is_each = |gap: Duration| gap > 59 * SECOND && gap < 66 * SECOND;
                    assert!(found.len() > 1 && gaps.into_iter().all(is_each), "{name}: {begins}: {said:#?}");
                }
                _ => panic!("{name}: how often is `{often}`?"),
            }
        }
    }
}

/// With those of the table of a bridge that moves nothing.
#[test]
fn every_situation_has_a_test() {
    let tests = [
        include_str!("ending.rs"),
        include_str!("letters.rs"),
        include_str!("refusing.rs"),
        include_str!("source.rs"),
        include_str!("target.rs"),
    ];
    let rows = rows(PAGE, "situation");
    for cells in &rows {
        let words = format!("\"{}\"", cells[0]);
        assert!(tests.iter().any(|tests| tests.contains(&words)), "no test of the row `{}`", cells[0]);
        assert_eq!(cells.len(), 5, "{cells:?}");
    }
    assert!(rows.len() + table::rows("operating.md", "state").len() >= 30);
}
