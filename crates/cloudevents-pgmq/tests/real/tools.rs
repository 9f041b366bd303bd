//! Helpers for the tests of the client.

use cloudevents_core::DecodeOptions;
use cloudevents_pgmq::tokio_postgres07::{PgmqReceiverOptions, PgmqSenderOptions, receiver, sender};
pub(crate) use cloudevents_testkit::{
    deliveries::{event, id, large, next, take, until, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};
use std::{env, fs};
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::{Client, NoTls};

/// The server that `CE_TEST_POSTGRES_URL` names, such as `postgresql://ci@127.0.0.1:5432/postgres`, without the database, and pgmq.sql.
fn real() -> Option<(String, String)> {
    let Ok(url) = env::var("CE_TEST_POSTGRES_URL") else {
        println!("skipped: CE_TEST_POSTGRES_URL is not set");
        return None;
    };
    let Ok(file) = env::var("CE_TEST_PGMQ_SQL") else {
        println!("skipped: CE_TEST_PGMQ_SQL is not set");
        return None;
    };
    let (server, _) = url.rsplit_once('/').unwrap();
    Some((server.to_owned(), fs::read_to_string(file).unwrap()))
}

/// A name that no other test has, for SQL.
pub(crate) fn name(what: &str) -> String {
    cloudevents_testkit::behaviours::name(what).replace('-', "_")
}

pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A queue of a database.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The URL of the database.
    pub(crate) database: String,
    pub(crate) queue: String,
}

impl Place {
    /// Creates a queue, if there is a server, in the database of these tests.
    pub(crate) async fn new(what: &str) -> Option<Self> {
        static DATABASE: OnceCell<Option<String>> = OnceCell::const_new();
        let database = DATABASE.get_or_init(database).await.clone()?;
        Some(Self::in_database(database, what).await)
    }

    /// The same in a database of its own.
    pub(crate) async fn alone(what: &str) -> Option<Self> {
        Some(Self::in_database(database().await?, what).await)
    }

    pub(crate) async fn in_database(database: String, what: &str) -> Self {
        let place = Self { database, queue: name(what) };
        place.create(&place.queue).await;
        place
    }

    pub(crate) async fn create(&self, queue: &str) {
        self.run(&format!("SELECT pgmq.create('{queue}')")).await;
    }

    pub(crate) fn url(&self, query: &str) -> String {
        format!("{}?queue={}&{query}", self.database, self.queue)
    }

    pub(crate) async fn sender(&self, query: &str) -> Sender {
        sender(&self.url(query), PgmqSenderOptions::default()).await.unwrap()
    }

    /// Rejected messages are dropped, unless the query says otherwise.
    pub(crate) async fn receiver(&self, query: &str) -> Receiver {
        receiver(&self.url(&format!("poll=20ms&{query}")), strict()).await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        client(&self.database).await
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The first column of the rows that a query returns, as text.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<String> {
        let rows = self.client().await.simple_query(sql).await.unwrap();
        let rows = rows.into_iter().filter_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("null").to_owned()),
            _ => None,
        });
        rows.collect()
    }

    /// How many messages are shown, and how many are hidden.
    pub(crate) async fn counts(&self) -> (usize, usize) {
        let table = format!("FROM pgmq.q_{} WHERE vt", self.queue);
        let sql = format!(
            "SELECT count(*) {table} <= clock_timestamp() UNION ALL SELECT count(*) {table} > clock_timestamp()"
        );
        let counts = self.ask(&sql).await;
        (counts[0].parse().unwrap(), counts[1].parse().unwrap())
    }

    /// Sends this text by SQL.
    pub(crate) async fn put(&self, message: &str) {
        let sql = "SELECT pgmq.send($1, $2::text::jsonb)";
        self.client()
            .await
            .query_typed(
                sql,
                &[
                    (&self.queue, tokio_postgres::types::Type::TEXT),
                    (&message, tokio_postgres::types::Type::TEXT),
                ],
            )
            .await
            .unwrap();
    }
}

/// Creates a database with pgmq, if there is a server.
async fn database() -> Option<String> {
    let (server, sql) = real()?;
    let name = name("pgmq");
    // The database from which others are made has one user at a time.
    static ONE: Mutex<()> = Mutex::const_new(());
    let _one = ONE.lock().await;
    client(&format!("{server}/postgres"))
        .await
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    let database = format!("{server}/{name}");
    client(&database).await.batch_execute(&sql).await.unwrap();
    Some(database)
}

pub(crate) fn strict() -> PgmqReceiverOptions {
    let mut options = PgmqReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().dropping_rejected();
    options
}
