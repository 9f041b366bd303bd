//! Settings in files of YAML, which JSON is a part of.

use crate::{
    failure::{Failure, Status},
    input,
    report::Report,
    source::{Place, Source},
    yaml::Documents,
};
use cloudevents_kit::{Error, ErrorKind};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads a file of 1 MiB at most. Errors have their place in it.
pub(crate) fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Failure> {
    let name = path.display().to_string();
    let text = input::text(path, input::SMALL)?;
    parse(&text).map_err(|error| {
        let place = Place::of(Source::new(name, text.clone(), 1));
        let offset = error.offset().and_then(|offset| usize::try_from(offset).ok());
        Failure::Told(Status::Usage, Box::new(Report::of(&error).at(&place).up_to_end_of_line(offset)))
    })
}

/// Parses the first document of a text; without one, returns the default.
pub(crate) fn parse<T: DeserializeOwned + Default>(text: &str) -> Result<T, Error> {
    let mut documents = Documents::new(text);
    let Some(document) = documents.next().transpose()? else { return Ok(T::default()) };
    serde_json::from_str(&document.json).map_err(|error| {
        // Columns count bytes from 1.
        let line: usize =
            document.json.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = line.saturating_add(error.column()).saturating_sub(1);
        let text = error.to_string();
        let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(detail, _)| detail);
        Error::new(ErrorKind::InvalidDocument).with_detail(detail.to_owned()).with_offset(document.place(at))
    })
}
