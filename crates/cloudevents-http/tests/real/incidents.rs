//! Incidents of connections, over HTTP: the proxy is before the receiver, which is a server.

use crate::tools::client;
use cloudevents_core::Error;
use cloudevents_http::{
    HttpReceiver,
    reqwest013::{HttpSenderOptions, sender},
};
use cloudevents_testkit::{
    fault_proxy::FaultProxy,
    incidents::{Patience, Proxied, check_all},
    ports,
};
use cloudevents_transport::{
    Bounds, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};

struct Place {
    proxy: FaultProxy,
    /// Where the receiver listens.
    port: u16,
    patience: Patience,
}

impl Venue for Place {
    fn claims(&self) -> Claims {
        Claims::default()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = HttpSenderOptions::default();
        (options.client, options.sender.timeout) = (Some(client()), Some(self.patience.send));
        options.sender.enqueue_timeout = self.patience.send;
        options.sender.in_flight = Some(Bounds { messages: 8, ..Bounds::default() }); // fewer than the receiver takes at once
        sender(&format!("http://{}/", self.proxy.address()), options)
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        Ok(HttpReceiver::bind(&format!("http://127.0.0.1:{}/", self.port), options.into())
            .await?
            .into_receiver())
    }
}

impl Proxied for Place {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_http() {
    let report = check_all(async |patience| {
        let port = ports::free();
        let proxy = FaultProxy::start(([127, 0, 0, 1], port).into()).unwrap();
        Ok(Place { proxy, port, patience })
    })
    .await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}
