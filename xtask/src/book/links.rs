//! The links of HTML pages: each leads to a file that is there, and to an element in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// Pages that mdBook makes of all others, whose links are those of the others.
const REPEATED: [&str; 2] = ["print.html", "404.html"];

/// The links below a folder that lead nowhere.
pub(super) fn broken(folder: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    collect(folder, &mut pages)?;
    let mut broken = Vec::new();
    for (path, text) in pages.iter().filter(|(path, _)| !REPEATED.iter().any(|name| path.ends_with(name))) {
        for link in links(text) {
            let (file, element) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap_or(path).join(file) };
            let there = match fs::canonicalize(&target) {
                Err(_) => false,
                Ok(target) => element.is_empty() || pages.get(&target).is_none_or(|text| has(text, element)),
            };
            if !there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    Ok(broken)
}

fn collect(folder: &Path, pages: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    let failed = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = fs::canonicalize(entry.map_err(failed)?.path()).map_err(failed)?;
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            let text = fs::read_to_string(&path).map_err(failed)?;
            pages.insert(path, text);
        }
    }
    Ok(())
}

/// What the page's links and pictures name, but for other sites.
fn links(text: &str) -> Vec<String> {
    let names = ["href=\"", "src=\""].into_iter().flat_map(|start| text.split(start).skip(1));
    let names = names.filter_map(|rest| rest.split('"').next()).map(decoded);
    names.filter(|link| !link.contains("://") && !link.starts_with("data:") && !link.is_empty()).collect()
}

fn has(text: &str, element: &str) -> bool {
    text.contains(&format!("id=\"{element}\""))
}

/// An address with its `%E9%98%B6` as letters.
fn decoded(address: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = address.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{broken, decoded};

    #[test]
    fn a_link_to_a_file_or_an_element_that_is_not_there_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let page = |links: &str| {
            fs::write(folder.path().join("a.html"), format!("<h2 id=\"阶梯\">{links}</h2>")).unwrap()
        };
        page("<a href=\"#%E9%98%B6%E6%A2%AF\"></a><img src=\"a.html\"><a href=\"https://a.b\"></a>");
        assert_eq!(broken(folder.path()), Ok(Vec::new()));
        for link in ["b.html", "#ladder", "a.html#ladder"] {
            page(&format!("<a href=\"{link}\"></a>"));
            assert_eq!(broken(folder.path()).unwrap().len(), 1, "{link}");
        }
    }

    #[test]
    fn addresses_are_decoded() {
        assert_eq!(decoded("a%20b%E9%98%B6%"), "a b阶%");
    }
}
