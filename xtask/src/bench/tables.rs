//! Outcomes as tables in Markdown.

use std::fmt::Write;

use super::measured::{Measured, best, median};
use super::outcome::Outcome;
use super::parts::{Part, Shown};
use super::peak::Peak;
use super::programs::OWN;
use super::work::Work;

/// The tables of a part.
pub(super) fn of(part: &Part, outcomes: &[Outcome]) -> String {
    let mut text = match part.shown {
        Shown::Programs => outcomes.iter().map(of_programs).collect(),
        Shown::Rows | Shown::Curve(_) => of_rows(outcomes),
    };
    text += &versions(outcomes);
    text
}

/// A row for each program, fastest first.
fn of_programs(outcome: &Outcome) -> String {
    let nothing = Measured::default();
    let own = outcome.own().unwrap_or(&nothing);
    let mut rows: Vec<(&String, &Measured)> = outcome.programs.iter().collect();
    rows.sort_by(|a, b| a.1.median().total_cmp(&b.1.median()));
    let mut text = format!("#### {}\n\n{}.\n\n", outcome.work, peak(&outcome.work, &outcome.peak));
    text += "| program | s/epoch, median | best | ratio | of bests | GFLOP/s | of the peak | evaluation, ms | first step, s | peak MiB | accuracy |\n";
    text += "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (name, m) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {:.4} | {:.4} | {:.2} | {:.2} | {} | {} | {} | {} | {} |",
            m.median(),
            m.best(),
            m.median() / own.median(),
            m.best() / own.best(),
            speed(outcome, m),
            number(1000.0 * best(&m.evaluation), 1),
            number(median(&m.first_step), 2),
            number(median(&m.peak_mebibytes), 0),
            percent(median(&m.accuracy)),
        );
    }
    text + "\n"
}

/// A row for each work, a column for each peer.
fn of_rows(outcomes: &[Outcome]) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let peers: Vec<&String> = first.programs.keys().filter(|name| *name != OWN).collect();
    let mut peaks: Vec<String> = outcomes.iter().map(|outcome| peak(&outcome.work, &outcome.peak)).collect();
    peaks.dedup();
    let mut text = format!("{}.\n\n", peaks.join("; "));
    text += "| work | plangrad, ms a step, median | best | GFLOP/s | of the peak |";
    peers.iter().for_each(|peer| text += &format!(" {peer}, ms | ratio | of bests |"));
    text += &format!("\n|{}\n", " --- |".repeat(5 + 3 * peers.len()));
    for outcome in outcomes {
        let Some(own) = outcome.own() else { continue };
        let [median, best] = [own.median(), own.best()].map(milliseconds);
        let _ = write!(text, "| {} | {median} | {best} | {} |", outcome.work, speed(outcome, own));
        for m in peers.iter().filter_map(|peer| outcome.programs.get(*peer)) {
            let (ratio, bests) = (m.median() / own.median(), m.best() / own.best());
            let _ = write!(text, " {} | {ratio:.2} | {bests:.2} |", milliseconds(m.median()));
        }
        text += "\n";
    }
    text + "\n"
}

/// Operations per second, and their share of the peaks: of FMA, and of tiles where there are any.
fn speed(outcome: &Outcome, measured: &Measured) -> String {
    let rate = outcome.rate(measured.median());
    let shares = [Some(outcome.peak.fma), outcome.peak.tiles].into_iter().flatten();
    let shares: Vec<String> = shares.map(|peak| percent(rate / peak)).collect();
    format!("{:.0} | {}", rate / 1e9, shares.join(" / "))
}

/// What the processor can do, as the start of a sentence.
fn peak(work: &Work, peak: &Peak) -> String {
    let fma = format!("Peak of multiply-adds, threads {}: {:.0} GFLOP/s", work.threads, peak.fma / 1e9);
    match peak.tiles {
        Some(tiles) => format!("{fma}, of tiles (bf16) {:.0}", tiles / 1e9),
        None => fma,
    }
}

/// Which versions were compared with.
fn versions(outcomes: &[Outcome]) -> String {
    let programs = outcomes.iter().flat_map(|outcome| outcome.programs.values());
    let versions: std::collections::BTreeSet<_> = programs.filter_map(|m| m.version.clone()).collect();
    if versions.is_empty() {
        return String::new();
    }
    format!("Versions: {}.\n", versions.into_iter().collect::<Vec<_>>().join(", "))
}

fn milliseconds(seconds: f64) -> String {
    number(1000.0 * seconds, if seconds < 0.01 { 3 } else { 1 })
}

/// A number, or a dash where there is none.
pub(super) fn number(number: f64, decimals: usize) -> String {
    if number.is_finite() { format!("{number:.decimals$}") } else { "–".into() }
}

fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.*} %", if share < 0.9 { 1 } else { 2 }, 100.0 * share)
    } else {
        "–".into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::parts::{PARTS, mnist_of};

    fn outcome(seconds: &[(&str, &[f64])]) -> Outcome {
        let measured = |seconds: &&[f64]| Measured { seconds: seconds.to_vec(), ..Measured::default() };
        let programs = seconds.iter().map(|(name, seconds)| ((*name).to_owned(), measured(seconds)));
        let programs: BTreeMap<_, _> = programs.collect();
        Outcome { work: mnist_of(64, 2), programs, peak: Peak { fma: 4e11, tiles: None } }
    }

    #[test]
    fn programs_stand_fastest_first_with_ratios_of_medians_and_of_bests() {
        let outcome =
            outcome(&[("plangrad", &[0.2, 0.1, 0.3]), ("jax", &[0.4, 0.4, 0.6]), ("other", &[0.1])]);
        let table = of(&PARTS[0], &[outcome]);
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).collect();
        assert!(rows[2].starts_with("| other | 0.1000 | 0.1000 | 0.50 | 1.00 |"), "{table}");
        // 24.5 billion operations in 0.2 s
        assert!(
            rows[3].starts_with("| plangrad | 0.2000 | 0.1000 | 1.00 | 1.00 | 123 | 30.7 % |"),
            "{table}"
        );
        assert!(rows[4].starts_with("| jax | 0.4000 | 0.4000 | 2.00 | 4.00 |"), "{table}");
        assert!(rows[4].ends_with("| – | – | – | – |"), "{table}");
    }

    #[test]
    fn every_row_has_as_many_cells_as_its_heading() {
        let outcome = || outcome(&[("plangrad", &[0.2]), ("jax", &[0.4]), ("candle", &[f64::NAN])]);
        for part in &PARTS {
            let table = of(part, &[outcome(), outcome()]);
            let cells: Vec<usize> = table
                .lines()
                .filter(|line| line.starts_with('|'))
                .map(|line| line.matches('|').count())
                .collect();
            assert!(cells.len() > 3 && cells.iter().all(|count| *count == cells[0]), "{table}");
        }
    }

    #[test]
    fn tiles_have_their_own_share() {
        let mut outcome = outcome(&[("plangrad", &[0.1])]);
        outcome.peak.tiles = Some(4e12);
        assert!(of(&PARTS[2], &[outcome]).contains("| 245 | 61.4 % / 6.1 % |"));
    }
}
