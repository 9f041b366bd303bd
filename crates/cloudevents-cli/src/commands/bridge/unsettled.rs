//! Settlements that were lost with the connection to the source: one line for all of an outage.

use crate::{console::Console, plain::count, report::Report};
use cloudevents_kit::transport::Metrics;

/// The number of failed settlements that have a line.
#[derive(Default)]
pub(super) struct Unsettled {
    told: u64,
}

impl Unsettled {
    /// Reports the settlements that failed since the last call, if the source had lost its connection.
    pub(super) fn tell(&mut self, received: &Metrics, console: &Console) {
        self.next(received).iter().for_each(|report| console.report(report));
    }

    fn next(&mut self, received: &Metrics) -> Option<Report> {
        let failed = received.settlements_failed.saturating_sub(self.told);
        if failed == 0 || received.disconnects == 0 {
            return None;
        }
        self.told = received.settlements_failed;
        let words = format!("{} at FROM failed", count(failed, "settlement"));
        let report =
            Report::warning(words).kind("settlements").member("settlements_failed", failed.to_string());
        Some(report.detail("the connection was lost; a message whose settlement did not arrive comes again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_one_line_with_the_number() {
        let (mut unsettled, mut received) = (Unsettled::default(), Metrics::default());
        received.settlements_failed = 984;
        // Without a loss, a dead letter was not stored. It has a line of its own.
        assert!(unsettled.next(&received).is_none());
        received.disconnects = 1;
        let report = unsettled.next(&received).unwrap();
        assert!(report.one_line().contains("984 settlements at FROM failed"), "{}", report.one_line());
        assert_eq!(report.kind_code(), Some("settlements"));
        assert!(unsettled.next(&received).is_none());
        received.settlements_failed = 985;
        assert!(unsettled.next(&received).unwrap().one_line().contains("1 settlement at FROM failed"));
    }
}
