//! Catalogs from files and folders.

use crate::{Catalog, LoadError, LoadOptions, Report, read};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

impl Catalog {
    /// Reads a file in JSON or YAML, or the [`documents`] of a folder as one catalog. A file is YAML if its name ends in `.yaml` or `.yml`.
    ///
    /// Errors are those of [`read_all`](Self::read_all). It is also an error if a file cannot be read or is not UTF-8. A file in YAML is an
    /// error if it has no document, several documents, or values that JSON does not have. YAML needs the feature `yaml`. `Limits::bytes`
    /// and `Limits::values` are for all files together.
    ///
    /// ```
    /// use cloudevents_catalog::{Catalog, LoadOptions};
    ///
    /// # let folder = std::env::temp_dir().join(format!("cloudevents-catalog-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// std::fs::write(folder.join("shop.xreg.json"), r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {}}}}}"#)?;
    /// let report = Catalog::open(&folder, &LoadOptions::strict())?;
    /// assert_eq!(report.catalog.messages().count(), 1);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Report, LoadError> {
        let path = path.as_ref();
        let files = match path.is_dir() {
            true => documents(path).map_err(|error| of(path, &error))?,
            false => vec![path.to_owned()],
        };
        if files.is_empty() {
            return Err(LoadError::new(format!("{}: there are no files in JSON or YAML", path.display())));
        }
        let (mut left, mut values_left) = (options.limits.bytes, options.limits.values);
        let values = files.iter().map(|file| {
            let text = text(file, left)?;
            let (value, bytes) = value(file, &text, &mut values_left)
                .map_err(|error| error.within(&file.display().to_string()))?;
            left = left.checked_sub(bytes).ok_or_else(|| too_large(file))?;
            Ok(value)
        });
        read::documents(values, options)
    }
}

/// The documents in a folder and its subfolders, in order: files whose names end in `.json`, `.yaml` or `.yml`. Names that begin with a
/// dot, and symbolic links to folders, are left out.
pub fn documents(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            let is_document = path.extension().is_some_and(|end| {
                ["json", "yaml", "yml"].iter().any(|known| end.eq_ignore_ascii_case(known))
            });
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if is_document && path.metadata()?.is_file() {
                // Reading a pipe would wait for its other end.
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file is YAML, by its name.
pub fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|end| ["yaml", "yml"].iter().any(|known| end.eq_ignore_ascii_case(known)))
}

fn text(path: &Path, most: usize) -> Result<String, LoadError> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(length) if length > most => Err(too_large(path)),
        Ok(_) => String::from_utf8(bytes)
            .map_err(|_| LoadError::new(format!("{}: the file is not UTF-8", path.display()))),
        Err(error) => Err(of(path, &error)),
    }
}

fn of(path: &Path, error: &io::Error) -> LoadError {
    LoadError::new(format!("{}: {error}", path.display()))
}

fn too_large(path: &Path) -> LoadError {
    LoadError::new(format!("{}: the documents have more than Limits::bytes", path.display()))
}

/// Returns the value of a document, and its bytes. The bytes are those of the document in JSON, if these are more.
fn value(path: &Path, text: &str, values_left: &mut usize) -> Result<(Value, usize), LoadError> {
    if !is_yaml(path) {
        return read::parse(text.as_bytes(), values_left).map(|value| (value, text.len()));
    }
    #[cfg(feature = "yaml")]
    return yaml(text, values_left);
    #[cfg(not(feature = "yaml"))]
    Err(LoadError::new("YAML is read with the feature `yaml`"))
}

#[cfg(feature = "yaml")]
fn yaml(text: &str, values_left: &mut usize) -> Result<(Value, usize), LoadError> {
    let document = crate::yaml::one(text).map_err(LoadError::of)?;
    read::spend_values(document.json.as_bytes(), values_left)?;
    let bytes = document.json.len().max(text.len());
    let parsed = cloudevents_json::codec::parse(document.json.as_bytes()).map(|value| (value, bytes));
    parsed.map_err(|error| {
        let offset = error.offset().and_then(|at| usize::try_from(at).ok());
        LoadError::of(match offset {
            Some(at) => error.with_offset(document.place(at)),
            None => error,
        })
    })
}
