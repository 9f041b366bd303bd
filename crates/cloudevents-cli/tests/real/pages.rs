//! Commands on the pages of the repository have options that exist, and YAML on them is that of `ce`.

use crate::program::{Ran, ce, command, file, path_of};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// In blocks and in the text. What commands do is tested elsewhere: of the pages, `examples.rs` runs those of the README.
#[test]
fn commands_of_pages_have_options_that_exist() {
    // Each command with its first place.
    let mut commands = BTreeMap::new();
    for (page, text) in pages() {
        let mut line = 1;
        for (number, part) in text.split("```").enumerate() {
            let found = if number % 2 == 1 { of_a_block(part) } else { of_prose(part) };
            for arguments in found.into_iter().flat_map(|text| split(&text)) {
                commands.entry(arguments).or_insert_with(|| format!("{page}, after line {line}"));
            }
            line += part.matches('\n').count();
        }
    }
    assert!(commands.len() > 150, "{commands:#?}");
    let next = Mutex::new(commands.iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let command = next.lock().unwrap().next();
                    let Some((arguments, place)) = command else { break };
                    if let Err(why) = try_out(arguments) {
                        wrong.lock().unwrap().push(format!("{place}: ce {}\n{why}", arguments.join(" ")));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), commands.len(), wrong.join("\n"));
}

/// Parses the arguments, and has the effect of `--help`.
fn try_out(arguments: &[String]) -> Result<(), String> {
    let own = arguments.split(|argument| argument == "--").next().unwrap_or_default();
    let mut own: Vec<&str> = own.iter().map(String::as_str).collect();
    let is_case = own.starts_with(&["conformance", "show"]) && own.iter().any(|word| word.contains('/'));
    if !is_case {
        own.push("--help");
    }
    let Ran { status, err, .. } = ce(&own);
    // Text names options alone, and has `SHELL` where a command has a value.
    let is_named = err.starts_with("error: a value is required for");
    let stands_for_a_value = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_form = own.iter().filter(stands_for_a_value).any(|word| err.contains(&format!("value '{word}'")));
    if status == 0 || is_named || is_form { Ok(()) } else { Err(err) }
}

/// The lines of a block of a shell, or of output that shows commands.
fn of_a_block(block: &str) -> Vec<String> {
    let (words, text) = block.split_once('\n').unwrap_or_default();
    if !["", "console", "sh", "text"].contains(&words) {
        return Vec::new();
    }
    text.replace("\\\n", " ").lines().map(|line| line.trim().to_owned()).collect()
}

/// Code in text that is a command.
fn of_prose(text: &str) -> Vec<String> {
    let code = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("ce "));
    // Cells of tables escape the bar.
    code.map(|code| code.replace('\n', " ").replace("\\|", "|")).collect()
}

/// The arguments of each `ce` in a line of a shell.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut ends = false;
    for letter in line.chars().chain([' ']) {
        let words = commands.last_mut().unwrap();
        match (letter, quote) {
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, Some(open)) if letter == open => quote = None,
            ('#', None) if word.is_none() => break,
            (' ' | '|' | '&' | ';' | '<' | '>', None) => {
                words.extend(word.take().filter(|_| !ends));
                // Files of a redirection are no arguments.
                ends |= matches!(letter, '<' | '>');
                if matches!(letter, '|' | '&' | ';') {
                    commands.push(Vec::new());
                    ends = false;
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    let is_variable = |word: &String| {
        word.split_once('=')
            .is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
    };
    commands
        .into_iter()
        .filter_map(|words: Vec<String>| {
            let mut words = words.into_iter().skip_while(is_variable);
            (words.next().as_deref() == Some("ce")).then(|| words.collect())
        })
        .collect()
}

#[test]
fn a_line_of_a_shell_is_split() {
    let line =
        "K='a b' ce send -o x=1 'http://h/?a&b' --data \"{'n'}\" <file | jq '.a|.b' && ce look u # ce x";
    assert_eq!(
        split(line),
        [vec!["send", "-o", "x=1", "http://h/?a&b", "--data", "{'n'}"], vec!["look", "u"]]
    );
}

/// A configuration file, then the settings of a bridge with it, and the action of a workflow.
#[test]
fn yaml_of_pages_is_that_of_the_program() {
    // A password, and a key of signatures.
    let secret: &str = &path_of("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let mut config = file("config.yaml", "");
    let mut count = 0;
    for (page, text) in pages() {
        for block in text.split("```yaml\n").skip(1) {
            count += 1;
            let block = block.split("```").next().unwrap();
            if block.starts_with("- uses: ") {
                let action = fs::read_to_string(root().join("packaging/action/action.yml")).unwrap();
                let inputs = block.split("  with:\n").nth(1).unwrap().lines();
                for input in inputs.map(|line| line.trim().split(':').next().unwrap()) {
                    assert!(action.contains(&format!("\n  {input}:")), "{page}: no input `{input}`");
                }
                continue;
            }
            let block = block.replace("/run/secrets/hook", secret).replace("/ce/password", secret);
            let block = block.replace("pass show kafka/billing", "echo secret");
            let arguments = if block.starts_with("from: ") {
                let settings = file("bridge.yaml", block);
                ["bridge", "--config", settings.to_str().unwrap(), "--check"].map(str::to_owned).to_vec()
            } else {
                config = file("config.yaml", &block);
                ["bridge", "@orders", "http://127.0.0.1:9/", "--check"].map(str::to_owned).to_vec()
            };
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = command(&arguments).env("CE_CONFIG", &config).output().unwrap();
            assert!(output.status.success(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(count >= 4, "{count}");
}

/// The pages with their text.
fn pages() -> Vec<(String, String)> {
    let mut paths = vec![root().join("README.md")];
    for folder in ["crates", "docs", "examples", "packaging", "spec-tests"] {
        collect(&root().join(folder), &mut paths);
    }
    assert!(paths.len() > 150, "{paths:?}");
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().display().to_string(), text)
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            // Programs that tests build and install are not of the repository.
            if !["target", "node_modules", "venv"].contains(&name) && !name.starts_with('.') {
                collect(&path, paths);
            }
        } else if name.ends_with(".md") {
            paths.push(path);
        }
    }
}
