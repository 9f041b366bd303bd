//! Measures `ce` and the outbox at the size of production, beside the bare clients of the same libraries: `.ci/long scale` runs it.
//!
//! ```text
//! scale run ROWS GROUP    measures a group of cases, prints its rows, and adds them to the file ROWS
//! scale report ROWS       prints the table; exit status 1 if a row is below a floor
//! ```
//!
//! `CE` names the program. The scripts in `.ci/brokers` start the brokers. With `CE_SCALE=short`, loads are smaller.

mod backlog;
mod brokers;
mod child;
mod events;
mod failure;
mod files;
mod hand;
mod hot;
mod judge;
mod load;
mod outbox;
mod send;
mod slow;
mod table;
mod target;

use brokers::{
    Broker,
    amqp::Amqp,
    jetstream::JetStream,
    kafka::Kafka,
    mqtt::{Mqtt, Topics},
    nats,
    pgmq::Pgmq,
    pubsub::Pubsub,
    rabbitmq::RabbitMq,
    redis::Redis,
    sqs::Sqs,
    websockets,
};
use failure::Result;
use load::Load;
use slow::Slowness;
use std::{env, path::Path, process::ExitCode, time::Duration};
use table::Table;

const USAGE: &str = "usage: scale run ROWS GROUP, or scale report ROWS; \
    groups: amqp, files, http, jetstream, kafka, mqtt, nats, pgmq, postgres, pubsub, rabbitmq, redis, run, slow, sqlite, \
    sqs, websockets";

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    // The HTTP client wants one, though nothing here has TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["run", rows, group] => run(group, &Table::new(*rows)).await.map(|()| true),
        ["report", rows] => table::report(Path::new(rows)),
        // The peer of `ce send` over HTTP.
        ["post", url, count, size, keys] => match (count.parse(), size.parse(), keys.parse()) {
            (Ok(count), Ok(size), Ok(keys)) => {
                send::post(url, Load { count, size, keys }).await.map(|()| true)
            }
            _ => Err(USAGE.into()),
        },
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// The loads of a whole run, or of a short one.
#[derive(Clone, Copy, Debug)]
struct Form {
    small: Load,
    large: Load,
    sent: Load,
    burst: Load,
    /// Of the emulator of SQS: with each message that it hands out, it looks at all messages of the queue many times.
    emulated: Load,
    emulated_large: Load,
    /// With many topics.
    topics: Load,
    rows: usize,
    /// Of one key and of others.
    hot: usize,
    file: Load,
    slowness: Slowness,
    /// Of a target that is slow and has more places.
    latency: Slowness,
}

impl Form {
    const WHOLE: Self = Self {
        small: Load { count: 100_000, size: 1000, keys: 5000 },
        large: Load { count: 500, size: 900_000, keys: 50 },
        sent: Load { count: 200_000, size: 1000, keys: 5000 },
        burst: Load { count: 200_000, size: 1000, keys: 5000 },
        emulated: Load { count: 1000, size: 1000, keys: 500 },
        emulated_large: Load { count: 50, size: 900_000, keys: 50 },
        topics: Load { count: 100_000, size: 1000, keys: 10_000 },
        rows: 1_000_000,
        hot: 40_000,
        file: Load { count: 1_750_000, size: 1000, keys: 1 },
        slowness: Slowness {
            places: 16,
            delay: Duration::from_secs(3),
            timeout: 30,
            before: Duration::from_secs(90),
            measured: Duration::from_secs(120),
        },
        latency: Slowness {
            places: 64,
            delay: Duration::from_millis(50),
            timeout: 30,
            before: Duration::from_secs(10),
            measured: Duration::from_secs(60),
        },
    };
    const SHORT: Self = Self {
        small: Load { count: 20_000, size: 1000, keys: 5000 },
        large: Load { count: 100, size: 900_000, keys: 50 },
        sent: Load { count: 50_000, size: 1000, keys: 5000 },
        burst: Load { count: 200_000, size: 1000, keys: 5000 },
        emulated: Load { count: 300, size: 1000, keys: 150 },
        emulated_large: Load { count: 20, size: 900_000, keys: 20 },
        topics: Load { count: 30_000, size: 1000, keys: 10_000 },
        rows: 200_000,
        hot: 6000,
        file: Load { count: 175_000, size: 1000, keys: 1 },
        slowness: Slowness {
            places: 16,
            delay: Duration::from_secs(3),
            timeout: 30,
            before: Duration::from_secs(45),
            measured: Duration::from_secs(45),
        },
        latency: Slowness {
            places: 64,
            delay: Duration::from_millis(50),
            timeout: 30,
            before: Duration::from_secs(5),
            measured: Duration::from_secs(15),
        },
    };
    /// The load that core NATS and a receiver hold by themselves, or an emulator.
    const HELD: Load = Load { count: 60_000, size: 1000, keys: 5000 };

