//! A service for the telemetry of devices over MQTT 5: it takes temperatures from `plant/DEVICE/telemetry`, and sends an alarm to
//! `plant/DEVICE/alarms` when one is too high. A reading is acknowledged only after its alarm was confirmed, so a service that dies loses
//! nothing: the broker keeps its session.
//!
//! ```text
//! cargo run -p example-mqtt-telemetry          # with a broker in this process and sample devices
//! cargo run -p example-mqtt-telemetry -- \
//!     'mqtt://localhost:1883/plant/+/telemetry?client=alarms-1&dead-letter=plant/rejected' \
//!     'mqtt://localhost:1883/plant/{device}/alarms'
//! ```
//!
//! Several services share the work with `$share/alarms/plant/+/telemetry`, each with its own `client`.

mod service;
mod trial;

use cloudevents_kit::{connect_receiver, connect_sender};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(telemetry) = arguments.next() else { return trial::run().await };
    let alarms = arguments.next().ok_or("give the URL of the alarms, too")?;
    let (receiver, sender) = (connect_receiver(&telemetry).await?, connect_sender(&alarms).await?);
    service::run(receiver, &sender, cloudevents_kit::transport::shutdown_signal()).await?;
    sender.close().await?;
    Ok(())
}
