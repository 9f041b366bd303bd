//! The commands that work on files, one file each.

pub mod catalog;
pub mod convert;
pub mod decode;
pub mod encode;
pub mod filter;
pub mod inspect;
pub mod sql;
pub mod validate;
