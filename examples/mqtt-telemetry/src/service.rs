//! The service.

use cloudevents_kit::{
    Error, Receiver, Sender,
    prelude::*,
    transport::{Failure, OrderBy},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A temperature that a device has measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Temperature {
    /// In degrees Celsius.
    pub(crate) celsius: f64,
}

impl EventData for Temperature {
    const TYPE: &'static str = "com.example.plant.temperature";
    type Codec = Json;
}

/// A temperature is too high.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Overheated {
    /// In degrees Celsius.
    pub(crate) celsius: f64,
}

impl EventData for Overheated {
    const TYPE: &'static str = "com.example.plant.overheated";
    type Codec = Json;
}

/// The highest temperature without an alarm.
const HIGHEST: f64 = 80.0;

/// Runs until it is stopped. Readings of one device are handled in order, those of several devices at once.
pub(crate) async fn run(
    receiver: Receiver,
    alarms: &Sender,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let alarms = Arc::new(alarms.clone());
    let check = move |reading: TypedEvent<Temperature>| {
        let alarms = Arc::clone(&alarms);
        async move { check(&reading, &alarms).await }
    };
    receiver.run(check).concurrency(16).in_order(OrderBy::attribute("device")).until(stop).await
}

/// An error is tried again later, and goes to the dead letters in the end.
async fn check(reading: &TypedEvent<Temperature>, alarms: &Sender) -> Result<(), Failure> {
    let celsius = reading.data().celsius;
    if celsius <= HIGHEST {
        return Ok(());
    }
    let event = reading.event();
    let device: String =
        event.extension_as("device")?.ok_or_else(|| Failure::reject("there is no `device`"))?;
    println!("{device} is overheated: {celsius}");
    // The id of the reading, so that a reading that comes twice makes one alarm.
    let builder = Event::builder().id(event.id()).source("/alarms").extension("device", device.as_str());
    let alarm = TypedEvent::build(builder, Overheated { celsius })?.into_event();
    alarms.send(&alarm).await?;
    Ok(())
}
