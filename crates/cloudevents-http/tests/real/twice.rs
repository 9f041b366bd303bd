//! A second request on the same connection, or to the same server, is handled as the first one.

use crate::tools::{Wire, soon};
use bytes::Bytes;
use cloudevents_http::{HttpReceiverOptions, serve};
use http::Response;
use std::time::Duration;
use tokio::net::TcpListener;

/// More than the buffers of both ends take.
const LARGE: usize = 16 << 20;

/// The time for each response begins anew, also for a client that has let the one before wait.
#[tokio::test]
async fn a_client_may_be_slow_with_each_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut options = HttpReceiverOptions::default();
    options.response_deadline = cloudevents_testkit::slowed(Duration::from_secs(4));
    let half = options.response_deadline.mul_f64(0.6);
    let body = Bytes::from(vec![b'x'; LARGE]);
    tokio::spawn(async move {
        let respond = move |_: http::Request<_>, _| std::future::ready(Response::new(body.clone()));
        serve(listener, &options, std::future::pending(), respond).await;
    });
    let mut wire = Wire::connect(address).await;
    for round in 1..=2 {
        assert!(wire.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await, "round {round}");
        // The time is the subject: for more than half of the deadline, the client reads nothing.
        tokio::time::sleep(half).await;
        let answer = soon(wire.answer()).await.unwrap_or_else(|| panic!("round {round}: no response"));
        assert_eq!(answer.body.len(), LARGE, "round {round}");
    }
}
