//! `cargo xtask book`: the documents as a book of HTML pages with a search, in both languages.
//!
//! mdBook makes it from copies that lie to one another as the documents do, so that links work in both. What it has made is read
//! again: every link must lead to a file that is there, and to a heading in it.

mod contents;
mod links;

use std::fs;
use std::path::Path;

use contents::Contents;

use crate::Result;
use crate::command::{exists, program, root, run, target};

/// A book has no name but this, and README.md stays README.html: mdBook's preprocessors would make it index.html, to which no link
/// leads.
const SETTINGS: &str = "[book]\ntitle = \"plangrad\"\nsrc = \"src\"\n\n\
    [build]\nuse-default-preprocessors = false\ncreate-missing = false\n";

pub(crate) fn make() -> Result<()> {
    let book = target().join("book");
    if book.exists() {
        fs::remove_dir_all(&book).map_err(|error| format!("{}: {error}", book.display()))?;
    }
    let contents = Contents::read(&root())?;
    for file in contents.pages().chain(&contents.files) {
        copy(&root().join(file), &book.join("src").join(file))?;
    }
    write(&book.join("src/SUMMARY.md"), &contents.summary())?;
    write(&book.join("book.toml"), SETTINGS)?;
    if !exists("mdbook", &["--version"]) {
        run(program(
            "cargo",
            &["install", "mdbook", "--locked", "--no-default-features", "--features", "search"],
        ))?;
    }
    run(program("mdbook", &["build", &book.display().to_string()]))?;
    let pages = book.join("book");
    let broken = links::broken(&pages)?;
    if broken.is_empty() {
        println!("{} pages: {}", contents.pages().count(), pages.join("index.html").display());
        Ok(())
    } else {
        Err(format!("links that lead nowhere:\n{}", broken.join("\n")))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    make_folder(to)?;
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    make_folder(path)?;
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn make_folder(of: &Path) -> Result<()> {
    let folder = of.parent().unwrap_or(of);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}
