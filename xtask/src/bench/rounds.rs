//! The rounds of the benchmark: everything in turn, then all again.

use std::path::Path;

use super::charts;
use super::document::Document;
use super::options::Options;
use super::outcome::Outcome;
use super::parts::{Part, Shown};
use super::peak::Peaks;
use super::peers::{self, Peer};
use super::programs::{OWN, Plangrad};
use super::records;
use super::tables;
use super::work::Work;
use crate::Result;

/// Measures what is asked for, prints its tables and writes them down part by part.
pub(crate) fn run(options: &Options) -> Result<()> {
    let parts = options.parts()?;
    let data = std::path::absolute(&options.data_dir).map_err(|error| format!("--data-dir: {error}"))?;
    let writes = !options.dry_run && !options.quick;
    let mut programs = Programs {
        own: Plangrad::new()?,
        peers: peers::prepare(&options.peers()?, options.python.as_deref())?,
        peaks: Peaks::new()?,
    };
    let mut all = Vec::new();
    for part in parts {
        let outcomes = programs.measure(part, options, &data)?;
        let tables = tables::of(part, &outcomes);
        println!("## {}\n\n{tables}", part.title);
        if writes {
            // Written at once: what has been measured is kept whatever happens to the rest.
            let chart = match part.shown {
                Shown::Curve(axis) => charts::draw(part, axis, &outcomes)?,
                Shown::Programs | Shown::Rows => String::new(),
            };
            Document::change(|page| page.replace_part(part.name, &(chart + &tables)))?;
        }
        all.extend(outcomes);
    }
    if writes { Document::change(|page| records::append(page, &all)) } else { Ok(()) }
}

struct Programs {
    own: Plangrad,
    peers: Vec<Peer>,
    peaks: Peaks,
}

impl Programs {
    fn measure(&mut self, part: &Part, options: &Options, data: &Path) -> Result<Vec<Outcome>> {
        let work = part.work(&options.batch_sizes).into_iter();
        let outcomes = work.map(|work| self.measure_work(part, work, options, data));
        let mut outcomes = outcomes.collect::<Result<Vec<Outcome>>>()?;
        for outcome in &mut outcomes {
            outcome.peak = self.peaks.of(outcome.work.threads); // the highest of all rounds
        }
        Ok(outcomes)
    }

    fn measure_work(&mut self, part: &Part, work: Work, options: &Options, data: &Path) -> Result<Outcome> {
        let mut outcome = Outcome { work, programs: Default::default(), peak: Default::default() };
        let work = &outcome.work;
        for round in 0..options.rounds() {
            eprintln!("{}: {work}, round {} of {}", part.name, round + 1, options.rounds());
            self.peaks.measure(work.threads)?;
            for peer in self.peers.iter().filter(|peer| part.peers.contains(&peer.name)) {
                let report = peer.measure(work, data, options.epochs(), round)?;
                outcome.programs.entry(peer.name.to_owned()).or_default().add(report);
            }
            let report = self.own.measure(work, data, options.epochs(), round)?;
            outcome.programs.entry(OWN.to_owned()).or_default().add(report);
        }
        Ok(outcome)
    }
}
