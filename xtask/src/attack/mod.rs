//! `cargo xtask attack`: does to the program what the world may do, and counts what breaks.

#[cfg(unix)]
mod target;
#[cfg(unix)]
mod tries;

use clap::Args;

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// Minutes to spend, shared by all kinds of attack
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Where the numbers begin by which attacks are chosen
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program; built anew if absent
    #[arg(long)]
    program: Option<std::path::PathBuf>,
    /// Write the table into docs/reliability.md as well
    #[arg(long)]
    write: bool,
}

#[cfg(not(unix))]
pub(crate) fn run(_: &Options) -> crate::Result<()> {
    Err("attacks need signals and limits as Unix has them".to_owned())
}

#[cfg(unix)]
pub(crate) use unix::run;

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use super::Options;
    use super::target::Target;
    use super::tries::{KINDS, Kind, prepare};
    use crate::Result;
    use crate::bench::{machine, replace_between};
    use crate::command::{self, output, program, root};

    /// Runs all attacks in turn until time is up, and prints the table.
    pub(crate) fn run(options: &Options) -> Result<()> {
        let mut target = Target::new(options.program.clone().map_or_else(build, Ok)?, options.seed)?;
        prepare(&target)?;
        let share = Duration::from_secs_f64(60.0 * options.minutes / KINDS.len() as f64);
        let mut table =
            "| attack | what must hold | tries | broke |\n| --- | --- | ---: | ---: |\n".to_owned();
        let mut broken = 0;
        for kind in &KINDS {
            let (tries, broke) = attack(kind, &mut target, share)?;
            table += &format!("| {} | {} | {tries} | {broke} |\n", kind.name, kind.promise);
            broken += broke;
        }
        let page = format!("{}\n\n{table}", machine("attack")?);
        println!("{page}");
        if options.write {
            write(&page)?;
        }
        if broken == 0 { Ok(()) } else { Err(format!("{broken} attacks broke a promise")) }
    }

    /// Tries one kind until its time is up; returns how often, and how often something broke.
    fn attack(kind: &Kind, target: &mut Target, share: Duration) -> Result<(usize, usize)> {
        if let Some(missing) = (kind.missing)(target) {
            eprintln!("SKIPPED: {} ({missing} is missing)", kind.name);
            return Ok((0, 0));
        }
        let (started, mut tries, mut broke) = (Instant::now(), 0, 0);
        while tries == 0 || started.elapsed() < share {
            tries += 1;
            if let Some(what) = (kind.attempt)(target)? {
                eprintln!("BROKEN: {}, try {tries}: {what}", kind.name);
                broke += 1;
            }
        }
        eprintln!("{}: {tries} tries, {broke} broke", kind.name);
        Ok((tries, broke))
    }

    fn build() -> Result<PathBuf> {
        command::run(program("cargo", &["build", "--release", "--package", "plangrad"]))?;
        let metadata = output(program("cargo", &["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: serde_json::Value =
            serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        let folder = metadata["target_directory"].as_str().ok_or("cargo names no target directory")?;
        Ok(PathBuf::from(folder).join("release/plangrad"))
    }

    /// Writes the page between the marks of docs/reliability.md.
    fn write(page: &str) -> Result<()> {
        let path = root().join("docs/reliability.md");
        let failed = |error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(failed)?;
        let (start, end) = ("<!-- attacked -->\n", "<!-- end -->");
        let text = replace_between(&text, start, end, &format!("\n{page}\n"))
            .ok_or_else(|| format!("{} lacks its marks {start} and {end}", path.display()))?;
        fs::write(&path, text).map_err(failed)
    }
}
