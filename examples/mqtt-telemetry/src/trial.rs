//! Runs the service with a broker in this process and sample devices.

use crate::service::{self, Overheated, Temperature};
use cloudevents_kit::{connect_receiver, connect_sender, prelude::*};
use cloudevents_testkit::mqtt::{Broker, Published};
use std::{collections::BTreeSet, error::Error, time::Duration};

/// The number of devices, and of the readings of each.
const DEVICES: usize = 5;
const READINGS: usize = 20;

/// Sends readings of devices, and checks the alarms.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start()?;
    println!("a broker at {}", broker.url(""));
    let url = format!("{}?client=service&dead-letter=plant/rejected", broker.url("plant/+/telemetry"));
    let service_receiver = connect_receiver(&url).await?;
    let service_sender = connect_sender(&broker.url("plant/{device}/alarms")).await?;
    let mut alarms = connect_receiver(&format!("{}?reject=drop", broker.url("plant/+/alarms"))).await?;
    let mut rejected = connect_receiver(&format!("{}?reject=drop", broker.url("plant/rejected"))).await?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let until = async {
            let _ = stopped.await;
        };
        service::run(service_receiver, &service_sender, until).await
    });

    let devices = connect_sender(&broker.url("plant/{device}/telemetry")).await?;
    for number in 0..DEVICES * READINGS {
        let device = format!("press-{}", number % DEVICES);
        let builder =
            Event::builder().id(number.to_string()).source("/plant").extension("device", device.as_str());
        let celsius = if number % 7 == 0 { 95.5 } else { 60.0 };
        devices.send(&TypedEvent::build(builder, Temperature { celsius })?.into_event()).await?;
    }
    // One device is older, and sends what is no event.
    broker.publish(Published::new("plant/press-0/telemetry", "95.5"));

    let mut overheated = BTreeSet::new();
    let expected: BTreeSet<usize> = (0..DEVICES * READINGS).filter(|number| number % 7 == 0).collect();
    while overheated.len() < expected.len() {
        let next = tokio::time::timeout(Duration::from_secs(10), alarms.next()).await??;
        let delivery = next.ok_or("the alarms have ended")?;
        let alarm = TypedEvent::<Overheated>::try_from(delivery.event()?)?;
        let number: usize = alarm.event().id().parse()?;
        let topic = format!("plant/press-{}/alarms", number % DEVICES);
        check(delivery.topic() == Some(topic.as_str()), "an alarm is sent to its device")?;
        overheated.insert(number);
        delivery.accept().await?;
    }
    check(overheated == expected, "there is an alarm for each temperature that is too high")?;
    let next = tokio::time::timeout(Duration::from_secs(10), rejected.next()).await??;
    let letter = next.ok_or("the dead letters have ended")?;
    check(letter.body().as_deref() == Some(b"95.5"), "what is no event is kept")?;
    let _ = stop.send(());
    running.await??;
    let session = broker.session("service").ok_or("the broker has no session of the service")?;
    check(session.unacknowledged == 0 && session.waiting == 0, "everything was acknowledged")
}

fn check(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("this does not hold: {what}").into()) }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn what_is_too_hot_is_an_alarm() {
        super::run().await.unwrap();
    }
}
