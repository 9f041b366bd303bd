//! Conversion for the records and messages of rdkafka 0.39, and a sender and a receiver on rdkafka.
//!
//! If you already have a client, use the functions alone: [`decode`] for received messages,
//! [`ProducerRecordExt`] for events to send, [`RecordExt`] for records in any mode.
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_kafka::rdkafka039::{ProducerRecordExt, decode};
//! use rdkafka::{consumer::{Consumer, StreamConsumer}, producer::{FutureProducer, FutureRecord}};
//!
//! # async fn forward(consumer: StreamConsumer, producer: FutureProducer) -> Result<(), Box<dyn std::error::Error>> {
//! let message = consumer.recv().await?;
//! let event = decode(&message, &DecodeOptions::strict())?.value;
//! let record = FutureRecord::to("orders").key("42").event(&event)?;
//! let sent = producer.send_result(record).map_err(|(error, _)| error)?;
//! sent.await?.map_err(|(error, _)| error)?;
//! # Ok(()) }
//! ```
//!
//! [`sender`] and [`receiver`] open this crate's sender and receiver, with the interface that all protocols
//! share.
//!
//! # Guarantees
//!
//! Each guarantee names the tests that show it, in `tests/real`. `contract` is the test suite of `cloudevents-transport`. It runs with
//! cooperative (the default) and eager rebalances and with the consumer group protocol of Kafka 4. All tests run on librdkafka's mock
//! cluster. `real` and `contract` also run on Apache Kafka 4.1 if it is available (`.ci/brokers/kafka`).
//!
//! | | |
//! |---|---|
//! | **Sending** | |
//! | delivery | The outcome is the delivery report: as many brokers as `acks` requires (default: all) have the record. *`contract::everything_arrives`* |
//! | at least once | While brokers are unavailable, librdkafka retries until `timeout`. The producer is idempotent, so a retry causes no duplicate. *`client::the_broker_goes_away_and_comes_back`, `what_is_not_delivered_in_time_is_given_up`* |
//! | order | Within a partition, records are in the order of the hand-over, even if librdkafka's queue was full in between. *`contract::order_is_kept`, `client::a_full_queue_is_waited_for_and_keeps_the_order`* |
//! | limits | Records in flight are bounded. At the bound, sending waits for reports; a dropped future sends nothing. *`client::what_is_under_way_is_bounded_and_dropping_who_waits_sends_nothing`* |
//! | size | A record that exceeds `message.max.bytes` of the client or the topic is an error of kind `too-large` and blocks no other. *`client::what_is_too_large_is_refused_and_blocks_nothing`* |
//! | fatal errors | After a fatal error, sends fail with its reason, and another producer replaces the producer that librdkafka has stopped. *`refusals::a_producer_that_librdkafka_has_stopped_is_replaced`* |
//! | refused batches | A broker refuses a batch as a whole, because of its size or of one record. Unless a record was alone, it then fails with a temporary error. It goes alone when it is sent again: while no other record is on its way. It is not sent again here, which would change the order. If this happens often, set `batch.size` to the `max.message.bytes` of the topic. *`refusals`* |
//! | dropping | A dropped sender still delivers the records that it has accepted; closing waits for that. *`client::a_sender_that_is_dropped_sends_what_it_has`, `contract::a_closed_sender_declines`* |
//! | **Both** | |
//! | refused logins | Opening fails at once. Later, logins are tried again; after five minutes of refusals, messages that are not delivered fail with kind `refused`, and so does `next`. *`real::security`; the five minutes: unit tests of `login_refusals`* |
//! | tokens | With SASL OAUTHBEARER, a source of tokens is called before a client is opened, again before its token expires, and when a broker refuses it. *`real::security::tokens::tokens_are_renewed_before_they_expire`, `a_token_that_is_refused_later_is_replaced`, `a_token_that_the_broker_declines_is_refused`* |
//! | **Receiving** | |
//! | at least once | Only the watermark is committed: everything before it is settled. After a crash, uncommitted messages are delivered again: messages settled within `commit_interval`, messages in flight, and messages behind the first unsettled one, at most `LogOptions::max_lead` (10,000) of a partition. *`kill::a_consumer_that_is_killed_loses_nothing`* |
//! | order | Within a partition, messages are delivered in order; a redelivered message comes after messages delivered in between. *`contract::order_is_kept`, `run_is_concurrent_and_keeps_order`* |
//! | settlement | Accept, retry, reject and release, per message, as in [`log`](cloudevents_transport::binding::log). *`contract::what_is_accepted_is_gone`, `what_is_retried_comes_again`, `what_is_dropped_comes_again`* |
//! | rejected messages | Go to the dead-letter topic, with key, headers and value, before the watermark passes them; or are dropped. Without a choice between the two, opening a receiver fails. *`client::dead_letters_keep_everything_and_say_why`, `undecided_about_rejected_messages_it_does_not_start`* |
//! | rebalance | Before partitions are revoked, the receiver waits for their deliveries (`rebalance_wait`) and commits. Settling later fails with an error of kind `revoked`, and the new owner receives the message again. *`client::a_rebalance_hands_partitions_over`, `a_cooperative_rebalance_hands_partitions_over`; the task that receives is not blocked meanwhile: `a_rebalance_does_not_block_who_receives`; only Kafka shows that the commit is accepted: `real::partitions_that_go_away_are_committed`* |
//! | limits | Messages in flight, fetched ahead, and in librdkafka are bounded by count and bytes. The decompressed bytes of one fetch in librdkafka are not bounded: up to 255 times `fetch.max.bytes` with lz4, 1,000 times with gzip. A receiver that takes nothing pauses fetching and stays in its group. *`contract::a_stalled_consumer_bounds_messages`, `_bytes`, `client::a_stalled_receiver_stays_in_its_group`* |
//! | blocked partitions | A handler that hangs, or a message that is retried for long, stops its own partition at most: at its share of the permits, the partition is paused, which is logged, and others go on. *`isolation`* |
//! | positions that do not exist any more | After a truncation, or when records were deleted, the receiver goes on at the first record that is there, with any `offset`; librdkafka's log names both positions, at `warn`. `offset=latest` is for the first position of a group only, which is committed at once. Topics and partitions that come while the receiver is open start at their beginning, but not a topic that was there and is made again. *`first`* |
//! | unreadable batches | A batch that librdkafka cannot decompress, or the broker cannot read, stops its partition: `next` returns an error of kind `unsupported` each time it is fetched, and `run` ends. *`incidents::a_batch_that_cannot_be_decompressed_is_an_error_and_stops_no_other_partition`* |
//! | unknown topics | A topic that is missing at opening, or a partition of `partitions`, is an error of opening, and so is a topic of `partitions` that must not be read; with `allow.auto.create.topics=true`, a topic has until `connect_timeout` to be there. A pattern waits for topics. A topic that was there is an error after 30 seconds. Until 30 seconds after it is known again, the state is not connected. *`comfort::a_topic_or_a_partition_that_is_missing_at_opening_is_an_error_with_its_name`, `a_pattern_waits_for_topics_that_are_created_later`, `incidents::a_topic_that_is_unknown_for_a_moment_stops_nothing`, `a_topic_that_stays_unknown_is_an_error`* |
//! | brokers unavailable | librdkafka reconnects by itself; messages settled meanwhile are committed afterwards. *`client::the_broker_goes_away_and_comes_back`* |
//! | failure | Messages that wait for a retry or for the dead-letter topic are bounded, and so are messages settled ahead of a watermark. Failed commits are retried; `next` returns the error of a commit that cannot succeed, or has failed for 30 seconds. *bounds: `log_bounds` of cloudevents-transport; commits that fail: not shown on a broker* |
//! | manual control | Patterns, partitions chosen without the group, seeking, a receiver over the program's own consumer. *`comfort`* |
//! | cancelling | Dropped futures lose nothing. *`contract::a_cancelled_next_loses_nothing`, `a_cancelled_run_loses_nothing`* |
//! | draining | Returns when everything is settled and committed, and the receiver has left its group: a program may end, and the next one receives at once. If settled messages come again, draining is an error. *`contract::draining_waits_for_settlements`, `draining_loses_nothing`, `client::a_drained_receiver_has_left_its_group`* |
//! | dropping | Ends the thread, which commits settled messages and leaves the group. *`contract::stopping_lets_handlers_end`, `real::a_receiver_that_is_dropped_commits_and_leaves`* |
//!
//! Exactly-once processing and transactions are not supported, and no sender opens with `transactional.id`. A consumer that must not
//! process an event twice compares `source` and `id`.
//!
//! A record may have a header whose name is not UTF-8. Such a name cannot be an attribute, and rdkafka
//! cannot write it, so the header is omitted, also from forwarded messages and dead letters. A name that
//! contains a zero byte is cut there, as everywhere in librdkafka. *`hostile`*
//!
//! # Observability
//!
//! The crate reports to `tracing`: connecting, assignments, revocations, pauses and commits at `debug`, and broker problems at `warn`.
//! librdkafka's own log has the target `cloudevents_kafka::librdkafka`. The setting `debug` of librdkafka adds detail to it. For counters,
//! see [`Sender::metrics`](cloudevents_transport::Sender::metrics) and [`Receiver::metrics`](cloudevents_transport::Receiver::metrics).

mod at_fault;
mod binding;
mod commit;
mod config;
mod connection;
mod consumer;
mod control;
mod create;
mod dead_letter;
mod existing;
mod failure;
mod fetch;
mod first;
mod handover;
mod headers;
mod login;
mod login_refusals;
mod look;
mod message;
mod position;
mod producer;
mod reachable;
mod rebalance;
mod received;
mod receiver;
mod repeated_errors;
mod sender;
mod source;
mod unknown;
mod unknown_for;
mod urls;

pub use binding::BINDING;
pub use control::KafkaControl;
pub use create::create;
pub use dead_letter::DeadLetterTopic;
pub use existing::receiver_over;
pub use headers::ClientMessage;
pub use login::{BearerToken, BearerTokens};
pub use message::{ProducerRecordExt, RecordExt, decode, decode_message, record};
pub use position::Position;
pub use received::ReceivedRecord;
pub use receiver::{KafkaReceiverOptions, controlled, receiver};
pub use sender::{KafkaSenderOptions, sender};
