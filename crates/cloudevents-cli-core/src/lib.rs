#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod advice;
mod aside;
pub mod built;
pub mod catalog;
pub mod clause;
pub mod commands;
pub mod console;
pub mod contract;
pub mod emit;
pub mod encoder;
pub mod failure;
pub mod filters;
pub mod global;
pub mod held;
pub mod http_text;
pub mod input;
pub mod json_view;
pub mod lenient;
pub mod logs;
pub mod plain;
pub mod progress;
pub mod report;
pub mod rules;
pub mod selection;
pub mod show;
pub mod source;
pub mod style;
pub mod timestamp;
pub mod trigger;
pub mod wire;
pub mod yaml;
