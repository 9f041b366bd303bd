//! Records and messages of rdkafka 0.39, and a sender and a receiver on top of it.
//!
//! Who has a client already needs the functions only: [`decode`] for messages that came in, [`ProducerRecordExt`] for events that go
//! out, [`RecordExt`] for records of any mode.
//!
//! ```no_run
//! use cloudevents_core::{Decoding, Event};
//! use cloudevents_kafka::rdkafka039::{ProducerRecordExt, decode};
//! use rdkafka::{consumer::{Consumer, StreamConsumer}, producer::{FutureProducer, FutureRecord}};
//!
//! # async fn forward(consumer: StreamConsumer, producer: FutureProducer) -> Result<(), Box<dyn std::error::Error>> {
//! let message = consumer.recv().await?;
//! let event = decode(&message, &Decoding::strict())?.value;
//! let sent = producer.send_result(FutureRecord::to("orders").key("42").event(&event)).map_err(|(error, _)| error)?;
//! sent.await?.map_err(|(error, _)| error)?;
//! # Ok(()) }
//! ```
//!
//! [`sender`] and [`receiver`] are the toolkit's own, in the shape that every protocol has.
//!
//! # Guarantees
//!
//! The names are those of the tests that show it, in `tests/it`. The `contract` is the suite of `cloudevents-transport`, which runs with
//! eager and cooperative rebalances and with the consumer group protocol of Kafka 4. All of it runs on librdkafka's mock cluster; `real`
//! and `contract` run on Apache Kafka 4.1 as well, where there is one (`.ci/brokers/kafka`).
//!
//! | | |
//! |---|---|
//! | **Sending** | |
//! | delivery | An outcome is the delivery report: the brokers have the record, as many of them as `acks` says (all). *`contract::everything_arrives`* |
//! | at least once | While brokers are away, librdkafka tries again until `timeout`; being idempotent, it sends nothing twice. *`client::the_broker_goes_away_and_comes_back`, `what_is_not_delivered_in_time_is_given_up`* |
//! | order | Within a partition, records lie in the order they were handed over, also when librdkafka's queue was full in between. *`contract::order_is_kept`, `client::a_full_queue_is_waited_for_and_keeps_the_order`* |
//! | limits | What is under way is bounded; who wants to send more waits for reports, and sends nothing when dropped. *`client::what_is_under_way_is_bounded_and_dropping_who_waits_sends_nothing`* |
//! | size | A record beyond `message.max.bytes`, or beyond the topic's, is an error of kind `too-large` and blocks nothing. *`client::what_is_too_large_is_refused_and_blocks_nothing`* |
//! | dropping | A sender that is dropped still delivers what it has; closing waits for it. *`client::a_sender_that_is_dropped_sends_what_it_has`, `contract::a_closed_sender_declines`* |
//! | **Receiving** | |
//! | at least once | Only the watermark is committed: everything before it is settled. A crash brings back what was not committed, no more than `commit_interval` and what is in flight. *`kill::a_consumer_that_is_killed_loses_nothing`* |
//! | order | Within a partition, messages are delivered in their order; one that comes again comes after those delivered in between. *`contract::order_is_kept`, `for_each_is_concurrent_and_keeps_order`* |
//! | settlement | Accept, retry, reject and release, per message, as in [`log`](cloudevents_transport::log). *`contract::what_is_accepted_is_gone`, `what_is_retried_comes_again`, `what_is_dropped_comes_again`* |
//! | rejected messages | go to the dead-letter topic, with key, headers and value, before the watermark passes them; or are dropped. Without a word about it, no receiver starts. *`client::dead_letters_keep_everything_and_say_why`, `undecided_about_rejected_messages_it_does_not_start`* |
//! | rebalance | Partitions that go away are waited for (`rebalance_wait`) and committed. What is settled later is an error of kind `revoked`, and comes again to the new owner. *`client::a_rebalance_hands_partitions_over`, `a_cooperative_rebalance_hands_partitions_over`; the task that receives is not blocked meanwhile: `a_rebalance_does_not_block_who_receives`; that the commit is taken shows on Kafka only: `real::partitions_that_go_away_are_committed`* |
//! | limits | In flight, fetched ahead, and in librdkafka: bounded by count and bytes. A receiver that takes nothing pauses fetching and stays in its group. *`contract::a_stalled_consumer_bounds_messages`, `_bytes`, `client::a_stalled_receiver_stays_in_its_group`* |
//! | brokers away | librdkafka connects again by itself; what is settled meanwhile is committed afterwards. *`client::the_broker_goes_away_and_comes_back`* |
//! | cancelling | Dropped futures lose nothing. *`contract::a_cancelled_next_loses_nothing`, `a_cancelled_for_each_loses_nothing`* |
//! | draining | answers when everything is settled and committed. *`contract::draining_waits_for_settlements`, `draining_loses_nothing`* |
//! | dropping | ends the thread, which commits what is settled and leaves the group. *`contract::stopping_lets_handlers_end`, `real::a_receiver_that_is_dropped_commits_and_leaves`* |
//!
//! Neither exactly-once processing nor transactions are offered: a consumer that must not act twice looks at `source` and `id`.
//!
//! A record may have a header whose name is not UTF-8, which names no attribute. It is left out, also of what is forwarded and of dead
//! letters: rdkafka cannot write it. A name with a zero byte ends there, as everywhere in librdkafka. *`hostile`*
//!
//! # What can be seen
//!
//! Everything is told to `tracing`: connecting, assignments, revocations, pauses and commits at `debug`; trouble with brokers at
//! `warn`; librdkafka's own log under the target `cloudevents_kafka::librdkafka`, with its `debug` setting turned on if wanted. Counters
//! are those of [`Sender::metrics`](cloudevents_transport::Sender::metrics) and
//! [`Receiver::metrics`](cloudevents_transport::Receiver::metrics).

mod config;
mod consumer;
mod dead_letter;
mod fetch;
mod handover;
mod headers;
mod producer;
mod rebalance;
mod receiver;
mod record;
mod sender;

pub use dead_letter::DeadLetterTopic;
pub use headers::ClientMessage;
pub use receiver::{KafkaReceiver, KafkaReceiverOptions, receiver};
pub use record::{ProducerRecordExt, RecordExt, decode, decode_message, record};
pub use sender::{KafkaSender, KafkaSenderOptions, sender};
