#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod binding;
pub mod bridge;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "fake")]
pub mod fake;

mod codec;
mod create;
mod deadline;
mod endpoint;
mod in_flight;
mod jitter;
mod look;
mod observing;
mod outcome;
mod panics;
mod receiving;
mod running;
mod sending;
mod shown;
mod streak;
mod sync;

pub use binding::{connect::Logins, settlement::Settlement};
pub use bridge::Bridge;
/// For the macro [`event_enum`].
#[doc(hidden)]
pub use cloudevents_core as __core;
pub use codec::AsyncCodec;
pub use create::{Create, CreateAt};
pub use endpoint::{
    Endpoint, Host, Secret,
    described::{Binding, OpenReceiver, OpenSender, Scheme, Side, UrlFamily, UrlOption, Urls},
    transports::Transports,
};
pub use in_flight::{Bounds, InFlight};
pub use look::{Fact, Look, LookAt, Place, Places};
pub use observing::{
    connectivity::{ConnectionState, Connectivity, Missing},
    interceptor::{AfterHandling, AfterSend, Handling, Interceptor},
    metrics::{Counters, Metrics},
    prometheus::PrometheusPage,
    refusal::OnRefusal,
};
pub use outcome::Outcome;
#[cfg(any(feature = "log", feature = "queue"))]
pub use receiving::dead_letter_sink::DeadLetterSink;
pub use receiving::{
    capabilities::{By, Extends, ReceiverCapabilities, Settles},
    dead_letter::DeadLetter,
    delivery::Delivery,
    event_filter::EventFilter,
    extract::FromDelivery,
    failure::{Failure, Verdict},
    letter_box::LetterBox,
    options::{ReceiverOptions, UnreadablePolicy},
    orders::Orders,
    partition::Partition,
    raw::Raw,
    received::{Origin, Received},
    receiver::Receiver,
    stopper::Stopper,
};
#[cfg(feature = "signal")]
pub use running::shutdown::shutdown_signal;
pub use running::{Activity, OrderBy, RetryPolicy, RetrySchedule, Run, RunState, Running};
pub use sending::{
    capabilities::{Carries, Confirmed, SenderCapabilities},
    fault::Fault,
    loss_policy::LossPolicy,
    outgoing::{Content, Outgoing},
    receipt::Receipt,
    sender::{SendAllError, Sender, SenderOptions},
};
pub use shown::{Part, Parts, Show};
