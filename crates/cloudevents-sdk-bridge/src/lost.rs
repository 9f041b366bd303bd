//! The parts that the SDK's event cannot hold.

use cloudevents_core::{Error, ErrorKind, Loss, LossClass, Losses};

/// One loss: how much it matters, where, a kebab-case code, and a description.
pub(crate) struct Lost {
    class: LossClass,
    at: Box<str>,
    kind: &'static str,
    detail: &'static str,
}

impl Lost {
    pub(crate) fn new(class: LossClass, at: &str, kind: &'static str, detail: &'static str) -> Self {
        Self { class, at: at.into(), kind, detail }
    }

    /// Whether the conversion back states the same in another form. Such a loss does not keep an event from being converted.
    pub(crate) fn is_other_words(&self) -> bool {
        matches!(self.kind, "json-spelling" | "content-type-stated")
    }

    pub(crate) fn into_error(self) -> Error {
        Error::new(ErrorKind::Inexact)
            .with_attribute(self.at)
            .with_detail(format!("{} [{}]", self.detail, self.kind))
    }

    pub(crate) fn into_losses(list: Vec<Self>) -> Losses {
        let mut losses = Losses::none();
        for lost in list {
            losses.push(Loss::new(lost.class, lost.at, lost.kind, lost.detail));
        }
        losses
    }
}
