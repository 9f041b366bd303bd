//! A live dashboard: events that arrive over HTTP are shown in every browser at once, over WebSockets. A browser that connects sees the
//! last event of each source first. One that is too slow skips what it missed, and holds up neither the others nor the sources.
//!
//! ```text
//! cargo run -p example-live-dashboard          # a trial: sensors, and two dashboards in this process
//! cargo run -p example-live-dashboard -- 127.0.0.1:8080
//! # open http://127.0.0.1:8080/ in several windows, and send events:
//! curl -i 127.0.0.1:8080/events -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /sensors/7' \
//!     -H 'ce-type: com.example.temperature' -H 'content-type: application/json' -d '21.5'
//! ```
//!
//! The page in `src/page.html` has no library: a browser's own `WebSocket`, with the subprotocol `cloudevents.json`.

mod board;
mod server;
mod trial;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(address) = std::env::args().nth(1) else { return trial::run().await };
    let listener = TcpListener::bind(address).await?;
    println!("open http://{}/", listener.local_addr()?);
    tokio::select! {
        served = server::serve(listener) => Ok(served?),
        () = cloudevents_kit::transport::shutdown_signal() => Ok(()),
    }
}
