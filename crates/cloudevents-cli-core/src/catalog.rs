//! Catalogs from files, in JSON or YAML, with the place of each part to the byte.

use crate::{
    console::Console,
    failure::{Failure, Status},
    input,
    json_view::places,
    plain::{count, thousands},
    report::Report,
    source::{Place, Source},
    yaml,
};
use clap::Args;
use cloudevents_catalog::{
    Catalog, Finding, Leniency, Level, LoadError, LoadOptions, Message, Rule, documents, is_yaml,
};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Which deviations of catalogs are allowed.
#[derive(Args, Clone, Debug, Default)]
pub struct Deviations {
    /// Allow deviations that existing catalogs have: all, or the deviations with these names, such as format-name. A wrong name lists the
    /// names. `lint` allows none without it, and reports the allowed ones as warnings. Other commands that look at a catalog allow all
    /// without it.
    #[arg(
        long,
        value_name = "NAME,...",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        value_parser = deviations
    )]
    pub lenient: Option<LoadOptions>,
}

/// How a catalog that judges events is read.
///
/// A mistake in the catalog could let every event pass. So a catalog with mistakes is refused by default.
#[derive(Args, Clone, Debug, Default)]
pub struct LenientCatalog {
    /// Judge by a catalog that has mistakes, and allow deviations that existing catalogs have. With names, such as wide-placeholder: allow
    /// only these deviations, and no mistakes. A wrong name lists the names. Allowed mistakes and deviations are reported as warnings, once
    /// for each rule.
    #[arg(
        long,
        value_name = "NAME,...",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        value_parser = allowed
    )]
    pub lenient_catalog: Option<Allowed>,
}

impl LenientCatalog {
    /// Reads the catalog, if one is named.
    pub fn open(&self, path: Option<&Path>, console: &Console) -> Result<Option<Loaded>, Failure> {
        path.map(|path| Loaded::contract(path, self.lenient_catalog.as_ref(), console)).transpose()
    }
}

/// The mistakes and deviations that a catalog may have if it judges events.
#[derive(Clone, Debug)]
pub struct Allowed {
    options: LoadOptions,
    mistakes: bool,
}

/// Reads a value of `--lenient-catalog`. The error lists the names.
pub fn allowed(text: &str) -> Result<Allowed, String> {
    Ok(Allowed { options: deviations(text)?, mistakes: text == "all" })
}

fn deviations(text: &str) -> Result<LoadOptions, String> {
    if text == "all" {
        return Ok(LoadOptions::lenient());
    }
    text.split(',').try_fold(LoadOptions::strict(), |options, name| {
        let leniency = Leniency::of(name).ok_or_else(|| {
            let names: Vec<_> = Leniency::ALL.iter().map(|known| known.code()).collect();
            format!("there is no deviation `{name}`; there are {}", names.join(", "))
        })?;
        Ok(options.allow(leniency))
    })
}

/// Reads the document of a registry at a URL, of so many bytes at most. Returns its name and its text.
pub type Fetch = fn(&str, usize) -> Result<(String, String), Failure>;

/// How registries are read: this package has no network.
static FETCH: OnceLock<Fetch> = OnceLock::new();

/// Sets how registries are read, once.
pub fn fetch_with(fetch: Fetch) {
    // The first one stays.
    let _ = FETCH.set(fetch);
}

/// A document of a catalog.
#[derive(Debug)]
struct Document {
    place: Place,
    /// The document as JSON, if it is YAML.
    yaml: Option<yaml::Document>,
}

/// A catalog from a file, from the files of a folder, or from a registry.
#[derive(Debug)]
pub struct Loaded {
    /// The file, folder or URL.
    pub name: String,
    /// The catalog that was read.
    pub catalog: Catalog,
    /// The findings in the catalog.
    pub findings: Vec<Finding>,
    documents: Vec<Document>,
}

