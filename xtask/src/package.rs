//! `cargo xtask package`: the crates as a registry would have them. Each has its licences, its page and what a registry asks
//! for; with `--build` each compiles and runs its examples from nothing but its package.

use std::path::{Path, PathBuf};

use cargo_metadata::{MetadataCommand, Package};

use crate::Result;
use crate::command::{output, program, root, run, target};

/// What every package must hold.
const FILES: [&str; 4] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "Cargo.toml"];

/// The most keywords that crates.io takes, and the most letters of one.
const KEYWORDS: (usize, usize) = (5, 20);

pub(crate) fn check(build: bool) -> Result<()> {
    let packages = packages()?;
    let wrong: Vec<String> = packages.iter().flat_map(incomplete).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    // Without network: they depend on one another, and none of them is published yet.
    let mut pack = program("cargo", &["package", "--no-verify", "--allow-dirty", "--quiet", "--offline"]);
    for package in &packages {
        pack.args(["--package", package.name.as_str()]);
    }
    run(pack)?;
    for package in &packages {
        check_files(package)?;
    }
    if build { build_packed(&packages) } else { Ok(()) }
}

/// The packages of the workspace that may be published.
fn packages() -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let may_be = |package: &Package| package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
    Ok(metadata.packages.into_iter().filter(may_be).collect())
}

/// What a registry, or docs.rs, would miss in a manifest.
fn incomplete(package: &Package) -> Vec<String> {
    let (most, longest) = KEYWORDS;
    let keywords = &package.keywords;
    let of_docs_rs = &package.metadata["docs"]["rs"]["all-features"];
    let wanted = [
        (package.description.is_some(), "a description".to_owned()),
        (package.license.is_some(), "a licence".to_owned()),
        (!package.categories.is_empty(), "categories".to_owned()),
        (
            (1..=most).contains(&keywords.len()) && keywords.iter().all(|word| word.len() <= longest),
            format!("1 to {most} keywords of at most {longest} letters"),
        ),
        (of_docs_rs == true, "all-features for docs.rs".to_owned()),
    ];
    let missing = wanted.into_iter().filter(|(is_there, _)| !is_there);
    missing.map(|(_, what)| format!("{} lacks {what}", package.name)).collect()
}

fn archive(package: &Package) -> PathBuf {
    target().join("package").join(format!("{}.crate", folder(package)))
}

/// The name of a package's folder in its archive.
fn folder(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

/// Compares an archive with what it must hold.
fn check_files(package: &Package) -> Result<()> {
    let listed = output(program("tar", &["-tzf", &archive(package).display().to_string()]))?;
    match missing(&listed, &folder(package)).as_slice() {
        [] => Ok(()),
        files => Err(format!("the package of {} lacks {}", package.name, files.join(", "))),
    }
}

fn missing(listed: &str, folder: &str) -> Vec<&'static str> {
    let is_there = |file: &&str| listed.lines().any(|line| line == format!("{folder}/{file}"));
    FILES.into_iter().filter(|file| !is_there(file)).collect()
}

/// Unpacks all crates side by side, and tests each of them there.
fn build_packed(packages: &[Package]) -> Result<()> {
    let unpacked = target().join("package/unpacked");
    std::fs::create_dir_all(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    for package in packages {
        let [archive, place] = [archive(package), unpacked.clone()].map(|path| path.display().to_string());
        run(program("tar", &["-xzf", &archive, "-C", &place]))?;
    }
    packages.iter().try_for_each(|package| test_packed(package, packages, &unpacked))
}

/// Builds an unpacked crate and runs the examples in its documentation, with the other crates as they are packed.
fn test_packed(package: &Package, all: &[Package], unpacked: &Path) -> Result<()> {
    let manifest = unpacked.join(folder(package)).join("Cargo.toml");
    // The archives' versions of plangrad's crates, since the registry has none.
    let patches = all
        .iter()
        .map(|other| format!("patch.crates-io.{}.path={:?}", other.name, unpacked.join(folder(other))));
    let mut test = program("cargo", &["test", "--doc", "--all-features", "--manifest-path"]);
    test.arg(&manifest).arg("--target-dir").arg(target().join("packed"));
    for patch in patches {
        test.args(["--config", &patch]);
    }
    run(test)
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn a_package_without_a_licence_is_found() {
        let listed =
            "a-0.1.0/Cargo.toml\na-0.1.0/README.md\na-0.1.0/src/LICENSE-MIT\na-0.1.0/LICENSE-APACHE\n";
        assert_eq!(missing(listed, "a-0.1.0"), ["LICENSE-MIT"]);
        assert_eq!(missing(&format!("{listed}a-0.1.0/LICENSE-MIT\n"), "a-0.1.0"), [""; 0]);
    }
}
