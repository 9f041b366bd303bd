//! The compact form, which is a working draft: every core attribute is a field of its own, and timestamps are numbers.
//!
//! The specversion is not in the document: it is 1.0.

mod decode;
mod encode;
mod format;
mod value;

pub use format::{AvroCompact, decode, encode, encode_lossy};