impl Loaded {
    /// Reads a file, standard input for `-`, the registry at a URL of HTTP, or the files of a folder with names that end in .json, .yaml or
    /// .yml, as one catalog.
    pub fn open(path: &Path, options: &LoadOptions) -> Result<Self, Failure> {
        let files = match path.is_dir() {
            true => files(path)?,
            false => vec![path.to_owned()],
        };
        let (mut documents, mut left) = (Vec::new(), options.limits.bytes);
        for file in &files {
            let document = Document::open(file, left)?;
            left = left.saturating_sub(document.json().len());
            documents.push(document);
        }
        let failed = |error: &LoadError| {
            // A document that is not JSON has an offset.
            let alone = documents.iter().find(|document| Catalog::read(document.json(), options).is_err());
            let report = match alone {
                Some(document) => document.refused(error),
                None => Report::new(format!("{}: {error}", path.display())),
            };
            Failure::Told(Status::Usage, Box::new(report.kind("invalid-catalog")))
        };
        let report = match documents.as_slice() {
            [one] => Catalog::read(one.json(), options),
            all => Catalog::read_all(all.iter().map(Document::json), options),
        }
        .map_err(|error| failed(&error))?;
        let name = match documents.as_slice() {
            [one] => one.place.source.name.clone(),
            _ => path.display().to_string(),
        };
        Ok(Self { name, catalog: report.catalog, findings: report.findings, documents })
    }

    /// Reads as [`open`](Self::open) does, for a command that looks at a catalog. Reports how many mistakes it has.
    ///
    /// All deviations are allowed, unless some are named.
    pub fn used(path: &Path, options: Option<&LoadOptions>, console: &Console) -> Result<Self, Failure> {
        let loaded = Self::open(path, options.unwrap_or(&LoadOptions::lenient()))?;
        let mistakes = loaded.count(Level::Mistake);
        if mistakes > 0 {
            let words = format!("the catalog `{}` has {}", loaded.name, count(mistakes, "mistake"));
            let help = "`ce catalog lint` names them";
            console.report(&Report::warning(words).kind("catalog-mistakes").help(help));
        }
        Ok(loaded)
    }

    /// Reads as [`open`](Self::open) does, for a command that judges events by the catalog.
    ///
    /// A catalog with mistakes or with deviations is refused, unless they are allowed. Allowed mistakes and deviations are reported, once
    /// for each rule.
    fn contract(path: &Path, allowed: Option<&Allowed>, console: &Console) -> Result<Self, Failure> {
        let options = allowed.map_or_else(LoadOptions::strict, |allowed| allowed.options.clone());
        let loaded = Self::open(path, &options)?;
        let mistakes = loaded.count(Level::Mistake);
        if mistakes > 0 && !allowed.is_some_and(|allowed| allowed.mistakes) {
            let reports = loaded.reports();
            reports.iter().filter(|report| report.is_error()).for_each(|report| console.report(report));
            let words = format!("the catalog `{}` has {}", loaded.name, count(mistakes, "mistake"));
            let report = Report::new(words).kind("catalog-mistakes").help(
                "repair it: events that break the contract may be valid by such a catalog; --lenient-catalog uses it anyway",
            );
            return Err(Failure::Told(Status::Usage, Box::new(report)));
        }
        loaded.tell_allowed(console);
        Ok(loaded)
    }

    /// Reports mistakes and deviations as warnings: the first one of each rule, with the number of the others.
    fn tell_allowed(&self, console: &Console) {
        let is_told = |finding: &Finding| finding.level != Level::Advice;
        let mut numbers: HashMap<Rule, usize> = HashMap::new();
        for finding in self.findings.iter().filter(|finding| is_told(finding)) {
            let number = numbers.entry(finding.rule).or_default();
            *number = number.saturating_add(1);
        }
        for (finding, report) in self.findings.iter().zip(self.reports()) {
            let Some(number) = is_told(finding).then(|| numbers.remove(&finding.rule)).flatten() else {
                continue;
            };
            let report = report.into_warning();
            console.report(&match number.saturating_sub(1) {
                0 => report,
                more => report.help(format!("{} more of them: `ce catalog lint` names all", thousands(more))),
            });
        }
    }

