//! Messages and event formats: how events travel, in which content mode, and what a format cannot hold.

pub use cloudevents_core::{
    Batch, ContentMode, Document, Format, FormatId, Formats, Item, Loss, LossClass, Losses, Message, Mode,
};
