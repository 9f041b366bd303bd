//! A shop that stores its orders in Postgres, and tells others of each. The event is stored in the transaction of the order, so that
//! there is no order without an event and no event without an order, whenever the program crashes. A worker delivers the events at
//! least once.
//!
//! ```text
//! .ci/brokers/postgres cargo run -p example-outbox-postgres     # to a queue in memory, with a check
//! cargo run -p example-outbox-postgres -- postgresql://shop@localhost/shop http://localhost:8080/events
//! ```

use cloudevents_kit::{
    Event, Sender, connect_sender,
    outbox::{
        Entry, Outbox, OutboxOptions, Query, State,
        tokio_postgres07::{self, PostgresStore},
    },
    prelude::*,
    transport::fake::FakeQueue,
};
use std::{collections::HashMap, error::Error, time::Duration};
use tokio_postgres::{Client, NoTls};

/// The name of the target of all events. A program with several receivers has several.
const TARGET: &str = "billing";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(database) = arguments.next().or(std::env::var("CE_TEST_POSTGRES_URL").ok()) else {
        println!("SKIPPED: give the URL of a database; .ci/brokers/postgres starts a server");
        return Ok(());
    };
    let (mut client, connection) = tokio_postgres::connect(&database, NoTls).await?;
    tokio::spawn(connection);
    let outbox = Outbox::new(PostgresStore::connect(database.parse()?, NoTls).await?);
    client.batch_execute("CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, total integer)").await?;

    let Some(url) = arguments.next() else { return try_it(&mut client, &outbox).await };
    place(&mut client, &format!("order-{}", std::process::id()), 1999).await?;
    deliver(&outbox, connect_sender(&url).await?, cloudevents_kit::transport::shutdown_signal()).await
}

/// The order and its event, or neither.
async fn place(client: &mut Client, order: &str, total: i32) -> Result<(), Box<dyn Error>> {
    let event = Event::builder()
        .id(order)
        .source("https://shop.example/orders")
        .ty("com.example.order.placed")
        .json(&HashMap::from([("total", total)]))
        .build()?;
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO orders (id, total) VALUES ($1, $2)", &[&order, &total]).await?;
    tokio_postgres07::enqueue(&transaction, &Entry::new(TARGET, &event).in_order()).await?;
    transaction.commit().await?;
    Ok(())
}

/// Any number of processes may do this at once.
async fn deliver(
    outbox: &Outbox<PostgresStore>,
    sender: Sender,
    shutdown: impl Future,
) -> Result<(), Box<dyn Error>> {
    let senders = HashMap::from([(TARGET.to_owned(), sender)]);
    outbox.run(senders, OutboxOptions::default()).until(shutdown).await?;
    println!("{}", outbox.metrics());
    for dead in outbox.find(Query::default().with_state(State::Dead)).await? {
        println!("dead: {} to {}: {}", dead.number, dead.target, dead.reason.unwrap_or_default());
    }
    Ok(())
}

/// Places some orders, one of them twice, and delivers their events to a queue in memory.
async fn try_it(client: &mut Client, outbox: &Outbox<PostgresStore>) -> Result<(), Box<dyn Error>> {
    for order in ["1", "2", "2", "3"] {
        if let Err(error) = place(client, order, 100).await {
            println!("order {order}: {error}, and no event");
        }
    }
    let queue = FakeQueue::new();
    let done = async {
        while outbox.counts().await.map_or(1, |counts| counts.pending) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    deliver(outbox, queue.sender(), done).await?;
    let delivered = outbox.find(Query::default().with_state(State::Delivered)).await?;
    let ids: Vec<_> = delivered.iter().filter_map(|record| record.id.as_deref()).collect();
    if ids != ["1", "2", "3"] {
        return Err(format!("delivered were {ids:?}").into());
    }
    println!("delivered, in order: {ids:?}");
    Ok(())
}
