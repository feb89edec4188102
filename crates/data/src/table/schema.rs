//! The columns of a table as a network reads them, and how features are standardised.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::cell::{Cell, CellReader, boolean_value};
use super::options::{Decimal, Missing};
use super::statistics::standardized;
use super::target::{TargetScale, TargetStatistics};
use crate::text::excerpt;
use crate::{Error, Result};

/// The columns of a table, and the statistics its features were standardised with.
///
/// A trained model keeps them, so that other tables and single rows are read in the same way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableSchema {
    /// Names of the feature columns, in the order of a sample's values.
    pub features: Vec<String>,
    /// Name of the label column.
    pub label: String,
    /// Class names in label order; empty for a regression.
    pub classes: Vec<String>,
    /// Mean of each input over the training part; 0 if it is not standardised.
    pub mean: Vec<f64>,
    /// Standard deviation of each input over the training part (divided by `n`, not `n − 1`); 1 if it is not standardised,
    /// and for a constant one.
    pub std: Vec<f64>,
    /// What each feature column holds; numbers if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<FeatureKind>,
    /// What becomes of cells without a value.
    #[serde(default, skip_serializing_if = "Missing::is_default")]
    pub missing: Missing,
    /// The texts that stand for a missing value; [`Missing::WORDS`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_values: Option<Vec<String>>,
    /// With [`Missing::Mean`], what stands in for a missing value of each feature column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<f64>,
    /// For a table without names of columns, how many it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<usize>,
    /// All columns in the order of the file, by which rows are known; empty for the features and then the label. `None` for
    /// models of earlier versions, and where a column has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<String>>,
    /// For a regression, the statistics of the label column; models of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetStatistics>,
}

/// What a feature column holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeatureKind {
    /// Numbers: one input, standardised.
    #[default]
    Number,
    /// Words for yes and no: one input, 1 or 0, standardised.
    Boolean,
    /// One of these texts: an input for each, 1 for the one that it is and 0 for the others, not standardised.
    OneHot(Vec<String>),
}

impl FeatureKind {
    /// The number of inputs.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Number | Self::Boolean => 1,
            Self::OneHot(texts) => texts.len(),
        }
    }
}

impl TableSchema {
    /// What a feature column holds.
    #[must_use]
    pub fn kind(&self, feature: usize) -> &FeatureKind {
        self.kinds.get(feature).unwrap_or(&FeatureKind::Number)
    }

    /// The columns that rows are known by, in the order of the file that was learnt from.
    pub(super) fn columns_in_order(&self) -> Option<Vec<&String>> {
        let order = self.order.as_ref()?;
        Some(match order.is_empty() {
            true => self.features.iter().chain([&self.label]).collect(),
            false => order.iter().collect(),
        })
    }

    /// The number of inputs: the values of a sample.
    #[must_use]
    pub fn inputs(&self) -> usize {
        (0..self.features.len()).map(|feature| self.kind(feature).width()).sum()
    }

