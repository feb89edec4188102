//! That each type which a library exports has an example in its documentation, or names the type whose example has it.

use std::path::{Path, PathBuf};

use crate::Result;

/// The types of the library at `folder` without one, in `files`, which are its sources with their text.
pub(crate) fn without_example(library: &str, files: &[(PathBuf, String)]) -> Vec<String> {
    let exported = exported(library);
    let is_exported = |name: &str| exported.iter().any(|known| known == name);
    let lacks = |(path, text): &(PathBuf, String)| types(text, path, is_exported);
    files.iter().flat_map(lacks).collect()
}

/// The sources of a library with their text.
pub(crate) fn sources(
    files: Vec<PathBuf>,
    read: impl Fn(&Path) -> Result<String>,
) -> Result<Vec<(PathBuf, String)>> {
    let with_text = |path: PathBuf| read(&path).map(|text| (path, text));
    files.into_iter().map(with_text).collect()
}

/// The names of what `pub use` exports, without their paths.
fn exported(library: &str) -> Vec<String> {
    let uses = library.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    let names = uses.flat_map(|list| list.split(['{', '}', ',']).map(str::trim));
    names.filter_map(|path| path.rsplit("::").next()).map(str::to_owned).collect()
}

/// The types of a file among those asked for whose documentation shows nothing.
fn types(text: &str, path: &Path, is_asked: impl Fn(&str) -> bool) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let declared = lines.iter().enumerate().filter_map(|(number, line)| Some((number, name(line)?)));
    let lacks = declared.filter(|(number, name)| is_asked(name) && !has_example(&lines[..*number]));
    lacks
        .map(|(_, name)| format!("{name} in {} has no example in its documentation", path.display()))
        .collect()
}

/// The name of the public type that a line declares.
fn name(line: &str) -> Option<&str> {
    let rest = ["pub struct ", "pub enum ", "pub trait "].iter().find_map(|word| line.strip_prefix(word))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Whether the documentation that ends with these lines has an example, or says where it is.
fn has_example(before: &[&str]) -> bool {
    let documentation = before.iter().rev().take_while(|line| !line.is_empty() && !line.starts_with('}'));
    documentation.into_iter().any(|line| line.starts_with("/// ```") || line.starts_with("/// Example: ["))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_without_an_example_are_named() {
        let library = "mod a;\npub use a::{Shown, Told,\n    Bare};\npub use b::c::Other;\n";
        let text = "/// One.\n///\n/// ```\n/// ```\n#[derive(Debug)]\npub struct Shown;\n\n/// Example: [`Shown`].\npub enum Told {}\n\n\
                    /// Nothing.\npub trait Bare {}\n\n/// Nothing.\npub struct Unexported;\n";
        let found = without_example(library, &[("a.rs".into(), text.into())]);
        assert_eq!(found, ["Bare in a.rs has no example in its documentation"]);
    }
}
