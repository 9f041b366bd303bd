//! An alarm of a real broker: it reads nothing from publishers until it ends. It concerns all connections, so `.ci/brokers/rabbitmq` runs
//! this alone, with a command that controls the broker.

use crate::tools::{event, id, large, name, next, real, within};
use cloudevents_core::ErrorKind;
use cloudevents_rabbitmq::lapin4::{QueueType, RabbitReceiverOptions, RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::patience;
use std::{env, process::Command, time::Duration};
use tokio::time::timeout;

const BYTES: usize = 100_000;

/// Sets how much memory the broker may use before it has an alarm, as a part of the machine's.
fn set_memory(control: &str, part: &str) {
    let command = format!("{control} set_vm_memory_high_watermark {part}");
    let done = Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(done.success(), "{command}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_times_out_in_an_alarm_is_not_sent_when_it_ends() {
    const ROOM: usize = 5;
    const ROUNDS: usize = 4;
    let Ok(control) = env::var("CE_TEST_RABBITMQ_CTL") else {
        println!("SKIPPED: CE_TEST_RABBITMQ_CTL is not set");
        return;
    };
    let url = format!("{}?queue={}", real().unwrap(), name("alarm"));
    let mut options = RabbitSenderOptions::default();
    options.declare = Some(QueueType::Classic);
    options.sender.in_flight = Some(cloudevents_transport::Bounds { messages: ROOM, ..Default::default() });
    options.sender.timeout = Some(Duration::from_secs(1));
    options.sender.enqueue_timeout = Duration::from_secs(1);
    let sender = sender(&url, options).await.unwrap();
    sender.send(large(0, BYTES)).await.unwrap();

    set_memory(&control, "0.000001");
    for round in 0..ROUNDS {
        let sends = (1..=ROOM).map(|number| sender.send(large(round * ROOM + number, BYTES)));
        for sent in futures_util::future::join_all(sends).await {
            assert_eq!(sent.unwrap_err().kind(), ErrorKind::Timeout);
        }
    }
    set_memory(&control, "0.4");

    // The sender works again, and what came before is what was handed over until the broker said that it takes nothing.
    let works = async { while sender.send(large(1_000, BYTES)).await.is_err() {} };
    timeout(patience(), works).await.unwrap();
    let mut receiver =
        receiver(&format!("{url}&reject=drop"), RabbitReceiverOptions::default()).await.unwrap();
    let mut came = 0;
    loop {
        let delivery = timeout(patience(), receiver.next()).await.unwrap().unwrap().unwrap();
        let is_last = delivery.event().unwrap().id() == "1000";
        delivery.accept().await.unwrap();
        if is_last {
            break;
        }
        came += 1;
    }
    assert!(came <= 1 + ROOM, "{came} events, {ROOM} at a time");
}

/// Retries wait for the alarm to end. If their messages are lost meanwhile, those come again, and are not sent besides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_while_its_retry_waits_for_an_alarm_comes_again_once() {
    const EVENTS: usize = 5;
    let Ok(control) = env::var("CE_TEST_RABBITMQ_CTL") else {
        println!("SKIPPED: CE_TEST_RABBITMQ_CTL is not set");
        return;
    };
    let url = format!("{}?queue={}&reject=drop", real().unwrap(), name("lost"));
    let mut options = RabbitReceiverOptions::default();
    options.declare = Some(QueueType::Classic);
    let mut receiving = receiver(&url, options.clone()).await.unwrap();
    let sending = sender(&url.replace("&reject=drop", ""), RabbitSenderOptions::default()).await.unwrap();
    for number in 0..EVENTS {
        within(sending.send(&event(number))).await.unwrap();
    }
    let mut held = Vec::new();
    while held.len() < EVENTS {
        held.push(next(&mut receiving).await);
    }
    set_memory(&control, "0.000001");
    // Only a client that sends something hears of it.
    let mut held = held.into_iter();
    let _ = timeout(Duration::from_secs(2), held.next().unwrap().retry(Duration::ZERO)).await;
    let retries: Vec<_> = held.map(|held| tokio::spawn(held.retry(Duration::ZERO).into_future())).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for command in ["stop_app", "start_app"] {
        let done = Command::new("sh").args(["-c", &format!("{control} {command}")]).status().unwrap();
        assert!(done.success(), "{command}");
    }
    set_memory(&control, "0.4");
    for retried in retries {
        assert_eq!(within(retried).await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    }
    drop(receiving);

    let mut receiver = receiver(&url, options).await.unwrap();
    let mut ids = Vec::new();
    while let Ok(delivery) = timeout(Duration::from_secs(5), receiver.next()).await {
        let delivery = delivery.unwrap().unwrap();
        ids.push(id(&delivery));
        delivery.accept().await.unwrap();
    }
    ids.sort();
    assert_eq!(ids, ["0", "1", "2", "3", "4"]);
}
