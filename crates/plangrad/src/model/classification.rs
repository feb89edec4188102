//! How good predictions of classes are: precision, recall and F1 of each, their means, and the predictions that come close.
//!
//! Definitions and results are those of scikit-learn's `precision_recall_fscore_support` with `zero_division=0`: what is
//! divided by zero is 0. Everything is a ratio of counts, in 64 bits.

use crate::numbers::{counted, grouped, percent};
use crate::output::untrusted;

/// The share of the samples from which on a class dominates: always predicting it would score as much.
const DOMINANT: f64 = 0.75;

/// An answer comes close if the label is among so many most probable classes.
const CLOSE: usize = 5;

/// Classes that a remark names.
const MOST_NAMED: usize = 3;

/// How often each class was the label, the answer, and both. A sample with a score that is not a number has no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClassCounts {
    labelled: Vec<u64>,
    answered: Vec<u64>,
    found: Vec<u64>,
    close: u64,
}

impl ClassCounts {
    /// None yet, of so many classes.
    pub(super) fn new(classes: usize) -> Self {
        let none = || vec![0; classes];
        Self { labelled: none(), answered: none(), found: none(), close: 0 }
    }

    /// Adds a sample by its label, its answer and the scores of all classes.
    pub(super) fn add(&mut self, label: usize, answer: usize, scores: &[f32]) {
        self.labelled[label] += 1;
        if scores.iter().any(|score| score.is_nan()) {
            return;
        }
        self.answered[answer] += 1;
        self.found[label] += u64::from(label == answer);
        self.close += u64::from(rank(scores, label) < CLOSE);
    }

    /// What follows from the counts.
    pub(super) fn quality(&self) -> Classification {
        let counts = self.labelled.iter().zip(&self.answered).zip(&self.found);
        let classes =
            counts.map(|((&labelled, &answered), &found)| ClassQuality { labelled, answered, found });
        let is_close = self.labelled.len() > CLOSE;
        Classification { classes: classes.collect(), close: is_close.then_some(self.close) }
    }
}

/// How many classes come before this one: those with a higher score, and of equal ones those with a lower label, as for the
/// answer.
fn rank(scores: &[f32], class: usize) -> usize {
    let before =
        |&(other, &score): &(usize, &f32)| score > scores[class] || score == scores[class] && other < class;
    scores.iter().enumerate().filter(before).count()
}

/// The figures of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassQuality {
    /// Samples with this label: its support.
    pub labelled: u64,
    /// Samples with this answer.
    pub answered: u64,
    /// Samples with both.
    pub found: u64,
}

impl ClassQuality {
    /// The share of its predictions that are right.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.found, self.answered)
    }

    /// The share of its samples that are found.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.found, self.labelled)
    }

    /// The harmonic mean of precision and recall, 2 found / (labelled + answered).
    #[must_use]
    pub fn f1(&self) -> f64 {
        share(2 * self.found, self.labelled + self.answered)
    }

    /// Whether it is the label or the answer of any sample.
    #[must_use]
    pub fn occurs(&self) -> bool {
        self.labelled + self.answered > 0
    }
}

/// `part / whole`, 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// How good predictions of classes are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Classification {
    /// In label order.
    pub classes: Vec<ClassQuality>,
    /// Samples whose label is among the five most probable classes; `None` where there are no more than five.
    pub close: Option<u64>,
}

impl Classification {
    /// Of samples of so many classes, each by its label, its answer and its probabilities.
    pub(crate) fn of<'a>(
        classes: usize,
        samples: impl IntoIterator<Item = (usize, usize, &'a [f32])>,
    ) -> Self {
        let mut counts = ClassCounts::new(classes);
        samples.into_iter().for_each(|(label, answer, scores)| counts.add(label, answer, scores));
        counts.quality()
    }

