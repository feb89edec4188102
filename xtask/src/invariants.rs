//! What ARCHITECTURE.md promises and a program can check: dependencies between packages, where unsafe code may be, that
//! libraries do not print, that no files of a crate import each other in a circle, and that types have examples.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::command::root;
use crate::{Result, circles, documented};

/// Every package of the workspace, the packages of the workspace it may use, and what it says about unsafe code.
const PACKAGES: [(&str, &[&str], Unsafe); 7] = [
    ("plangrad-formats", &[], Unsafe::Forbidden),
    ("plangrad-tensor", &[], Unsafe::Allowed),
    ("plangrad-data", &["plangrad-formats"], Unsafe::Forbidden),
    ("plangrad-nn", &["plangrad-tensor"], Unsafe::Forbidden),
    ("plangrad", &["plangrad-nn", "plangrad-tensor", "plangrad-data", "plangrad-formats"], Unsafe::Forbidden),
    (
        "plangrad-python",
        &["plangrad", "plangrad-tensor", "plangrad-data", "plangrad-formats"],
        Unsafe::OfMacros,
    ),
    ("xtask", &["plangrad-tensor"], Unsafe::Forbidden),
];

/// Where unsafe code may be in a package.
#[derive(Clone, Copy)]
enum Unsafe {
    /// Nowhere.
    Forbidden,
    /// In what macros of other packages write, which allow it themselves.
    OfMacros,
    /// Anywhere.
    Allowed,
}

pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let mut broken = Vec::new();
    for package in &metadata.packages {
        match PACKAGES.iter().find(|(name, ..)| *name == package.name.as_str()) {
            Some((_, allowed, unsafe_code)) => {
                broken.extend(check_dependencies(package, allowed));
                broken.extend(check_unsafe(package, *unsafe_code)?);
                broken.extend(check_circles(package)?);
            }
            None => {
                broken.push(format!("package {} is not in the list of xtask/src/invariants.rs", package.name))
            }
        }
    }
    broken.extend(check_sources()?);
    for library in ["crates/tensor", "crates/nn"] {
        broken.extend(check_examples(&root().join(library).join("src"))?);
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
}

fn check_dependencies(package: &Package, allowed: &[&str]) -> Vec<String> {
    let own: BTreeSet<&str> = PACKAGES.iter().map(|(name, ..)| *name).collect();
    let dependencies = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
    dependencies
        .filter(|d| own.contains(d.name.as_str()) && !allowed.contains(&d.name.as_str()))
        .map(|d| format!("{} must not depend on {}", package.name, d.name))
        .collect()
}

/// A package without unsafe code of its own says so itself, for the compiler to enforce.
fn check_unsafe(package: &Package, allowed: Unsafe) -> Result<Vec<String>> {
    let level = match allowed {
        Unsafe::Forbidden => "forbid",
        Unsafe::OfMacros => "deny",
        Unsafe::Allowed => return Ok(Vec::new()),
    };
    let mut broken = Vec::new();
    for target in package.targets.iter().filter(|target| circles::is_code(target)) {
        let text = read(target.src_path.as_std_path())?;
        if !text.contains(&format!("#![{level}(unsafe_code)]")) {
            broken.push(format!("{} must {level} unsafe code", target.src_path));
        }
    }
    Ok(broken)
}

/// Prints the import circles of a package, of which there may be none.
fn check_circles(package: &Package) -> Result<Option<String>> {
    let found = circles::of(package)?;
    for circle in &found {
        eprintln!("{}: {circle}", package.name);
    }
    let broken = || format!("files of {} import each other in a circle, see above", package.name);
    Ok((!found.is_empty()).then(broken))
}

/// Each type that a library exports has an example.
fn check_examples(sources: &Path) -> Result<Vec<String>> {
    let files = documented::sources(rust_files(sources)?, read)?;
    Ok(documented::without_example(&read(&sources.join("lib.rs"))?, &files))
}

/// Library sources neither print nor leave work undone.
fn check_sources() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for library in ["formats", "tensor", "nn", "data", "python"] {
        for file in rust_files(&root().join("crates").join(library).join("src"))? {
            let text = read(&file)?;
            for (i, line) in text.lines().enumerate().take_while(|(_, line)| !line.contains("#[cfg(test)]")) {
                let code = line.trim_start();
                let printing =
                    ["println!(", "eprintln!(", "print!("].iter().any(|word| code.starts_with(word));
                if printing {
                    broken.push(format!("{}:{}: a library does not print", file.display(), i + 1));
                }
            }
        }
    }
    Ok(broken)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        let test_only = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing");
        if test_only {
            continue;
        }
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
