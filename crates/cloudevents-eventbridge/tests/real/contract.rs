//! The contract of senders, over the server that `CE_TEST_SQS_URL` names. The receiver is that of a queue
//! that is the target of a rule, with the adapter.

use crate::tools::{ALL, Place, patience, real, sending, url};
use cloudevents_adapters::Adapters;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_eventbridge::awssdk1::sender;
use cloudevents_sqs::awssdk1::SqsReceiverOptions;
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Report, Venue, check_some},
};

struct Bus(Place);

impl Venue for Bus {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // The emulator looks at every message for each request.
        claims.patience = 3 * patience();
        claims.order = false;
        claims.documents = false;
        claims.any_format = false;
        claims.binary = false;
        claims.releases_count = true;
        claims.too_large = Some(1 << 20);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&url(&self.0.server, &self.0.name, ""), sending()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let receiver = self.0.receiver_with(SqsReceiverOptions::from(options)).await?;
        let adapters = Adapters::known();
        Ok(receiver.convert(move |received, with| adapters.message(received, with)))
    }

    async fn put_garbage(&self, _: ErrorKind, _: &[u8]) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Unsupported))
    }
}

/// The checks of a sender. The rest is about a receiver, which is that of SQS. The adapter makes events of documents, so modes are not
/// checked. A thousand events take the emulator minutes.
const OF_SENDERS: [&str; 6] = [
    "everything_arrives",
    "a_closed_sender_declines",
    "what_goes_along_arrives_or_is_refused",
    "what_is_too_large_is_refused_and_blocks_nothing",
    "a_dropped_send_arrives_once_or_never",
    "requests_without_replies_are_refused",
];

fn check(report: &Report, count: usize) {
    report.assert_holds_but(&[]);
    assert_eq!(report.iter().count(), count, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Ok(Bus(Place::new("contract", ALL).await.unwrap()));
    check(&check_some(open, |name| OF_SENDERS.contains(&name)).await, OF_SENDERS.len());
}