    /// For a queue that keeps none: each event has its own key.
    fn without_order(self) -> Self {
        let own = |load: Load| Load { keys: load.count, ..load };
        Self { small: own(self.small), large: own(self.large), sent: own(self.sent), ..self }
    }
}

async fn run(group: &str, table: &Table) -> Result<()> {
    let form = if env::var("CE_SCALE").is_ok_and(|form| form == "short") { Form::SHORT } else { Form::WHOLE };
    let url = |name: &str| env::var(name).map_err(|_| format!("{name} is not set"));
    match group {
        "amqp" => of_broker(&Amqp(url("CE_TEST_AMQP_URL")?), form, table).await,
        "http" => send::measure_http(form.sent, table).await,
        "files" => files::measure(form.file, table).await,
        "jetstream" => {
            let broker = JetStream(url("CE_TEST_NATS_URL")?);
            of_broker(&broker, form, table).await?;
            slow::measure_backlog(&broker, form.latency, table).await
        }
        "kafka" => {
            // First: its memory is that of this process.
            hot::measure_kafka(&Kafka(url("CE_TEST_KAFKA_URL")?, 6), form.hot, table).await?;
            for partitions in [6, 500] {
                of_broker(&Kafka(url("CE_TEST_KAFKA_URL")?, partitions), form, table).await?;
            }
            Ok(())
        }
        "mqtt" => {
            of_broker(&Mqtt(url("CE_TEST_MQTT_URL")?, Topics::One), form, table).await?;
            read(&Mqtt(url("CE_TEST_MQTT_URL")?, Topics::OfKeys), form.topics, table).await
        }
        "nats" => nats::bursts(&url("CE_TEST_NATS_URL")?, Form::HELD, form.burst, table).await,
        "pgmq" => {
            // Without its file, the script has said why.
            let Ok(file) = env::var("CE_TEST_PGMQ_SQL") else { return Ok(()) };
            of_broker(&Pgmq::install(&url("CE_TEST_POSTGRES_URL")?, &file).await?, form, table).await
        }
        "postgres" => outbox::postgres(&url("CE_TEST_POSTGRES_URL")?, form.rows, table).await,
        "pubsub" => {
            let server = url("CE_TEST_PUBSUB_URL")?;
            // The emulator holds all messages of a run in memory.
            let held = |load: Load| Load { count: load.count.min(Form::HELD.count), ..load };
            let form =
                Form { small: held(form.small), large: form.emulated_large, sent: held(form.sent), ..form };
            of_broker(&Pubsub::new(&server)?, form.without_order(), table).await
        }
        "rabbitmq" => {
            for queues in ["classic", "quorum"] {
                of_broker(&RabbitMq(url("CE_TEST_RABBITMQ_URL")?, queues), form, table).await?;
            }
            Ok(())
        }
        "redis" => of_broker(&Redis(url("CE_TEST_REDIS_URL")?), form, table).await,
        "run" => hot::measure(form.hot, table).await,
        "slow" => slow::measure(form.slowness, table).await,
        "sqlite" => outbox::sqlite(form.rows, table).await,
        "sqs" => {
            let server = url("CE_TEST_SQS_URL")?;
            let form = Form { small: form.emulated, large: form.emulated_large, sent: form.emulated, ..form };
            of_broker(&Sqs::new(&server, false), form.without_order(), table).await?;
            of_broker(&Sqs::new(&server, true), form, table).await
        }
        "websockets" => websockets::bursts(form.sent, table).await,
        _ => Err(USAGE.into()),
    }
}

/// A case that cannot be measured is a row, and the next ones are measured.
async fn of_broker(broker: &impl Broker, form: Form, table: &Table) -> Result<()> {
    for load in [form.small, form.large] {
        read(broker, load, table).await?;
    }
    if let Err(error) = send::measure(broker, form.sent, table).await {
        table.failed(&case(broker, form.sent, "send"), &error.to_string())?;
    }
    Ok(())
}

async fn read(broker: &impl Broker, load: Load, table: &Table) -> Result<()> {
    if let Err(error) = backlog::measure(broker, load, table).await {
        table.failed(&case(broker, load, "read"), &error.to_string())?;
    }
    Ok(())
}

fn case(broker: &impl Broker, load: Load, what: &str) -> String {
    format!("{}, {} x {} B, {what}", broker.name(), load.count, load.size)
}
