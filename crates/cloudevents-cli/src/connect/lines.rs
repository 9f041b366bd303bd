//! A file that lines are appended to, or standard output.

use crate::failure::Failure;
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// The beginnings of compressed files: gzip (RFC 1952) and zstd (RFC 8878).
const COMPRESSED: [(&[u8], &str); 2] = [(&[0x1f, 0x8b], "gzip"), (&[0x28, 0xb5, 0x2f, 0xfd], "zstd")];

/// Whole lines only: a line that begins is either written to its end, or removed again.
pub(super) struct Lines {
    out: Out,
    /// Whether the last line has no end: it was found so, or a failed write could not be undone.
    ///
    /// The next line begins with a line break then. This destroys nothing, because the line before may be a complete event.
    unfinished: bool,
    /// The name of the file. Lines are appended to the file of this name, also after a file was renamed or removed, as logs are.
    path: Option<PathBuf>,
}

enum Out {
    Standard(io::Stdout),
    File(File),
}

impl Lines {
    pub(super) fn of_standard_output() -> Self {
        Self { out: Out::Standard(io::stdout()), unfinished: false, path: None }
    }

    /// Appends to the file, which is created if there is none.
    ///
    /// Refuses a compressed file, and a file of another form by its name or its beginning, because lines would make it unreadable.
    pub(super) fn append_to(path: &Path) -> Result<Self, Failure> {
        let name = path.to_string_lossy().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        if name.ends_with(".yaml") || name.ends_with(".yml") {
            return Err(another_form(path, "is YAML by its name"));
        }
        let failed = |error: io::Error| Failure::unwritable(path, &error);
        let file = File::options().append(true).create(true).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let unfinished = metadata.is_file() && metadata.len() > 0 && is_unfinished(path)?;
        let path = metadata.is_file().then(|| path.to_owned());
        Ok(Self { out: Out::File(file), unfinished, path })
    }

    /// Whether writing may wait for a reader: not in a file.
    pub(super) fn may_block(&self) -> bool {
        match &self.out {
            Out::Standard(_) => !standard_output_is_file(),
            Out::File(file) => !file.metadata().is_ok_and(|about| about.is_file()),
        }
    }

    /// Appends lines, each with its end. After an error, a file is as it was, unless others write to it.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Some(path) = self.path.as_ref().filter(|path| self.out.is_elsewhere(path)) {
            *self = Self::append_to(path).map_err(|failure| io::Error::other(failure.message()))?;
        }
        let ended;
        let text = if self.unfinished {
            ended = [b"\n", lines].concat();
            &ended
        } else {
            lines
        };
        let (written, result) = match &mut self.out {
            Out::Standard(out) => write(out, text),
            Out::File(out) => write(out, text),
        };
        if result.is_ok() {
            self.unfinished = false;
        } else if written > 0 {
            self.unfinished |= !self.out.is_undone(written);
        }
        result
    }
}

impl Out {
    /// Whether the file that is open is no longer the one with this name.
    #[cfg(unix)]
    fn is_elsewhere(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let Self::File(file) = self else { return false };
        let (Ok(named), Ok(open)) = (fs::metadata(path), file.metadata()) else { return true };
        // Opening a pipe would wait for its reader.
        named.is_file() && (named.dev(), named.ino()) != (open.dev(), open.ino())
    }

    /// Whether the file that is open is no longer the one with this name: it cannot be renamed or removed while it is open.
    #[cfg(not(unix))]
    fn is_elsewhere(&self, _: &Path) -> bool {
        false
    }

    /// Removes the last bytes, which were written, if they are still the last ones.
    fn is_undone(&mut self, written: u64) -> bool {
        let Self::File(file) = self else { return false };
        let undo = |file: &mut File| {
            let (here, metadata) = (file.stream_position()?, file.metadata()?);
            let before = here.checked_sub(written).filter(|_| metadata.is_file() && metadata.len() == here);
            before.map_or(Err(io::ErrorKind::Unsupported.into()), |before| file.set_len(before))
        };
        undo(file).is_ok()
    }
}

/// Returns how many bytes were written, and whether that is all.
fn write(out: &mut impl Write, text: &[u8]) -> (u64, io::Result<()>) {
    let mut rest = text;
    let mut result = Ok(());
    while !rest.is_empty() && result.is_ok() {
        match out.write(rest) {
            Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => result = Err(error),
        }
    }
    let written = u64::try_from(text.len().saturating_sub(rest.len())).unwrap_or(u64::MAX);
    (written, result.and_then(|()| out.flush()))
}

#[cfg(unix)]
fn standard_output_is_file() -> bool {
    use std::os::fd::AsFd;
    let file = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|about| about.is_file())
}

#[cfg(not(unix))]
fn standard_output_is_file() -> bool {
    false
}

/// Whether the file, which is not empty, lacks the end of its last line.
fn is_unfinished(path: &Path) -> Result<bool, Failure> {
    // An empty line does no harm in a file that may be written and not read.
    let Ok((beginning, last)) = ends(path) else { return Ok(true) };
    if let Some((_, name)) = COMPRESSED.into_iter().find(|(magic, _)| beginning.starts_with(magic)) {
        let words = format!("`{}` is compressed ({name}), so lines cannot be appended to it", path.display());
        return Err(Failure::usage(words).help("decompress it first, or name another file"));
    }
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&beginning);
    if text.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(another_form(path, "does not begin with a JSON object"));
    }
    Ok(last != b'\n')
}

fn another_form(path: &Path, why: &str) -> Failure {
    let words = format!("`{}` {why}, and events are appended as lines of JSON", path.display());
    Failure::usage(words)
        .help("name another file, such as events.jsonl; `ce convert` makes other forms of it")
}

/// The first bytes, and the last one.
fn ends(path: &Path) -> io::Result<(Vec<u8>, u8)> {
    let mut file = File::open(path)?;
    let mut beginning = Vec::new();
    (&mut file).take(4096).read_to_end(&mut beginning)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    let [last] = last;
    Ok((beginning, last))
}
