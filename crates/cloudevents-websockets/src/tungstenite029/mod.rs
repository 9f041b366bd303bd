//! Conversion for messages of tokio-tungstenite 0.29, and a sender and a receiver on tokio-tungstenite.
//!
//! [`decode`] and [`encode`] are for programs that manage their own connections. [`sender`], [`receiver`] and [`connect_pair`]
//! connect by themselves:
//!
//! ```no_run
//! use cloudevents_core::Event;
//! use cloudevents_websockets::tungstenite029::connect_pair;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "ws://localhost:8080/orders?reject=drop";
//! let (orders, mut deliveries) = connect_pair(url, Default::default(), Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # URLs
//!
//! [The crate's documentation](crate#urls) describes the form of URLs and their options.
//!
//! # Guarantees
//!
//! The tests named here are in `tests/real`. The tests of the contract are in `cloudevents_transport::contract`. They run between clients
//! and a server of axum.
//!
//! | | guarantee | shown by |
//! |---|---|---|
//! | delivery | at most once over the network: nothing is confirmed, and messages on their way over a lost connection are lost. In this process, at least once | `client::messages_of_a_lost_connection_fail`, contract `what_is_retried_comes_again` |
//! | outcomes | success when the message was written to the connection | `client::capabilities_are_honest` |
//! | writing | messages that follow each other are written together | `unsent::what_no_task_waits_for_is_written`, `unsent::a_dropped_sender_writes_what_a_slow_server_has_not_read` |
//! | order | as enqueued, over one connection; redelivered messages come later | contract `order_is_kept` |
//! | subprotocol | a server that has chosen none, or another subprotocol, is an error | `hostile::clients_refuse_bad_handshakes`, `server::the_handshake_selects_a_subprotocol`, `server::a_handshake_that_is_none_is_refused` |
//! | formats | a document of the connection's format is sent unchanged; others are converted, and losses follow the policy | `client::every_subprotocol_carries_events`, `client::what_a_format_cannot_hold_is_refused_or_lost_by_the_policy` |
//! | bounds | enqueuing waits for [`SenderOptions::in_flight`](cloudevents_transport::SenderOptions::in_flight); a receiver without a free permit reads 64 messages ahead at most | `client::what_is_in_flight_is_bounded`, `server::a_stalled_receiver_reads_no_more_than_its_bounds`, `unread::no_more_is_read_than_the_bounds_allow` |
//! | bad frames | end the connection with their status; a frame of the wrong kind (1003) is delivered as an error first | `hostile::each_bad_frame_has_its_status`, `server::a_frame_of_the_wrong_kind_ends_the_connection` |
//! | malformed | a document that cannot be decoded is delivered as an error, and blocks no other | `server::a_malformed_document_surfaces_and_blocks_nothing` |
//! | size | a message above the decoding [limit](cloudevents_core::Limits::bytes), also in fragments: status 1009 | `hostile::each_bad_frame_has_its_status` |
//! | endless messages | status 1008 after [`WsConnection::message_deadline`] | `hostile::a_message_that_never_ends_is_given_up`, `socket::a_stalled_message_is_given_up_in_time`, `hostile::a_flood_of_empty_fragments_blocks_no_other` |
//! | silent peers | are pinged after [`WsConnection::keep_alive`], and given up when the ping has had no answer for as long | `hostile::a_silent_peer_is_given_up`, `hostile::a_silent_server_is_given_up`, `socket::a_quiet_peer_that_answers_is_kept`, `socket::a_peer_is_pinged_before_it_is_given_up` |
//! | pings | are answered, also while the program takes no messages; a peer that sends them and reads nothing is given up | `unread::pings_are_answered_whatever_the_program_does`, `hostile::a_flood_of_pings_without_reading_is_given_up` |
//! | retry, release | come again from memory, as another attempt; lost with the process | contract `what_is_retried_comes_again` |
//! | rejected | go to a sink or are dropped, as chosen when opening | `client::undecided_about_rejected_messages_it_does_not_start` |
//! | both directions | over one connection | `client::both_directions_over_one_connection` |
//! | lost connection | messages that were not written are [`Disconnected`](cloudevents_core::ErrorKind::Disconnected); sender and receiver reconnect | `client::sender_and_receiver_outlive_their_server`, `client::messages_of_a_lost_connection_fail` |
//! | closed | a sender that is closed or dropped still sends enqueued messages | contract `a_closed_sender_declines`, `client::a_closed_sender_has_sent_and_a_dropped_one_sends_what_it_has` |
//! | secrets | credentials, headers and the query appear in no `Debug` output, no error and no log | `client::credentials_reach_the_server_and_are_seen_nowhere` |
//!
//! Not supported: compression (`permessage-deflate`), and WebSockets over HTTP/2.

mod arriving;
mod binding;
mod connect;
mod connection;
mod direct;
mod failure;
mod message;
mod options;
mod pair;
mod received;
mod receiver;
mod sender;
mod socket;
mod source;
mod stream;
mod unsent;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use message::{decode, encode, frame, message};
pub use options::WsConnection;
pub use pair::connect_pair;
pub use receiver::{WsReceiverOptions, receiver};
pub use sender::{WsSenderOptions, sender};

#[cfg(feature = "server")]
pub(crate) use {
    arriving::Arriving,
    connection::{Connection, Inbox, runtime},
    failure::refusal,
    options::{KEEP_ALIVE, Liveness, MESSAGE_DEADLINE},
    received::{Reader, Via},
    receiver::decided,
    socket::config,
    stream::{Io, Metered},
    urls::URLS,
};
#[cfg(feature = "axum08")]
pub(crate) use {receiver::WsReceiver, sender::Outbox};
