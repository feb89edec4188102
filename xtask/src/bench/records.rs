//! The table of records: a row for each full run, in the table of the machine's kind.

use super::document::{self, Document};
use super::measured::{Measured, best, median};
use super::outcome::Outcome;
use super::parts::PARTS;
use super::tables::number;
use super::work::Work;
use crate::Result;
use crate::command::{output, program};

/// The work whose times are kept, by the part that measures it and its place in there.
const KEPT: [(&str, &str, usize); 10] = [
    ("b64", "mnist", 0),
    ("b64, 1 thread", "mnist", 1),
    ("b16", "mnist", 2),
    ("b128", "mnist", 3),
    ("b1024", "mnist", 4),
    ("b8192", "mnist", 5),
    ("CIFAR b64", "cifar10", 0),
    ("784-2048-10 b1024", "networks", 0),
    ("3072-1024-10 b1024", "networks", 1),
    ("1024-1024-1024-1024-10 b256", "networks", 2),
];

/// What is kept of the first work beside its time.
type Further = (&'static str, fn(&Measured) -> String);
const FURTHER: [Further; 3] = [
    ("evaluation, ms", |own| number(1000.0 * best(&own.evaluation), 1)),
    ("first step, s", |own| number(median(&own.first_step), 2)),
    ("peak MiB", |own| number(median(&own.peak_mebibytes), 0)),
];

/// Appends a row, if anything of it was measured.
pub(super) fn append(page: &mut Document, outcomes: &[Outcome]) -> Result<()> {
    let cells = cells(outcomes);
    if cells.iter().all(|cell| cell == "–") {
        return Ok(());
    }
    let commit = output(program("git", &["describe", "--always", "--dirty=+"]))?;
    let row = [document::date()?, commit.trim().to_owned()].into_iter().chain(cells);
    let row = format!("| {} |", row.collect::<Vec<_>>().join(" | "));
    page.append_record(&document::kind(), &heading(), &row)
}

fn cells(outcomes: &[Outcome]) -> Vec<String> {
    let of = |work: Work| outcomes.iter().find(|outcome| outcome.work == work);
    let kept = KEPT.map(|(_, part, place)| work(part, place).and_then(of).and_then(time));
    let own = work("mnist", 0).and_then(of).and_then(Outcome::own);
    let further = FURTHER.map(|(_, cell)| own.map(cell));
    kept.into_iter().chain(further).map(|cell| cell.unwrap_or_else(|| "–".into())).collect()
}

fn work(part: &str, place: usize) -> Option<Work> {
    let part = PARTS.iter().find(|known| known.name == part)?;
    part.work(&[]).into_iter().nth(place)
}

/// Seconds of an epoch or milliseconds of a step, and how much longer the best peer takes.
fn time(outcome: &Outcome) -> Option<String> {
    let own = outcome.own()?.median();
    let time =
        if outcome.work.is_real() { number(own, 4) } else { format!("{} ms", number(1000.0 * own, 1)) };
    let ratio = outcome.fastest_peer().map(|(_, peer)| format!(" ({})", number(peer.median() / own, 2)));
    Some(time + &ratio.unwrap_or_default())
}

/// The first two lines of a table.
fn heading() -> String {
    let names = ["date", "commit"]
        .into_iter()
        .chain(KEPT.map(|(name, ..)| name))
        .chain(FURTHER.map(|(name, _)| name));
    let names: Vec<&str> = names.collect();
    format!("| {} |\n|{}", names.join(" | "), " --- |".repeat(names.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::parts::mnist_of;
    use crate::bench::peak::Peak;

    #[test]
    fn every_kept_work_exists_and_is_another() {
        let works: Vec<Work> = KEPT.iter().map(|(_, part, place)| work(part, *place).unwrap()).collect();
        for (i, work) in works.iter().enumerate() {
            assert!(!works[..i].contains(work), "{work}");
        }
        assert_eq!(works[0], mnist_of(64, 2));
    }

    #[test]
    fn a_row_has_times_and_the_ratio_to_the_fastest_peer_and_dashes_for_the_rest() {
        let measured = |seconds: f64| Measured { seconds: vec![seconds], ..Measured::default() };
        let programs = [("plangrad", 0.1), ("jax", 0.25), ("torch-manual", 0.3)]
            .map(|(name, s)| (name.to_owned(), measured(s)));
        let outcome = Outcome { work: mnist_of(64, 2), programs: programs.into(), peak: Peak::default() };
        let cells = cells(&[outcome]);
        assert_eq!(cells[..2], ["0.1000 (2.50)", "–"]);
        assert_eq!(heading().lines().next().unwrap().matches('|').count(), cells.len() + 3);
    }
}
