//! What the checks of incidents see.

use cloudevents_core::Error;
use cloudevents_testkit::{
    fault_proxy::FaultProxy,
    incidents::{Proxied, check_all},
};
use cloudevents_transport::{
    Outcome, Receiver, ReceiverCapabilities, ReceiverOptions, Sender, Settlement,
    binding::{Incoming, Receive, Settle, Token},
    contract::{Claims, Venue},
    fake::FakeQueue,
};
use std::{net::TcpListener, time::Duration};

/// A receiver with a fault: it panics when the second message comes.
struct Panics {
    receiver: Receiver,
    has_come: bool,
}

impl Receive for Panics {
    fn capabilities(&self) -> ReceiverCapabilities {
        self.receiver.capabilities()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        let Some(delivery) = self.receiver.next().await? else { return Ok(None) };
        assert!(!self.has_come, "as the test wants it");
        self.has_come = true;
        let received = delivery.received().clone();
        delivery.accept().await?;
        Ok(Some(Incoming::new(received, Token::new(Done))))
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.receiver.drain(deadline).await
    }
}

/// The message was accepted before.
struct Done;

impl Settle for Done {
    fn settle(self: Box<Self>, _: Settlement) -> Outcome {
        Outcome::done()
    }

    fn extend(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A queue in memory, beside a proxy.
struct Place {
    queue: FakeQueue,
    proxy: FaultProxy,
}

impl Venue for Place {
    fn claims(&self) -> Claims {
        Claims::default()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        Ok(self.queue.sender())
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let receiver = self.queue.receiver(options);
        Ok(Receiver::new(Panics { receiver, has_come: false }, ReceiverOptions::default()))
    }
}

impl Proxied for Place {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_panics_passes_no_check() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let place = async |_| Ok(Place { queue: FakeQueue::new(), proxy: FaultProxy::start(address).unwrap() });
    let report = check_all(place).await;
    println!("{report}");
    for (check, verdict) in report.iter() {
        assert!(verdict.is_err(), "{check} holds");
    }
    assert!(report.to_string().contains("the receiver has panicked"), "{report}");
}
