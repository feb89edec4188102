//! What a model learnt from, compared with what it is asked about.

use plangrad_data::Split;

use super::trained::{Model, Questions};
use crate::error::Result;
use crate::numbers::{counted, grouped};
use crate::output::Console;
use crate::train::{CONFIG, Fingerprint, RowChanges, Standing, read_fingerprint};

impl Model {
    /// The questions with what is known of them, after warnings where figures would not mean what they seem to.
    pub(super) fn compared(&self, mut questions: Questions, is_whole_table: bool) -> Result<Questions> {
        let run = self.file().parent().filter(|folder| folder.join(CONFIG).is_file());
        let Some(learnt) = run.map(read_fingerprint).transpose()?.flatten() else { return Ok(questions) };
        let Some(rows) = &questions.rows else {
            image_warnings(&questions, &learnt, self.outputs())
                .iter()
                .for_each(|warning| Console::warning(warning));
            return Ok(questions);
        };
        questions.standing = questions.facts().and_then(|facts| learnt.standing(facts));
        if is_whole_table {
            let standing = questions.standing.filter(|standing| standing.learnt > 0);
            standing.iter().for_each(|standing| Console::warning(&seen(&questions, standing)));
        } else if let Some(changes) = learnt.changes(rows).filter(RowChanges::is_any) {
            Console::warning(&format_args!("{}: {changes}", questions.what));
        }
        Ok(questions)
    }
}

fn seen(questions: &Questions, standing: &Standing) -> String {
    let Standing { learnt, validation, test, new } = *standing;
    let kept = match validation {
        0 => String::new(),
        kept => format!("{} it chose its best epoch by, ", grouped(kept)),
    };
    format!(
        "of the {} of {}, the model learnt from {}: figures of these say little about others ({kept}{} it was tested on, {} are \
         new; --split test takes those it was tested on)",
        counted(questions.subset.len(), "row"),
        questions.what,
        grouped(learnt),
        grouped(test),
        grouped(new),
    )
}

/// What is to be said about images.
fn image_warnings(questions: &Questions, learnt: &Fingerprint, outputs: usize) -> Option<String> {
    let (split, subset, what) = (questions.split, &questions.subset, &questions.what);
    if learnt.is(split, subset, outputs) {
        return None;
    }
    if split != Split::Train && learnt.is(Split::Train, subset, outputs) {
        return Some(format!("the samples of {what} are those that the model learnt from"));
    }
    questions.is_own.then(|| {
        let was = counted(learnt.samples(split), "sample");
        match subset.len() {
            same if same == learnt.samples(split) => {
                format!("{what} has other samples or labels than when the model learnt, or another order")
            }
            now => format!("{what} has {} now, where it had {was} when the model learnt", grouped(now)),
        }
    })
}
