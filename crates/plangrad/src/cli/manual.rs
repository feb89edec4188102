//! The arguments of `completions`, `man` and `help`.

use clap::Args;
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad completions bash > ~/.local/share/bash-completion/completions/plangrad\n  \
    plangrad completions zsh > ~/.zfunc/_plangrad\n  \
    plangrad completions fish > ~/.config/fish/completions/plangrad.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad man train | man -l -\n  \
    plangrad man > ~/.local/share/man/man1/plangrad.1")]
pub struct ManArgs {
    /// The command; the whole program without one
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// Arguments of `help`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  plangrad help train")]
pub struct HelpArgs {
    /// The command; the whole program without one
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}
