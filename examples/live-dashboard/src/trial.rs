//! Runs the server with sensors and two dashboards in this process, and checks what the dashboards show.

use crate::server::serve;
use cloudevents_kit::{Payload, Receiver, connect_receiver, connect_sender, prelude::*};
use std::{error::Error, time::Duration};
use tokio::{net::TcpListener, time::timeout};

const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener));

    let sensors = connect_sender(&format!("http://{address}/events")).await?;
    let feed = format!("ws://{address}/feed?role=client&reject=drop");
    let reading = |id: &str, sensor: &str, value: &str| {
        Event::builder()
            .id(id)
            .source(format!("/sensors/{sensor}"))
            .ty("com.example.temperature")
            .payload("application/json", Payload::json(value.to_owned()))
            .build()
    };
    sensors.send(&reading("1", "attic", "31.5")?).await?;
    sensors.send(&reading("2", "cellar", "12.0")?).await?;
    let mut early = connect_receiver(&feed).await?;
    expect(&mut early, &["1", "2"]).await?;
    sensors.send(&reading("3", "attic", "31.7")?).await?;
    expect(&mut early, &["3"]).await?;
    // A dashboard that opens later sees the last reading of each sensor.
    let mut late = connect_receiver(&feed).await?;
    expect(&mut late, &["3", "2"]).await?;
    sensors.send(&reading("4", "cellar", "12.1")?).await?;
    for dashboard in [&mut early, &mut late] {
        expect(dashboard, &["4"]).await?;
    }
    println!("both dashboards show the last reading of each sensor");
    Ok(())
}

/// Checks that the next events have these ids.
async fn expect(dashboard: &mut Receiver, ids: &[&str]) -> Result<(), Box<dyn Error>> {
    for id in ids {
        let delivery = timeout(PATIENCE, dashboard.next()).await??.ok_or("the feed has ended")?;
        let event = delivery.event()?;
        println!("{}: {}", event.source(), event.data_as_text()?);
        if event.id() != *id {
            return Err(format!("{} came instead of {id}", event.id()).into());
        }
        delivery.accept().await?;
    }
    Ok(())
}