    /// The number of findings of a level.
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// The reports of all findings, with their places.
    pub fn reports(&self) -> Vec<Report> {
        let mut wanted = HashSet::new();
        for finding in &self.findings {
            wanted.extend(with_ancestors(&finding.place).map(str::to_owned));
        }
        let found: Vec<_> = self.documents.iter().map(|document| places(document.json(), &wanted)).collect();
        let report = |finding: &Finding| {
            // The document that has the place itself, or else its nearest ancestor.
            let places = self.documents.iter().zip(&found);
            let nearest = |(document, places): (&'_ Document, &HashMap<String, usize>)| {
                with_ancestors(&finding.place)
                    .find_map(|place| Some((place.len(), *places.get(place)?)))
                    .map(|(length, offset)| (length, document.offset(offset), document.place.clone()))
            };
            let nearest = places.filter_map(nearest).max_by_key(|(length, ..)| *length);
            let message = finding.message.clone();
            let report = match finding.level {
                Level::Mistake => Report::new(message),
                Level::Repaired => Report::warning(message),
                _ => Report::note(message),
            };
            let report = report.kind(finding.rule.code()).from(finding.place.clone());
            match nearest {
                Some((_, offset, place)) => report.at(&place).offset(offset),
                None => report,
            }
        };
        self.findings.iter().map(report).collect()
    }

    /// The definition with this id or xid. An id that several groups have names no definition.
    pub fn message(&self, name: &str) -> Result<&Message, Failure> {
        let found: Vec<_> =
            self.catalog.messages().filter(|message| message.xid() == name || message.id() == name).collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(Failure::new(Status::No, format!("`{}` has no message `{name}`", self.name))
                .help("`ce catalog list` shows all of them")),
            several => {
                let xids: Vec<_> = several.iter().map(|message| message.xid()).collect();
                Err(Failure::usage(format!("`{name}` is the id of {}", count(several.len(), "message")))
                    .help(format!("name one of {}", xids.join(", "))))
            }
        }
    }
}

impl Document {
    fn open(path: &Path, most: usize) -> Result<Self, Failure> {
        let url = path.to_str().filter(|path| path.starts_with("http://") || path.starts_with("https://"));
        let (name, text) = match (url, FETCH.get()) {
            (Some(url), Some(fetch)) => fetch(url, most)?,
            _ if path == Path::new("-") => ("standard input".to_owned(), input::text(path, most)?),
            _ => (path.display().to_string(), input::text(path, most)?),
        };
        let place = Place::of(Source::new(name, text.clone(), 1));
        if !is_yaml(path) && (text.trim_start().starts_with(['{', '[']) || !yaml::is_likely(text.as_bytes()))
        {
            return Ok(Self { place, yaml: None });
        }
        match yaml::one(&text) {
            Ok(yaml) => Ok(Self { yaml: Some(yaml), place }),
            Err(error) => {
                let report = Report::of(&error).at(&place).kind("invalid-catalog");
                Err(Failure::Told(Status::Usage, Box::new(report)))
            }
        }
    }

    fn json(&self) -> &str {
        // It was a string, and has not changed.
        let text = || str::from_utf8(&self.place.source.text).unwrap_or_default();
        self.yaml.as_ref().map_or_else(text, |yaml| &yaml.json)
    }

    /// The offset in the file of a byte of the JSON.
    fn offset(&self, at: usize) -> usize {
        self.yaml.as_ref().map_or(at, |yaml| yaml.place(at))
    }

    fn refused(&self, error: &LoadError) -> Report {
        let text = error.to_string();
        // The report has line and column by itself.
        let message = match (error.offset(), text.rsplit_once(" at line ")) {
            (Some(_), Some((message, _))) => message.to_owned(),
            _ => text,
        };
        let report = Report::new(message).at(&self.place);
        match error.offset() {
            Some(offset) => report.offset(self.offset(offset)),
            None => report,
        }
    }
}

/// The documents of a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = folder.display().to_string();
    let files = documents(folder).map_err(|error| input::cannot_read(&name, &error))?;
    match files.is_empty() {
        true => Err(Failure::usage(format!("`{name}` has no files in JSON or YAML"))),
        false => Ok(files),
    }
}

/// A JSON Pointer and the pointers of its ancestors, the nearest first.
fn with_ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer), |place| place.rsplit_once('/').map(|(above, _)| above))
}
