//! Folders as their files.

use super::{cannot_read, detect::by_name};
use crate::failure::Failure;
use cloudevents_kit::Formats;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The files of a folder and its subfolders, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// Files whose names end like names of files with events. Pipes, sockets and devices are not among them.
    pub(crate) files: Vec<PathBuf>,
    /// The number of other files. Hidden ones do not count.
    pub(crate) others: usize,
    /// Folders that cannot be read, or not completely.
    pub(crate) unreadable: Vec<Failure>,
}

/// Returns the files of a folder. Symbolic links to folders are not followed.
pub(crate) fn folder(path: &Path, formats: &Formats) -> Folder {
    let mut found = Folder::default();
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        if let Err(error) = found.look(&folder, &mut open, formats) {
            found.unreadable.push(cannot_read(&folder.display().to_string(), &error));
        }
    }
    found.files.sort();
    found
}

impl Folder {
    /// Adds the content of this folder. Its subfolders are to be looked at, too.
    fn look(&mut self, folder: &Path, open: &mut Vec<PathBuf>, formats: &Formats) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            match entry.file_type()? {
                kind if kind.is_dir() => open.push(path),
                _ if path.is_dir() => {}
                // Reading a pipe would wait for its other end.
                _ if by_name(&path, formats).is_some()
                    && !path.metadata().is_ok_and(|about| !about.is_file()) =>
                {
                    self.files.push(path);
                }
                _ => self.others = self.others.saturating_add(1),
            }
        }
        Ok(())
    }
}
