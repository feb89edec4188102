//! Which step of a run a batch of an epoch is, also where the batch size was changed between two epochs.

/// The numbers of steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StepNumbers {
    parts: Vec<Part>,
}

/// Epochs of equally many steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    epochs_before: u64,
    steps_before: u64,
    per_epoch: u64,
}

impl StepNumbers {
    /// Of a run that has taken so many whole epochs, with so many steps, and takes so many in each from here on.
    pub(crate) fn from_here(epochs_before: u64, steps_before: u64, per_epoch: u64) -> StepNumbers {
        let per_epoch = per_epoch.max(1);
        StepNumbers { parts: vec![Part { epochs_before, steps_before, per_epoch }] }
    }

    /// From the epoch on that follows so many steps, an epoch has so many.
    pub(crate) fn change(&mut self, steps_before: u64, per_epoch: u64) {
        let per_epoch = per_epoch.max(1);
        let Some(last) = self.parts.last() else { return };
        let epochs = steps_before.saturating_sub(last.steps_before) / last.per_epoch;
        let epochs_before = last.epochs_before.saturating_add(epochs);
        self.parts.push(Part { epochs_before, steps_before, per_epoch });
    }

    /// The steps of an epoch, counted from 1.
    pub(crate) fn per_epoch(&self, epoch: u64) -> u64 {
        self.part(epoch).map_or(1, |part| part.per_epoch)
    }

    /// Steps taken once so many batches of an epoch, counted from 1, are.
    pub(crate) fn taken(&self, epoch: u64, batches: u64) -> u64 {
        let Some(part) = self.part(epoch) else { return batches };
        let epochs = epoch.saturating_sub(1).saturating_sub(part.epochs_before);
        epochs.saturating_mul(part.per_epoch).saturating_add(part.steps_before).saturating_add(batches)
    }

    fn part(&self, epoch: u64) -> Option<&Part> {
        let has_begun = |part: &&Part| part.epochs_before < epoch;
        self.parts.iter().rev().find(has_begun).or(self.parts.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_on_counting_where_the_batch_size_changes() {
        let mut numbers = StepNumbers::from_here(0, 0, 100);
        numbers.change(200, 10);
        assert_eq!([1, 2, 3, 9].map(|epoch| numbers.per_epoch(epoch)), [100, 100, 10, 10]);
        assert_eq!(numbers.taken(2, 100), 200);
        assert_eq!((numbers.taken(3, 1), numbers.taken(4, 10)), (201, 220));
    }

    #[test]
    fn a_run_that_is_resumed_counts_on_from_where_it_stands() {
        let numbers = StepNumbers::from_here(2, 200, 10);
        assert_eq!((numbers.taken(3, 1), numbers.taken(5, 10)), (201, 230));
    }

    #[test]
    fn nothing_is_known_of_a_run_that_does_not_say_how_it_began() {
        let mut numbers = StepNumbers::default();
        numbers.change(7, 3);
        assert_eq!((numbers.per_epoch(4), numbers.taken(4, 2)), (1, 2));
    }
}
