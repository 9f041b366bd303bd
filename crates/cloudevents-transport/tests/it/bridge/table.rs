//! The tables of the pages for operators, and the metrics of a bridge.

use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{PrometheusPage, bridge::BridgeStatus};
use std::{collections::BTreeMap, fs};

/// The cells of the rows of a table. Its header begins with this cell.
pub(super) fn rows(page: &str, first: &str) -> Vec<Vec<String>> {
    let path = format!("{}/../../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(path).unwrap();
    let header = format!("| {first} |");
    let table = page.lines().skip_while(|line| !line.starts_with(&header)).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// The cells of one row.
pub(super) fn row(page: &str, first: &str, name: &str) -> Vec<String> {
    let found = rows(page, first).into_iter().find(|cells| cells.first().is_some_and(|cell| cell == name));
    found.unwrap_or_else(|| panic!("no row `{name}`"))
}

/// The samples of the metrics, by name and labels.
pub(super) fn metrics(status: &BridgeStatus) -> BTreeMap<String, f64> {
    let mut page = PrometheusPage::new();
    status.add_to(&mut page);
    let page = page.to_string();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// What `/ready` and the gauges say. They never contradict each other.
pub(super) fn seen(status: &BridgeStatus) -> (bool, bool) {
    let metrics = metrics(status);
    let gauge = |name: &str| metrics[&format!("cloudevents_bridge_{name}")] == 1.0;
    assert_eq!(gauge("ready"), status.is_ready(), "{status:?}");
    assert_eq!(gauge("stalled"), status.stall().is_some(), "{status:?}");
    (status.is_ready(), gauge("stalled"))
}

/// How often the log has this.
pub(super) fn count(log: &Logged, words: &str) -> usize {
    log.text().lines().filter(|line| line.contains(words)).count()
}
