//! Metrics in the text format of Prometheus.

use crate::Metrics;
use std::{collections::BTreeMap, fmt, time::Duration};

/// A page in the text format of Prometheus: metrics of senders and receivers, and gauges of the program.
///
/// Counters of [`Metrics`] are named `cloudevents_<name>_total`. Labels distinguish senders and receivers.
///
/// ```
/// use cloudevents_transport::{Metrics, PrometheusPage};
///
/// let mut metrics = Metrics::default();
/// metrics.received = 2;
/// let mut page = PrometheusPage::new();
/// page.metrics(&[("address", "orders")], metrics);
/// page.gauge("cloudevents_lag", "Records that are not settled.", &[("partition", "0")], 7);
/// let page = page.to_string();
/// assert!(page.contains("# TYPE cloudevents_received_total counter\n"));
/// assert!(page.contains("cloudevents_received_total{address=\"orders\"} 2\n"));
/// assert!(page.contains("# TYPE cloudevents_lag gauge\ncloudevents_lag{partition=\"0\"} 7\n"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct PrometheusPage(BTreeMap<String, Family>);

/// All samples of one name, which have to be adjacent.
#[derive(Clone, Debug)]
struct Family {
    help: String,
    kind: &'static str,
    samples: Vec<(String, String)>,
}

impl PrometheusPage {
    /// The content type of the page.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Creates an empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the counters of a sender or receiver.
    pub fn metrics(&mut self, labels: &[(&str, &str)], metrics: Metrics) {
        for (name, help, number) in metrics.described() {
            self.add(format!("cloudevents_{name}_total"), &help, "counter", labels, number.to_string());
        }
    }

    /// Adds a gauge, a number that can go up and down.
    ///
    /// The name has to be valid for Prometheus: ASCII letters, digits and underscores.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.add(name.to_owned(), help, "gauge", labels, value.to_string());
    }

    /// Adds a gauge of a duration, in seconds with three decimals. By convention its name ends with `_seconds`. The name has to be valid,
    /// as for [`gauge`](Self::gauge).
    pub fn seconds(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: Duration) {
        let value = format!("{}.{:03}", value.as_secs(), value.subsec_millis());
        self.add(name.to_owned(), help, "gauge", labels, value);
    }

    /// Adds a counter, a number that only goes up.
    ///
    /// By convention its name ends with `_total`. The name has to be valid, as for [`gauge`](Self::gauge).
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.add(name.to_owned(), help, "counter", labels, value.to_string());
    }

    fn add(&mut self, name: String, help: &str, kind: &'static str, labels: &[(&str, &str)], value: String) {
        let family = self.0.entry(name).or_insert_with(|| Family {
            help: escaped(help, false),
            kind,
            samples: Vec::new(),
        });
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value, true))).collect();
        family.samples.push((labels.join(","), value));
    }
}

/// The page.
impl fmt::Display for PrometheusPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Family { help, kind, samples }) in &self.0 {
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
            for (labels, value) in samples {
                match labels.is_empty() {
                    true => writeln!(f, "{name} {value}")?,
                    false => writeln!(f, "{name}{{{labels}}} {value}")?,
                }
            }
        }
        Ok(())
    }
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_name_stand_together_and_labels_are_escaped() {
        let mut page = PrometheusPage::new();
        page.metrics(&[("address", "a\"b\\c\nd")], Metrics::default());
        page.metrics(&[], Metrics::default());
        let page = page.to_string();
        let of_sent: Vec<_> = page.lines().filter(|line| line.contains("cloudevents_sent_total")).collect();
        assert_eq!(
            of_sent[1..],
            [
                "# TYPE cloudevents_sent_total counter",
                r#"cloudevents_sent_total{address="a\"b\\c\nd"} 0"#,
                "cloudevents_sent_total 0",
            ]
        );
        let families = Metrics::default().iter().count();
        assert_eq!(page.lines().filter(|line| line.starts_with("# HELP ")).count(), families);
        assert!(page.lines().all(|line| !line.ends_with(' ') && !line.contains(['[', ']', '`'])), "{page}");
    }
}
