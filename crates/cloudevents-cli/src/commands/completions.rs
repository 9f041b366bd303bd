//! `ce completions`: completion scripts for shells.

use crate::{
    cli::Cli,
    emit::print,
    failure::{Failure, Status},
    settings::Settings,
};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Print a completion script for a shell.
///
/// In bash, zsh and fish, the script also completes the names of connections of the configuration file: `ce send @`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce completions bash > ~/.local/share/bash-completion/completions/ce
  ce completions zsh > ~/.zfunc/_ce
  ce completions fish > ~/.config/fish/completions/ce.fish")]
pub(crate) struct Completions {
    /// The shell to write the script for.
    #[arg(required_unless_present = "connections")]
    shell: Option<Shell>,
    /// Print the names of connections, as the scripts complete them.
    #[arg(long, hide = true, conflicts_with = "shell")]
    connections: bool,
}

pub(crate) fn run(command: &Completions) -> Result<Status, Failure> {
    let mut script = Vec::new();
    if let Some(shell) = command.shell {
        clap_complete::generate(shell, &mut Cli::command(), "ce", &mut script);
        script = with_connections(shell, script);
    }
    if command.connections {
        // Shells expand the words that they complete.
        let is_plain =
            |name: &&String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        for name in Settings::load()?.connections.keys().filter(is_plain) {
            writeln!(script, "@{name}")?;
        }
    }
    print(&script)
}

/// Adds the names of connections. The script reads them from the configuration file at the time of completing.
fn with_connections(shell: Shell, script: Vec<u8>) -> Vec<u8> {
    let mut text = String::from_utf8(script).unwrap_or_default();
    match shell {
        Shell::Bash => text += BASH,
        Shell::Fish => text += FISH,
        Shell::Zsh => {
            let lines = text.lines().map(|line| match line.strip_suffix(":_default' \\") {
                Some(of) if URLS.iter().any(|name| of.starts_with(name)) => format!("{of}:_ce_urls' \\\n"),
                _ => format!("{line}\n"),
            });
            text = lines.collect();
            text = text.replacen("autoload -U is-at-least\n", &format!("autoload -U is-at-least\n{ZSH}"), 1);
        }
        _ => {}
    }
    text.into_bytes()
}

/// The arguments that take a URL, as zsh names them.
const URLS: [&str; 3] = ["':url -- ", "'::from -- ", "'::to -- "];

/// Interactive shells take `@` for the end of a word, so that it stands before the word that is completed.
const BASH: &str = r#"
_ce_with_connections() {
    _ce "$@"
    local word=${COMP_WORDS[COMP_CWORD]} before=
    [ "$COMP_CWORD" -gt 0 ] && before=${COMP_WORDS[COMP_CWORD-1]}
    if [[ $word == @?* ]]; then
        COMPREPLY=($(compgen -W "$(ce completions --connections 2>/dev/null)" -- "$word"))
    elif [[ $word == @ || $before == @ ]]; then
        COMPREPLY=($(compgen -W "$(ce completions --connections 2>/dev/null | sed 's/^@//')" -- "${word#@}"))
    fi
}
complete -F _ce_with_connections -o bashdefault -o default ce
"#;

const FISH: &str = "
complete -c ce -n '__fish_seen_subcommand_from send listen bridge' -a '(ce completions --connections 2>/dev/null)'
";

const ZSH: &str = "
_ce_urls() {
    local -a names
    names=(${(f)\"$(ce completions --connections 2>/dev/null)\"})
    compadd -a names
    _default
}
";