    /// Samples evaluated.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.classes.iter().map(|class| class.labelled).sum()
    }

    /// The share of the samples whose label is among the five most probable classes.
    #[must_use]
    pub fn top_5_accuracy(&self) -> Option<f64> {
        self.close.map(|close| share(close, self.samples()))
    }

    /// Mean of the classes' precision; of those that occur, as for the other means.
    #[must_use]
    pub fn macro_precision(&self) -> f64 {
        self.mean(ClassQuality::precision)
    }

    /// Mean of the classes' recall.
    #[must_use]
    pub fn macro_recall(&self) -> f64 {
        self.mean(ClassQuality::recall)
    }

    /// Mean of the classes' F1.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        self.mean(ClassQuality::f1)
    }

    fn mean(&self, of: impl Fn(&ClassQuality) -> f64) -> f64 {
        let occurring = || self.classes.iter().filter(|class| class.occurs());
        occurring().map(of).sum::<f64>() / occurring().count().max(1) as f64
    }

    /// The accuracy of always predicting the most frequent class.
    #[must_use]
    pub fn baseline_accuracy(&self) -> f64 {
        share(self.classes.iter().map(|class| class.labelled).max().unwrap_or(0), self.samples())
    }

    /// What the accuracy does not tell, as sentences: a class that is nearly all there is, and classes that are not found.
    /// `is_weighted` says whether it learnt with class weights.
    pub(crate) fn remarks(&self, names: &[String], is_weighted: bool) -> Vec<String> {
        let labelled: Vec<u64> = self.classes.iter().map(|class| class.labelled).collect();
        let counts = self.classes.iter().zip(names);
        let lost = counts.filter(|(class, _)| class.labelled > 0 && class.found == 0);
        let lost: Vec<(u64, &str)> = lost.map(|(class, name)| (class.labelled, name.as_str())).collect();
        dominance(&labelled, names, is_weighted).into_iter().chain(not_found(&lost)).collect()
    }
}

/// A sentence on the class that is nearly all there is, by the number of samples with each label; only where there are others.
pub(crate) fn dominance(labelled: &[u64], names: &[String], is_weighted: bool) -> Option<String> {
    let samples: u64 = labelled.iter().sum();
    let (most, name) = labelled.iter().zip(names).max_by_key(|(count, _)| **count)?;
    let accuracy = share(*most, samples);
    (accuracy >= DOMINANT && *most < samples).then(|| {
        format!(
            "{} of {} have the label `{}`: always predicting that would score {}, so accuracy says little here; see recall and F1{}",
            grouped(*most as usize),
            counted(samples as usize, "sample"),
            untrusted(name),
            percent(accuracy),
            if is_weighted { "" } else { "; train --class-weights balanced weighs all classes alike" }
        )
    })
}

