//! Every dependency has an accepted licence and, where cargo-deny and its database are available, no known vulnerability.

use cargo_metadata::MetadataCommand;

use crate::Result;
use crate::command::{exists, program, root, run, skip};

/// Permissive licences.
const ALLOWED: [&str; 13] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
];

pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let refused: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(acceptable))
        .map(|package| {
            format!("{} {} ({})", package.name, package.version, package.license.as_deref().unwrap_or("none"))
        })
        .collect();
    if !refused.is_empty() {
        return Err(format!("licences not on the list of xtask/src/licences.rs: {}", refused.join(", ")));
    }
    advisories()
}

/// Whether an SPDX expression can be satisfied with allowed licences.
fn acceptable(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    // `A AND B OR C` with brackets removed is read as alternatives of conjunctions, or as a conjunction of
    // alternatives; it must be acceptable either way.
    let allowed = |licence: &str| ALLOWED.contains(&licence.trim());
    let alternatives = plain.split(" OR ").any(|a| a.split(" AND ").all(allowed));
    let conjunction = plain.split(" AND ").all(|part| part.split(" OR ").any(allowed));
    alternatives && conjunction
}

fn advisories() -> Result<()> {
    if !exists("cargo", &["deny", "--version"]) {
        skip("known vulnerabilities (cargo-deny is not installed)");
        return Ok(());
    }
    if !exists("cargo", &["deny", "--offline", "check", "advisories"]) {
        // Either the database is missing or it lists an advisory; fetching it and checking again distinguishes the two.
        let mut command = program("cargo", &["deny", "fetch", "db"]);
        command.env("CARGO_NET_RETRY", "0");
        if run(command).is_err() {
            skip("known vulnerabilities (the advisory database cannot be fetched)");
            return Ok(());
        }
    }
    run(program("cargo", &["deny", "--offline", "check", "advisories"]))
}

#[cfg(test)]
mod tests {
    use super::acceptable;

    #[test]
    fn expressions_are_accepted_if_allowed_licences_satisfy_them() {
        for fine in [
            "MIT",
            "MIT OR Apache-2.0",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(acceptable(fine), "{fine}");
        }
        for refused in ["GPL-3.0", "MIT AND GPL-3.0", "", "(MIT OR Apache-2.0) AND GPL-3.0"] {
            assert!(!acceptable(refused), "{refused}");
        }
    }
}
