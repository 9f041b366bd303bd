//! No file is read while it is written: it would grow without end.

use crate::failure::Failure;
use std::path::Path;

/// Refuses to read a regular file that is also written, under any of its names.
///
/// `-` is standard input, or standard output. If the system does not tell whether two files are one, nothing is refused.
pub fn check_written(input: &Path, output: &Path) -> Result<(), Failure> {
    if identity(input, true).is_none_or(|read| identity(output, false) != Some(read)) {
        return Ok(());
    }
    let name = match input == Path::new("-") {
        true => "standard input".to_owned(),
        false => format!("`{}`", input.display()),
    };
    Err(Failure::usage(format!("{name} is also written, and would be read without end"))
        .help("write to another file"))
}

/// The number of its device, and its own.
#[cfg(unix)]
fn identity(path: &Path, reads: bool) -> Option<(u64, u64)> {
    use std::{
        fs::File,
        io,
        os::{fd::AsFd, unix::fs::MetadataExt},
    };
    let about = if path != Path::new("-") {
        path.metadata()
    } else {
        let stream = if reads {
            io::stdin().as_fd().try_clone_to_owned()
        } else {
            io::stdout().as_fd().try_clone_to_owned()
        };
        stream.map(File::from).and_then(|file| file.metadata())
    };
    about.ok().filter(|about| about.is_file()).map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path, _: bool) -> Option<(u64, u64)> {
    None
}