/// A sentence on classes of which no sample was found, by their samples and names.
fn not_found(lost: &[(u64, &str)]) -> Option<String> {
    if lost.is_empty() {
        return None;
    }
    let of = |&(samples, name): &(u64, &str)| {
        format!("none of {} of `{}`", counted(samples as usize, "sample"), untrusted(name))
    };
    let mut classes: Vec<String> = lost.iter().take(MOST_NAMED).map(of).collect();
    match lost.len().saturating_sub(MOST_NAMED) {
        0 => {}
        1 => classes.push("none of 1 more class".to_owned()),
        more => classes.push(format!("none of {more} more classes")),
    }
    Some(format!("the model found {}", classes.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::regression::quality_golden;
    use super::*;

    /// What scikit-learn says: `tests/golden/quality.py` wrote it.
    #[test]
    fn precision_recall_f1_and_top_5_are_scikit_learns_to_1e_12() {
        for golden in quality_golden("classifications") {
            let numbers = |key: &str| serde_json::from_value::<Vec<f64>>(golden[key].clone()).unwrap();
            let labels: Vec<usize> = serde_json::from_value(golden["labels"].clone()).unwrap();
            let scores: Vec<Vec<f32>> = serde_json::from_value(golden["scores"].clone()).unwrap();
            let answer = |scores: &[f32]| (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            let samples = labels.iter().zip(&scores);
            let samples = samples.map(|(&label, scores)| (label, answer(scores).unwrap(), scores.as_slice()));
            let found = Classification::of(scores[0].len(), samples);
            let of = |value: fn(&ClassQuality) -> f64| found.classes.iter().map(value).collect::<Vec<_>>();
            let ours = [
                of(ClassQuality::precision),
                of(ClassQuality::recall),
                of(ClassQuality::f1),
                of(|class| class.labelled as f64),
                vec![found.macro_precision(), found.macro_recall(), found.macro_f1()],
            ];
            let keys = ["precision", "recall", "f1", "support", "macro"];
            for (key, ours) in keys.into_iter().zip(ours) {
                let theirs = numbers(key);
                assert_eq!(theirs.len(), ours.len());
                let differ = |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() > 1e-12;
                assert!(!ours.iter().zip(&theirs).any(differ), "{key}: {ours:?} and {theirs:?}");
            }
            let top_5: Option<f64> = serde_json::from_value(golden["top_5"].clone()).unwrap();
            assert_eq!(found.top_5_accuracy().is_some(), top_5.is_some());
            let differ = found.top_5_accuracy().zip(top_5).is_some_and(|(a, b)| (a - b).abs() > 1e-12);
            assert!(!differ, "{top_5:?} and {found:?}");
        }
    }

    /// One hot scores for an answer.
    fn scores(classes: usize, answer: usize) -> Vec<f32> {
        (0..classes).map(|class| if class == answer { 1.0 } else { 0.0 }).collect()
    }

    fn evaluated(classes: usize, samples: &[(usize, usize)]) -> Classification {
        let mut counts = ClassCounts::new(classes);
        samples.iter().for_each(|&(label, answer)| counts.add(label, answer, &scores(classes, answer)));
        counts.quality()
    }

    #[test]
    fn what_is_divided_by_nothing_is_0_and_classes_that_do_not_occur_count_in_no_mean() {
        // Class 0: 2 of 3 found, 2 of 2 answers right. Class 1: never answered. Class 2: never the label. Class 3: nowhere.
        let evaluated = evaluated(4, &[(0, 0), (0, 0), (0, 2), (1, 2)]);
        let of = |value: fn(&ClassQuality) -> f64| evaluated.classes.iter().map(value).collect::<Vec<_>>();
        assert_eq!(of(ClassQuality::precision), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(ClassQuality::recall), [2.0 / 3.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(ClassQuality::f1), [0.8, 0.0, 0.0, 0.0]);
        assert_eq!(evaluated.macro_f1(), 0.8 / 3.0);
        assert_eq!((evaluated.macro_precision(), evaluated.macro_recall()), (1.0 / 3.0, 2.0 / 9.0));
        assert_eq!(
            (evaluated.samples(), evaluated.baseline_accuracy(), evaluated.top_5_accuracy()),
            (4, 0.75, None)
        );
    }

    #[test]
    fn a_label_is_close_if_at_most_four_classes_come_before_it() {
        let mut counts = ClassCounts::new(6);
        let falling = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
        (0..6).for_each(|label| counts.add(label, 0, &falling));
        assert_eq!(counts.quality().close, Some(5));
        // Of equal scores the first come first, as for the answer: the last of six is not close.
        let mut ties = ClassCounts::new(6);
        (0..6).for_each(|label| ties.add(label, 0, &[0.5; 6]));
        assert_eq!(ties.quality().close, Some(5));
    }

    #[test]
    fn a_score_that_is_not_a_number_is_no_prediction() {
        let mut counts = ClassCounts::new(6);
        counts.add(2, 2, &[0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0]);
        let evaluated = counts.quality();
        assert_eq!(evaluated.classes[2], ClassQuality { labelled: 1, answered: 0, found: 0 });
        assert_eq!(evaluated.top_5_accuracy(), Some(0.0));
    }

    #[test]
    fn a_dominating_class_and_lost_ones_are_named() {
        let names = ["common", "rare", "odd\u{1b}[2J"].map(str::to_owned);
        let samples = [vec![(0, 0); 348], vec![(1, 0); 8]].concat();
        let remarks = evaluated(3, &samples).remarks(&names, false);
        let weighted = evaluated(3, &samples).remarks(&names, true);
        assert!(weighted[0].ends_with("see recall and F1"), "{weighted:?}");
        assert_eq!(
            remarks,
            [
                "348 of 356 samples have the label `common`: always predicting that would score 97.75 %, so accuracy says little here; \
                 see recall and F1; train --class-weights balanced weighs all classes alike",
                "the model found none of 8 samples of `rare`"
            ]
        );
        assert!(evaluated(3, &[(0, 0), (1, 1), (2, 2)]).remarks(&names, false).is_empty());
        let one = evaluated(3, &[(2, 1)]).remarks(&names, false);
        assert_eq!(one, ["the model found none of 1 sample of `odd [2J`"]);
    }

    #[test]
    fn a_few_of_many_lost_classes_are_named() {
        let names: Vec<String> = (0..9).map(|class| format!("c{class}")).collect();
        let samples: Vec<(usize, usize)> = (0..9).map(|label| (label, 0)).collect();
        let remarks = evaluated(9, &samples).remarks(&names, false);
        let expected = "the model found none of 1 sample of `c1`, none of 1 sample of `c2`, none of 1 sample of `c3`, none of 5 more \
                        classes";
        assert_eq!(remarks, [expected]);
    }
}
