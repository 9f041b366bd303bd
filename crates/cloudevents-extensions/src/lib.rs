#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic))]

mod auth_context;
mod bam;
mod check;
#[cfg(feature = "transport")]
mod checked;
mod correlation;
mod data_classification;
mod data_ref;
mod deprecation;
mod distributed_tracing;
mod expiry_time;
mod extension;
mod fields;
mod opc_ua;
mod partitioning;
mod recorded_time;
mod sampled_rate;
mod sequence;
mod severity;
mod text;
mod trace_parent;
mod trace_state;
mod verifiability;
mod violation;

pub use auth_context::{AuthContext, AuthType, Claims};
pub use bam::Bam;
pub use check::check;
#[cfg(feature = "transport")]
pub use checked::Checked;
pub use correlation::Correlation;
pub use data_classification::{DataClassification, Regulations};
pub use data_ref::DataRef;
pub use deprecation::Deprecation;
pub use distributed_tracing::DistributedTracing;
pub use expiry_time::ExpiryTime;
pub use extension::{BuilderExtensions, EventExtensions, Extension};
pub use fields::Fields;
pub use opc_ua::OpcUa;
pub use partitioning::PartitionKey;
pub use recorded_time::RecordedTime;
pub use sampled_rate::SampledRate;
pub use sequence::Sequence;
pub use severity::Severity;
pub use text::{NonEmptyText, Text};
pub use trace_parent::TraceParent;
pub use trace_state::TraceState;
pub use verifiability::Verifiability;
pub use violation::violation;
