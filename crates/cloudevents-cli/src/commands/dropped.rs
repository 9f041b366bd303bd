//! Messages that arrived faster than the program took them, from a peer that does not wait, and messages that could not be read.

use crate::{console::Console, failure::Status, plain::count, report::Report};
use cloudevents_kit::transport::{Connectivity, Missing};

/// Reports how many were dropped, if any. Then the exit status is the status of a failed network.
pub(super) fn tell(dropped: u64, console: &Console) {
    if dropped > 0 {
        let report = Report::new(format!("{} dropped", count(dropped, "message")))
            .kind("dropped")
            .detail("they came faster than they were taken, and the source keeps none")
            .help("a larger `prefetch`, and `in-flight-bytes`, leave room for longer bursts");
        console.error(Status::Network, &report);
    }
}

/// Reports that an unreadable message is left, if there is one. Then the exit status is the status of a failed network.
pub(super) fn tell_unread(connectivity: &Connectivity, console: &Console) {
    if connectivity.missing() == Some(Missing::Unreadable) {
        let report = Report::new("a message of the source was not received")
            .kind("unread")
            .detail("its headers cannot be parsed, so that it ends each connection over which it comes; others that came with it may be at the source, too")
            .help("the log says which right the user lacks; with that right, it is received as malformed");
        console.error(Status::Network, &report);
    }
}
