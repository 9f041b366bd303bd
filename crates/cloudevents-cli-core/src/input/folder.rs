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
    /// Files whose names end like those of events. Pipes, sockets and devices are not among them.
    pub(crate) files: Vec<PathBuf>,
    /// The number of other files. Hidden ones do not count.
    pub(crate) others: usize,
}

/// Returns the files of a folder. Symbolic links to folders are not followed.
pub(crate) fn folder(path: &Path, formats: &Formats) -> Result<Folder, Failure> {
    let mut found = Folder::default();
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let unreadable = |error: io::Error| cannot_read(&folder.display().to_string(), &error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            match entry.file_type().map_err(unreadable)? {
                kind if kind.is_dir() => open.push(path),
                _ if path.is_dir() => {}
                // Reading a pipe would wait for its other end.
                _ if by_name(&path, formats).is_some()
                    && !path.metadata().is_ok_and(|about| !about.is_file()) =>
                {
                    found.files.push(path)
                }
                _ => found.others = found.others.saturating_add(1),
            }
        }
    }
    found.files.sort();
    Ok(found)
}