    /// The inputs of each feature column, as ranges of a sample.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let widths = (0..self.features.len()).map(|feature| self.kind(feature).width());
        widths.scan(0, |end, width| {
            let start = *end;
            *end += width;
            Some(start..*end)
        })
    }

    /// How labels become the numbers a network learns, and back.
    #[must_use]
    pub fn target_scale(&self) -> TargetScale {
        self.target.map_or(TargetScale::IDENTITY, |target| target.scale())
    }

    /// Standardises rows of inputs in place: `(x − mean) / std`. `rows` holds whole rows, one after another.
    pub fn standardize(&self, rows: &mut [f32]) {
        let columns = self.mean.iter().zip(&self.std).cycle();
        for (value, (&mean, &std)) in rows.iter_mut().zip(columns) {
            *value = standardized(f64::from(*value), mean, std);
        }
    }

    /// A sample from the texts of a row's feature columns, standardised.
    ///
    /// # Errors
    ///
    /// [`Error::TableValue`] for a text that the column cannot hold, or if their number is another.
    pub fn sample(&self, texts: &[impl AsRef<str>]) -> Result<Vec<f32>> {
        if texts.len() != self.features.len() {
            return Err(Error::TableValues { expected: self.features.clone(), found: texts.len() });
        }
        let reader = CellReader::new(Decimal::Point, self.missing_values.as_deref());
        let mut sample = Vec::with_capacity(self.inputs());
        for ((feature, text), inputs) in texts.iter().enumerate().zip(self.ranges()) {
            let text = text.as_ref().trim();
            let wrong = |expected: String| Error::TableValue {
                column: excerpt(&self.features[feature]),
                expected,
                found: excerpt(text),
            };
            let value = match (self.kind(feature), reader.read(text)) {
                (FeatureKind::OneHot(texts), _) => {
                    let found = texts.iter().position(|known| known == text);
                    if found.is_none() && !(self.missing == Missing::Mean && reader.is_missing(text)) {
                        return Err(wrong(format!("one of {}", crate::text::listed(texts, |text| text))));
                    }
                    sample.extend((0..texts.len()).map(|place| if Some(place) == found { 1.0 } else { 0.0 }));
                    continue;
                }
                (_, Cell::Missing) if self.missing == Missing::Mean => self.fill.get(feature).copied(),
                (FeatureKind::Boolean, _) => boolean_value(text),
                (FeatureKind::Number, Cell::Number(number)) => Some(number),
                (FeatureKind::Number, _) => None,
            };
            let what = match self.kind(feature) {
                FeatureKind::Boolean => "true, false, yes or no",
                _ => "a number",
            };
            let value = value.ok_or_else(|| wrong(what.to_owned()))?;
            sample.push(standardized(value, self.mean[inputs.start], self.std[inputs.start]));
        }
        match sample.iter().position(|value| !value.is_finite()) {
            None => Ok(sample),
            Some(_) => Err(Error::TableValues { expected: self.features.clone(), found: texts.len() }),
        }
    }

    /// Refuses statistics that do not match the columns.
    pub(super) fn check(&self) -> Result<()> {
        let [features, means, deviations] = [self.inputs(), self.mean.len(), self.std.len()];
        if means != features || deviations != features {
            return Err(Error::TableStatistics { features, means, deviations });
        }
        Ok(())
    }

    /// For each feature column of categories: where each text stands.
    pub(super) fn places(kind: &FeatureKind) -> HashMap<&str, usize> {
        match kind {
            FeatureKind::OneHot(texts) => texts.iter().map(String::as_str).zip(0..).collect(),
            _ => HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::statistics::statistics;
    use super::*;

    #[test]
    fn standardised_columns_have_mean_0_and_deviation_1_and_constants_become_0() {
        let (mean, std) = statistics([1.0, 3.0, 5.0].into_iter());
        assert_eq!((mean, std), (3.0, (8.0_f64 / 3.0).sqrt()));
        assert_eq!(statistics([0.1; 7].into_iter()), (0.1, 1.0));
        let schema = TableSchema { mean: vec![mean], std: vec![std], ..TableSchema::default() };
        let mut rows = [1.0, 3.0, 5.0];
        schema.standardize(&mut rows);
        assert!(rows[1] == 0.0 && (rows[2] - 1.224_744_9).abs() < 1e-6);
    }

    #[test]
    fn schemas_of_earlier_versions_are_read() {
        let old = r#"{"classes":[],"features":["a","b"],"label":"y","mean":[5.027083396911621,0.0],"std":[2.5,1.0]}"#;
        let schema: TableSchema = serde_json::from_str(old).unwrap();
        assert_eq!(schema.mean[0], f64::from(5.027_083_4_f32));
        assert_eq!((schema.inputs(), schema.missing, schema.check().is_ok()), (2, Missing::Error, true));
        assert_eq!(schema.sample(&["7.527083396911621", "4"]).unwrap(), [1.0, 4.0]);
        assert_eq!(serde_json::to_string(&schema).unwrap().len(), old.len());
    }
}
