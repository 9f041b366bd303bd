//! A real broker that takes back what is held for long (`consumer_timeout`). The setting concerns all connections, so
//! `.ci/brokers/rabbitmq` runs this alone, with a command that controls the broker.

use crate::tools::{event, name, real, within};
use cloudevents_rabbitmq::lapin4::{QueueType, RabbitReceiverOptions, RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::patience;
use cloudevents_transport::Failure;
use std::{env, process::Command, time::Duration};
use tokio::time::sleep;

/// Sets how long a consumer may hold a message, and how often the broker looks, in milliseconds.
fn set_timeout(control: &str, timeout: u32, interval: u32) {
    for (setting, value) in [("consumer_timeout", timeout), ("channel_tick_interval", interval)] {
        let command = format!("{control} eval 'application:set_env(rabbit, {setting}, {value}).'");
        let done = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(done.success(), "{command}");
    }
}

/// It is seen with its reason, and the message is given up as if the broker had left it here.
#[tokio::test]
async fn what_the_broker_takes_back_again_and_again_is_given_up_and_the_reason_is_named() {
    let Ok(control) = env::var("CE_TEST_RABBITMQ_CTL") else {
        println!("SKIPPED: CE_TEST_RABBITMQ_CTL is not set");
        return;
    };
    let (url, dead) = (format!("{}?queue={}", real().unwrap(), name("held")), name("dead"));
    set_timeout(&control, 3_000, 500);
    let mut options = RabbitSenderOptions::default();
    options.declare = Some(QueueType::Classic);
    sender(&url, options).await.unwrap().send(&event("poison")).await.unwrap();
    let mut options = RabbitReceiverOptions::default();
    options.declare = Some(QueueType::Classic);
    options.receiver.give_up_after = Some(Duration::from_secs(8));
    (options.receiver.retry.first, options.receiver.retry.longest) = Default::default();
    let receiver = receiver(&format!("{url}&dead-letter={dead}"), options).await.unwrap();
    let (counters, connectivity) = (receiver.counters(), receiver.connectivity());
    let seen = tokio::spawn({
        let mut connectivity = receiver.connectivity();
        async move {
            loop {
                connectivity.changed().await;
                if let Some(error) = connectivity.state().error() {
                    return error.clone();
                }
            }
        }
    });
    let script = async {
        while counters.snapshot().rejected == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let poison = async |_: cloudevents_core::Event| Err::<(), _>(Failure::retry("a bug"));
    let ended = tokio::time::timeout(patience(), receiver.run(poison).until(script)).await;
    set_timeout(&control, 1_800_000, 60_000);
    ended.unwrap().unwrap();
    let error = within(seen).await.unwrap();
    assert!(error.detail().contains("delivery acknowledgement"), "{error:?}");
    assert!(error.help().unwrap().contains("`consumer_timeout`"), "{error:?}");
    assert!(connectivity.losses() >= 2, "{}", connectivity.losses());
}
