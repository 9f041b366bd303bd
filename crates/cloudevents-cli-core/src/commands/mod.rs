//! The commands that work on files, one file each.

pub mod catalog;
pub mod convert;
pub mod decode;
pub mod encode;
pub mod filter;
pub mod inspect;
pub mod sql;
pub mod validate;

use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    global::Output,
    input::{self, Located, Reading},
};
use cloudevents_kit::Event;
use std::path::PathBuf;

/// Shows the events of these files, each with its place, its file and its repairs. What is no event is reported.
fn each_event(
    files: &[PathBuf],
    reading: &Reading,
    emit: &mut Emit,
    console: &Console,
    mut show: impl FnMut(&Event, &Located, &str, &mut Emit) -> Result<(), Failure>,
) -> Result<Status, Failure> {
    for path in input::files(files) {
        let mut events = input::open(&path, reading)?;
        let name = events.name().to_owned();
        let mut any = false;
        while let Some(located) = events.next() {
            let located = located?;
            any = true;
            match &located.event {
                Ok(decoded) => {
                    located.tell_repairs(console);
                    show(&decoded.value, &located, &name, emit)?;
                }
                Err(error) => {
                    emit.flush()?;
                    console.error(Status::No, &located.report(error));
                }
            }
            if console.output() == Output::Pretty || events.may_wait() {
                emit.flush()?;
            }
        }
        if !any {
            console.error(Status::No, &input::no_events(&name));
        }
    }
    emit.flush()?;
    Ok(Status::Done)
}
