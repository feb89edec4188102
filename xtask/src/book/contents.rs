//! What is in the book: the pages that the indexes of both languages list, in their order, and whatever these lead to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::Result;

/// The parts of the book: a title, the page that begins it, and the index whose pages follow.
const PARTS: [(&str, &str, &str); 2] =
    [("English", "README.md", "docs/README.md"), ("简体中文", "README.zh-CN.md", "docs/zh/README.md")];

/// Paths from the repository's root.
pub(super) struct Contents {
    /// The title of each part, and its pages with their titles.
    parts: Vec<(&'static str, Vec<(String, PathBuf)>)>,
    /// Other files that pages lead to.
    pub(super) files: Vec<PathBuf>,
}

impl Contents {
    pub(super) fn read(root: &Path) -> Result<Contents> {
        let mut seen = BTreeSet::new();
        let mut parts = Vec::new();
        for (title, first, index) in PARTS {
            let [first, index] = [first, index].map(PathBuf::from);
            let listed = links(root, &index)?.into_iter().filter(|page| page.parent() == index.parent());
            let pages = [first, index.clone()].into_iter().chain(listed);
            let new = pages.filter(|page| is_page(page) && seen.insert(page.clone()));
            parts.push((title, new.collect::<Vec<_>>()));
        }
        let (others, files) =
            led_to(root, &parts.iter().flat_map(|(_, pages)| pages.clone()).collect::<Vec<_>>())?;
        parts.push(("plangrad", others));
        let parts = parts.into_iter().map(|(name, pages)| Ok((name, titled(root, pages)?)));
        let parts = parts.collect::<Result<_>>()?;
        Ok(Contents { parts, files })
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = &PathBuf> {
        self.parts.iter().flat_map(|(_, pages)| pages).map(|(_, page)| page)
    }

    /// mdBook's table of contents.
    pub(super) fn summary(&self) -> String {
        let mut text = "# Summary\n".to_owned();
        for (title, pages) in &self.parts {
            text += &format!("\n# {title}\n\n");
            pages.iter().for_each(|(title, page)| text += &format!("- [{title}]({})\n", page.display()));
        }
        text
    }
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The pages, and the other files, that pages lead to directly or through others.
fn led_to(root: &Path, from: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut seen: BTreeSet<PathBuf> = from.iter().cloned().collect();
    let mut open = from.to_vec();
    let (mut pages, mut files) = (Vec::new(), Vec::new());
    while let Some(page) = open.pop() {
        for target in links(root, &page)? {
            if !root.join(&target).is_file() || !seen.insert(target.clone()) {
                continue;
            }
            if is_page(&target) {
                open.push(target.clone());
                pages.push(target);
            } else {
                files.push(target);
            }
        }
    }
    pages.sort();
    Ok((pages, files))
}

/// Where the links of a page lead within the repository.
fn links(root: &Path, page: &Path) -> Result<Vec<PathBuf>> {
    let text = read(root, page)?;
    let folder = page.parent().unwrap_or(page);
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect();
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let inside = targets.filter(|target| !target.is_empty() && !target.contains("://"));
        found.extend(inside.map(|target| plain(&folder.join(target))));
    }
    Ok(found)
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

fn titled(root: &Path, pages: Vec<PathBuf>) -> Result<Vec<(String, PathBuf)>> {
    pages.into_iter().map(|page| Ok((title(root, &page)?, page))).collect()
}

/// The first heading of a page.
fn title(root: &Path, page: &Path) -> Result<String> {
    let text = read(root, page)?;
    let title = text.lines().find_map(|line| line.strip_prefix("# "));
    title.map(str::to_owned).ok_or_else(|| format!("{} has no title", page.display()))
}

fn read(root: &Path, page: &Path) -> Result<String> {
    fs::read_to_string(root.join(page)).map_err(|error| format!("{}: {error}", page.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Contents, is_page};
    use crate::command::root;

    #[test]
    fn every_page_for_users_is_in_the_book_once() {
        let contents = Contents::read(&root()).unwrap();
        for folder in ["docs", "docs/zh"] {
            let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
            for page in entries.map(|name| Path::new(folder).join(name)).filter(|path| is_page(path)) {
                assert_eq!(contents.pages().filter(|other| **other == page).count(), 1, "{}", page.display());
            }
        }
        assert!(contents.files.contains(&PathBuf::from("docs/step.svg")));
        assert!(
            contents.summary().contains("\n# 简体中文\n\n- [plangrad](README.zh-CN.md)\n"),
            "{}",
            contents.summary()
        );
    }
}
