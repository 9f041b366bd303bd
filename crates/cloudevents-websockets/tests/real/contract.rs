//! The contract of senders and receivers, over WebSockets.
//!
//! A server between keeps what its clients send until another client takes it. So clients and the server's connections are both tested.

use crate::tools::Hub;
use cloudevents_core::Error;
use cloudevents_testkit::patience;
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue, check_all},
};
use cloudevents_websockets::tungstenite029::{receiver, sender};
use std::sync::atomic::{AtomicU32, Ordering};

struct Path {
    hub: String,
    name: String,
}

impl Venue for Path {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // Documents are all there is, and a peer forgets what it has sent.
        (claims.binary, claims.persistent) = (false, false);
        claims.attempts = Some(10);
        claims.patience = 2 * patience();
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&format!("{}/in/{}", self.hub, self.name), Default::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        receiver(&format!("{}/out/{}?reject=drop", self.hub, self.name), options.into()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let hub = Hub::start().await;
    let open = async || {
        let name = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(Path { hub: hub.clone(), name })
    };
    let report = check_all(open).await;
    // Nothing is confirmed, nothing outlives a connection, and a message has no mark of CloudEvents that could be missing.
    let unclaimed = [
        "receipts_say_where",
        "requests_get_their_own_replies",
        "what_is_too_large_is_refused_and_blocks_nothing",
        "a_broker_that_stops_and_starts_loses_nothing",
        "what_is_malformed_surfaces_and_blocks_nothing",
        "what_is_foreign_goes_by_the_policy",
        "draining_loses_nothing",
        "an_end_repeats_nothing",
        "what_is_left_at_an_end_keeps_its_order",
        "a_cancelled_run_loses_nothing",
        "a_receiver_outlives_its_broker",
    ];
    report.assert_holds_but(&unclaimed);
}
