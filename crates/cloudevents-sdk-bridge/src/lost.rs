//! What the SDK's event cannot hold.

use cloudevents_core::{Error, ErrorKind, Loss, Losses};

/// One loss: where, a kebab-case code, and a description.
pub(crate) struct Lost {
    at: Box<str>,
    kind: &'static str,
    detail: &'static str,
}

impl Lost {
    pub(crate) fn new(at: &str, kind: &'static str, detail: &'static str) -> Self {
        Self { at: at.into(), kind, detail }
    }

    pub(crate) fn into_error(self) -> Error {
        Error::new(ErrorKind::Inexact)
            .with_attribute(self.at)
            .with_detail(format!("{} [{}]", self.detail, self.kind))
    }

    pub(crate) fn into_losses(list: Vec<Self>) -> Losses {
        let mut losses = Losses::none();
        for lost in list {
            losses.push(Loss::new(lost.at, lost.kind, lost.detail));
        }
        losses
    }
}
