//! The user's settings: a configuration file, and variables of the environment.

pub(crate) mod defaults;
pub(crate) mod file;

use crate::failure::Failure;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

/// The variable that names the configuration file.
const CONFIG: &str = "CE_CONFIG";

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Values of options by their names, in objects by the names of commands.
    pub(crate) defaults: Map<String, Value>,
    /// Connections by their names.
    pub(crate) connections: BTreeMap<String, Connection>,
}

/// A named connection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Connection {
    pub(crate) url: String,
    /// Options of the URL.
    #[serde(default)]
    pub(crate) options: BTreeMap<String, Value>,
    pub(crate) user: Option<String>,
    pub(crate) password_env: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) password_command: Option<String>,
    /// Headers of HTTP requests: `Name: value`, or `@FILE`.
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    pub(crate) authorization_env: Option<String>,
    pub(crate) authorization_file: Option<PathBuf>,
    pub(crate) authorization_command: Option<String>,
}

impl Settings {
    /// Reads the configuration file, if there is one.
    pub(crate) fn load() -> Result<Self, Failure> {
        match path() {
            Some(path) => file::read(&path),
            None => Ok(Self::default()),
        }
    }
}

/// Returns the path of the configuration file.
///
/// `CE_CONFIG` names it. Then it has to exist, unless the name is empty. Otherwise it is `ce/config.yaml` in the user's folder of
/// configurations, if it exists.
pub(crate) fn path() -> Option<PathBuf> {
    if let Some(path) = env::var_os(CONFIG) {
        return Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty());
    }
    usual_path().filter(|path| path.exists())
}

/// Returns where the configuration file is looked for.
pub(crate) fn usual_path() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = match folder("XDG_CONFIG_HOME") {
        Some(base) => base,
        None if cfg!(windows) => folder("APPDATA")?,
        None => folder("HOME")?.join(".config"),
    };
    Some(base.join("ce").join(Path::new("config.yaml")))
}
