//! `cargo xtask release`: what is published for Linux, in `target/release-files`: an archive with the program, its completions, manual
//! and licences; the Python wheel; and the checksums of both.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::command::{built, output, program, root, run, target};
use crate::python;

/// Files of the repository that the archive has.
const FILES: [&str; 5] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "README.zh-CN.md", "CHANGELOG.md"];

const SHELLS: [(&str, &str); 3] =
    [("bash", "plangrad.bash"), ("zsh", "_plangrad"), ("fish", "plangrad.fish")];

pub(crate) fn pack() -> Result<()> {
    let folder = target().join("release-files");
    let _ = fs::remove_dir_all(&folder); // of an earlier version
    make(&folder)?;
    let files = [archive(&folder)?, wheel(&folder)?];
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut sums = program("sha256sum", &names);
    sums.current_dir(&folder);
    write(&folder.join("SHA256SUMS"), &output(sums)?)?;
    eprintln!("\n{}: {}, SHA256SUMS", folder.display(), files.join(", "));
    Ok(())
}

/// Packs the program with what belongs to it; returns the archive's name.
fn archive(folder: &Path) -> Result<String> {
    let plangrad = built(&["build", "--release", "--locked", "--package", "plangrad"], "plangrad")?;
    let name = format!("plangrad-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let contents = target().join("release-contents").join(&name);
    let _ = fs::remove_dir_all(&contents);
    make(&contents.join("completions"))?;
    copy(&plangrad, &contents.join("plangrad"))?;
    FILES.iter().try_for_each(|file| copy(&root().join(file), &contents.join(file)))?;
    let plangrad = plangrad.display().to_string();
    for (shell, file) in SHELLS {
        let text = output(program(&plangrad, &["completions", shell]))?;
        write(&contents.join("completions").join(file), &text)?;
    }
    manual(&plangrad, &contents.join("man"))?;
    let archive = format!("{name}.tar.gz");
    // The same files give the same bytes.
    let same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    let mut tar = program("tar", &same);
    tar.args(["-czf", &folder.join(&archive).display().to_string(), &name]);
    tar.current_dir(target().join("release-contents"));
    run(tar)?;
    Ok(archive)
}

/// Writes the manual page of the program and of each command.
fn manual(plangrad: &str, folder: &PathBuf) -> Result<()> {
    make(folder)?;
    write(&folder.join("plangrad.1"), &output(program(plangrad, &["man"]))?)?;
    for command in commands(&output(program(plangrad, &["--help"]))?) {
        let page = output(program(plangrad, &["man", command]))?;
        write(&folder.join(format!("plangrad-{command}.1")), &page)?;
    }
    Ok(())
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<&str> {
    let list =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).collect()
}

/// Builds the wheel; returns its name.
fn wheel(folder: &Path) -> Result<String> {
    let wheel = python::published()?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    copy(&wheel, &folder.join(&name))?;
    Ok(name)
}

fn make(folder: &PathBuf) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn commands_are_read_from_the_help() {
        let help = "About\n\nUsage: x\n\nCommands:\n  train  Trains,\n         slowly\n  eval   Evaluates\n\nOptions:\n  -h\n";
        assert_eq!(commands(help), ["train", "eval"]);
    }
}
