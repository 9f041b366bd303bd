//! Files of events.

use crate::{
    failure::Result,
    load::{Load, fresh},
};
use std::{
    env,
    fs::{self, File},
    io::{BufWriter, Write},
    path::PathBuf,
};

/// A file of lines, which is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Events(PathBuf);

impl Events {
    /// The events of a load as JSON Lines.
    pub(crate) fn of(load: Load) -> Result<Self> {
        Self::of_lines(load.documents())
    }

    pub(crate) fn of_lines(lines: impl Iterator<Item = String>) -> Result<Self> {
        let events = Self(env::temp_dir().join(format!("{}.jsonl", fresh("scale"))));
        let mut file = BufWriter::new(File::create(&events.0)?);
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
        Ok(events)
    }

    pub(crate) fn path(&self) -> String {
        self.0.display().to_string()
    }

    pub(crate) fn open(&self) -> Result<File> {
        Ok(File::open(&self.0)?)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
