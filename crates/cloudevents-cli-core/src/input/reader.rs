//! Files and standard input as bytes.

use super::identity::check_written;
use crate::failure::{Failure, Status};
use flate2::bufread::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// The most bytes that are read into memory at once: the help states it.
pub const LARGEST: usize = 256 << 20;

/// The bytes that are read from a file at once.
pub(super) const CHUNK: usize = 256 << 10;

/// The most lines or elements of a part. The problems of a line take more memory than an event, even if the line is short.
pub(super) const SOME: usize = 4096;

/// Returns the files to read: `-`, standard input, if there are none.
pub fn files(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() { vec![PathBuf::from("-")] } else { files.to_vec() }
}

/// Reads a whole file, or standard input for `-`, of 256 MiB at most. Returns its name and bytes.
pub fn read(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    bytes(path, LARGEST)
}

/// Reads a whole file, or standard input for `-`, of so many bytes at most. Returns its name and bytes.
pub fn bytes(path: &Path, most: usize) -> Result<(String, Vec<u8>), Failure> {
    let (name, mut reader) = reader(path)?;
    let mut bytes = Vec::new();
    let ended = fill(&mut *reader, most.saturating_add(1), &mut bytes);
    if !ended.map_err(|error| cannot_read(&name, &error))? {
        return Err(Failure::usage(format!("`{name}` has more than {} MiB", most >> 20)));
    }
    Ok((name, bytes))
}

/// The most bytes of a file with settings, filters or lists: the help of commands states it.
pub const SMALL: usize = 1 << 20;

/// Reads a whole text, from a file or standard input for `-`, of so many bytes at most.
pub fn text(path: &Path, most: usize) -> Result<String, Failure> {
    let (name, bytes) = bytes(path, most)?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("`{name}` cannot be read: it is not UTF-8")))
}

/// Whether standard input is read already.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Opens a file, or standard input for `-`. Returns its name and a reader.
pub fn reader(path: &Path) -> Result<(String, Box<dyn BufRead + Send>), Failure> {
    check_written(path, Path::new("-"))?;
    if path == Path::new("-") {
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Failure::usage("standard input can be read once, and is read twice")
                .help("name a file for one of them"));
        }
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            // Ignore a closed standard error: this is only a hint for the user.
            let _ = writeln!(io::stderr(), "reading standard input");
        }
        return Ok(("standard input".to_owned(), Box::new(BufReader::with_capacity(64 << 10, io::stdin()))));
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) if file.metadata().is_ok_and(|about| about.is_dir()) => {
            Err(Failure::usage(format!("`{name}` is a directory")).help("name the files in it"))
        }
        Ok(file) => Ok((name, Box::new(BufReader::with_capacity(64 << 10, file)))),
        Err(error) => Err(cannot_read(&name, &error)),
    }
}

/// Returns the text of compressed input, and other input as it is.
pub(crate) fn decompressed(mut reader: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    if beginning(&mut *reader)?.starts_with(&[0x1f, 0x8b]) {
        let text = MultiGzDecoder::new(reader);
        return Ok(Box::new(BufReader::with_capacity(64 << 10, text)));
    }
    Ok(reader)
}

/// Returns the buffered beginning of the input: at least one byte, unless the input is at its end.
pub(crate) fn beginning(reader: &mut dyn BufRead) -> io::Result<&[u8]> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    reader.fill_buf()
}

#[cold]
pub(crate) fn cannot_read(name: &str, error: &io::Error) -> Failure {
    let failure = Failure::new(Status::Usage, format!("`{name}` cannot be read: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => failure.help("check the name; `-` stands for standard input"),
        io::ErrorKind::PermissionDenied => failure.help("make it readable for the user that runs `ce`"),
        _ => failure,
    }
}

/// Appends up to `limit` bytes of the input. Returns whether the input ended before.
pub(super) fn fill(reader: &mut dyn Read, limit: usize, text: &mut Vec<u8>) -> io::Result<bool> {
    let before = text.len();
    reader.take(u64::try_from(limit).unwrap_or(u64::MAX)).read_to_end(text)?;
    Ok(text.len().saturating_sub(before) < limit)
}

/// Reads a line with its line break, and keeps at most `limit + 1` bytes of it. Returns `false` at the end of
/// the input.
pub fn read_line(reader: &mut dyn BufRead, limit: usize, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut any = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let newline = memchr::memchr(b'\n', available);
        let length = newline.map_or(available.len(), |at| at.saturating_add(1));
        let room = limit.saturating_add(1).saturating_sub(line.len()).min(length);
        line.extend_from_slice(available.get(..room).unwrap_or_default());
        reader.consume(length);
        if newline.is_some() {
            return Ok(true);
        }
    }
}
