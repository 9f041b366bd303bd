//! Messages and event formats: how events travel, the content modes, and the losses of a format.

pub use cloudevents_core::{
    Batch, ContentMode, Document, Format, FormatId, Formats, Item, Loss, LossClass, Losses, Message, Mode,
};
