//! 简体中文: English texts and their translations, by where they are said.

mod help;
mod output;

/// All of them.
pub(super) fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    [help::TEXTS, output::TEXTS].into_iter().flatten().copied()
}
