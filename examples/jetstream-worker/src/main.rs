//! A worker on a JetStream stream whose jobs take longer than the server waits for an acknowledgement. While a
//! job runs, the receiver tells the server that it is in progress, so no other worker gets it. A worker that
//! dies stops telling, and another one gets the job.
//!
//! ```text
//! nats stream add VIDEOS --subjects 'videos.>' --retention work --defaults
//! cargo run -p example-jetstream-worker -- 'nats+jetstream://localhost/videos.new?consumer=render&ack-wait=2s&dead-letter=videos.rejected'
//! ```
//!
//! Its test needs a server with JetStream, which `CE_TEST_NATS_URL` names: `nats://localhost:4222`.

use cloudevents_kit::{Receiver, connect_receiver, prelude::*};
use std::time::Duration;

/// The number of videos rendered at once.
const AT_ONCE: usize = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give the URL of a subject in JetStream")?;
    let receiver = connect_receiver(&url).await?;
    let counters = receiver.counters();
    work(receiver, Duration::from_secs(5), cloudevents_kit::transport::shutdown_signal()).await?;
    println!("{}", counters.snapshot());
    Ok(())
}

/// Renders until it is stopped, then finishes the videos in progress.
async fn work(
    receiver: Receiver,
    takes: Duration,
    stop: impl Future<Output = ()>,
) -> Result<(), cloudevents_kit::Error> {
    // A delivery is renewed for as long as its handler runs. An error is tried again, then goes to the dead
    // letters, and a panic of this process means that another worker gets the job.
    let render = async |event: Event| -> Result<(), String> {
        let title = event.subject().ok_or("a video needs a subject: its title")?;
        println!("rendering {title}");
        tokio::time::sleep(takes).await; // the work
        println!("rendered {title}");
        Ok(())
    };
    receiver.run(render).concurrency(AT_ONCE).until(stop).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::connect_sender;

    /// A job takes three times as long as the server waits, and is done once.
    #[tokio::test]
    async fn a_long_job_is_done_once() {
        let Ok(server) = std::env::var("CE_TEST_NATS_URL") else {
            println!("skipped: CE_TEST_NATS_URL is not set");
            return;
        };
        let name = format!("videos-{}", std::process::id());
        let context = async_nats::jetstream::new(async_nats::connect(&server).await.unwrap());
        let config = async_nats::jetstream::stream::Config {
            name: name.clone(),
            subjects: vec![format!("{name}.>")],
            retention: async_nats::jetstream::stream::RetentionPolicy::WorkQueue,
            ..Default::default()
        };
        let mut stream = context.create_stream(config).await.unwrap();
        let url = format!("{}/{name}.new", server.replacen("nats:", "nats+jetstream:", 1));
        let sender = connect_sender(&url).await.unwrap();
        for number in 0..3 {
            let event = Event::builder().id(number.to_string()).source("/studio").ty("com.example.video.cut");
            sender.send(&event.subject(format!("part {number}")).build().unwrap()).await.unwrap();
        }
        let query = format!("?consumer=render&ack-wait=1s&dead-letter={name}.rejected");
        let receiver = connect_receiver(&format!("{url}{query}")).await.unwrap();
        let counters = receiver.counters();
        let done = async {
            while counters.snapshot().accepted < 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let working = work(receiver, Duration::from_secs(3), done);
        tokio::time::timeout(Duration::from_secs(30), working).await.unwrap().unwrap();
        let metrics = counters.snapshot();
        assert_eq!((metrics.received, metrics.accepted), (3, 3), "{metrics}");
        assert_eq!(stream.info().await.unwrap().state.messages, 0);
    }
}
