//! Messages that came faster than they were taken, from a peer that does not wait.

use crate::{console::Console, failure::Status, plain::count, report::Report};

/// Reports how many were dropped, if any: then the exit status is that of the network.
pub(super) fn tell(dropped: u64, console: &Console) {
    if dropped > 0 {
        let dropped = count(usize::try_from(dropped).unwrap_or(usize::MAX), "message");
        let report = Report::new(format!("{dropped} dropped"))
            .kind("dropped")
            .detail("they came faster than they were taken, and the source keeps none")
            .help("a larger `prefetch`, and `in-flight-bytes`, leave room for longer bursts");
        console.error(Status::Network, &report);
    }
}
