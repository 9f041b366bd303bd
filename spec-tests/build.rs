//! Lists the data files, so that the library can embed them without naming each one.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDERS: [(&str, &str); 3] =
    [("DOCUMENTS", "vectors"), ("REQUIREMENTS", "requirements"), ("SAMPLES", "samples")];

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let mut code = String::new();
    for (name, folder) in FOLDERS {
        // A folder that does not exist yet is watched too: cargo runs this again until it is there.
        println!("cargo::rerun-if-changed={folder}");
        code += &table(name, &root, folder)?;
    }
    println!("cargo::rerun-if-changed=build.rs");
    fs::write(Path::new(&variable("OUT_DIR")?).join("files.rs"), code)
}

fn table(name: &str, root: &Path, folder: &str) -> io::Result<String> {
    let folder_path = root.join(folder);
    let mut files = Vec::new();
    collect(&folder_path, &folder_path, &mut files)?;
    files.sort();
    let mut code = format!("static {name}: &[(&str, &str)] = &[\n");
    for file in files {
        let place = format!("/{folder}/{file}");
        // Relative to where the crate is when it is compiled, which need not be where this program ran.
        let text = format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {place:?}))");
        // Writing to a string cannot fail.
        let _ = writeln!(code, "    ({file:?}, {text}),");
    }
    code += "];\n";
    Ok(code)
}

/// The path of every `.json` file below `folder`, relative to `root` and with `/` on every platform.
fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let parts: Vec<_> = path
                .strip_prefix(root)
                .map_err(io::Error::other)?
                .components()
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect();
            files.push(parts.join("/"));
        }
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
