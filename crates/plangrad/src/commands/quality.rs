//! How good predictions are, in words and as a table.

use crate::language::text;
use crate::model::{ClassQuality, Classification, Regression};
use crate::numbers::{counted_text, grouped, percent, short};
use crate::output::{Align, Table, shortened, untrusted};

/// Classes in the table; of more, those with the least F1.
const MOST_CLASSES: usize = 20;

/// Columns of a class name: with these all figures fit into a terminal of 80.
const NAME: usize = 26;

/// What is to be said of all classes together, besides the accuracy.
pub(super) fn classification_lines(found: &Classification) -> Vec<String> {
    let [precision, recall, f1] =
        [found.macro_precision(), found.macro_recall(), found.macro_f1()].map(percent);
    let baseline = percent(found.baseline_accuracy());
    let close = found.top_5_accuracy().map(|close| text!("top 5     {share}", share = percent(close)));
    let mut lines = vec![
        text!("baseline  {baseline} by always predicting the most frequent class", baseline),
        text!("macro     precision {precision}, recall {recall}, F1 {f1}", precision, recall, f1),
    ];
    lines.extend(close);
    lines
}

/// What is to be said of numbers, besides the loss.
pub(super) fn regression_lines(found: &Regression) -> Vec<String> {
    let Regression { rmse, mae, r2, baseline_rmse } = *found;
    let mut lines = vec![format!("RMSE      {}", short(rmse)), format!("MAE       {}", short(mae))];
    lines.extend(r2.map(|r2| format!("R²        {r2:.4}")));
    let baseline = baseline_rmse.map(|rmse| {
        text!("baseline  RMSE {rmse} by always predicting the training mean", rmse = short(rmse))
    });
    lines.extend(baseline);
    lines
}

/// Precision, recall and F1 of each class.
pub(super) fn class_table(found: &Classification, names: &[String]) -> String {
    let mut classes: Vec<(&ClassQuality, &String)> = found.classes.iter().zip(names).collect();
    let all = classes.len();
    let mut heading = text!("Each class (0 / 0 counts as 0 %)");
    if all > MOST_CLASSES {
        classes.retain(|(class, _)| class.occurs());
        classes.sort_by(|(one, _), (other, _)| one.f1().total_cmp(&other.f1()));
        classes.truncate(MOST_CLASSES);
        let shown = classes.len();
        let others = counted_text!(all - shown, "{number} other", "{number} others");
        heading = text!(
            "The {shown} classes with the least F1 ({others} not shown; --format json has all)",
            shown,
            others
        );
    }
    let figures = [text!("precision"), text!("recall"), text!("F1"), text!("samples"), text!("predicted")];
    let figures = figures.map(|name| (name, Align::Right));
    let mut table = Table::new([(text!("class"), Align::Left)].into_iter().chain(figures));
    for (class, name) in classes {
        let [precision, recall, f1] = [class.precision(), class.recall(), class.f1()].map(percent);
        let [samples, answers] = [class.labelled, class.answered].map(|count| grouped(count as usize));
        table.row([shortened(&untrusted(name), NAME), precision, recall, f1, samples, answers]);
    }
    format!("{heading}\n\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::columns;

    fn class(labelled: u64, answered: u64, found: u64) -> ClassQuality {
        ClassQuality { labelled, answered, found }
    }

    #[test]
    fn a_table_of_classes_fits_into_80_columns_whatever_their_names() {
        let classes = vec![class(1_000_000, 1_000_000, 1_000_000), class(12, 8, 4), class(0, 0, 0)];
        let names = ["大".repeat(90), "🦆".to_owned(), "\u{1b}[2J\nnoise".to_owned()];
        let text = class_table(&Classification { classes, close: None }, &names);
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        assert!(text.contains(&format!("{}…", "大".repeat(12))), "{text}");
        assert!(text.contains("🦆") && text.contains("50.00 %   33.33 %   40.00 %"), "{text}");
        assert!(!text.contains('\u{1b}') && text.lines().count() == 6, "{text}");
    }

    #[test]
    fn of_many_classes_the_worst_are_shown() {
        let mut classes = vec![class(10, 10, 9); 40];
        classes[33] = class(10, 0, 0);
        classes[7] = class(0, 0, 0);
        let names: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
        let text = class_table(&Classification { classes, close: None }, &names);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "The 20 classes with the least F1 (20 others not shown; --format json has all)");
        assert_eq!(lines.len(), 3 + 20);
        assert!(lines[3].starts_with("c33 ") && lines[4].starts_with("c0 "), "{text}");
        assert!(!text.contains("c7 "), "{text}");
    }

    #[test]
    fn numbers_come_with_what_always_predicting_the_mean_scores() {
        let found = Regression::of(&[1.0, 3.0], &[1.0, 2.0], Some(2.0));
        let expected = ["RMSE      0.7071", "MAE       0.5", "R²        0.5000"];
        let lines = regression_lines(&found);
        assert_eq!(lines[..3], expected);
        assert_eq!(lines[3], "baseline  RMSE 1 by always predicting the training mean");
    }
}
