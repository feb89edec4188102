//! Options for tables: how a file is written, and what becomes of its columns.

use clap::Args;
use plangrad_data::{Decimal, Missing, OneHot, Separator, TableOptions, TargetScaling};

/// How the file of a table is written: whatever is not said is recognised.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Tables")]
pub struct TableFileArgs {
    /// What separates cells: , ; | or tab [default: recognised]
    #[arg(long, value_name = "CHAR")]
    pub separator: Option<Separator>,
    /// What separates decimals: . or , [default: recognised]
    #[arg(long, value_name = "CHAR")]
    pub decimal: Option<Decimal>,
    /// Encoding, such as utf-8, utf-16le, gbk or windows-1252 [default: recognised]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// The first row is data: columns are called column1, column2, …
    #[arg(long)]
    pub no_header: bool,
}

/// What becomes of the columns of a table.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Tables")]
pub struct TableArgs {
    /// How the file is written.
    #[command(flatten)]
    pub file: TableFileArgs,
    /// Columns to learn from [default: all but the label]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', conflicts_with = "features")]
    pub drop: Vec<String>,
    /// Columns of text become an input for each of their texts: auto (up to 64 texts), none, or up to N [default: auto]
    #[arg(long, value_name = "N|auto|none")]
    pub one_hot: Option<OneHot>,
    /// Cells without a value: an error, their rows left out (drop), or the column's mean [default: error]
    #[arg(long, value_name = "error|drop|mean")]
    pub missing: Option<Missing>,
    /// Texts that stand for no value, besides an empty cell [default: NA, NaN, null, None, ? and others]
    #[arg(long, value_name = "TEXT,…", value_delimiter = ',')]
    pub missing_values: Option<Vec<String>>,
    /// With --loss mse: the numbers to predict are standardised for the network, unless --normalize is none (auto), or left as
    /// they are (none); losses and predictions have the units of the file either way [default: auto]
    #[arg(long, value_name = "auto|none")]
    pub target_scale: Option<TargetScaling>,
}

impl TableFileArgs {
    /// The options that were given.
    fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--separator", self.separator.is_some()),
            ("--decimal", self.decimal.is_some()),
            ("--encoding", self.encoding.is_some()),
            ("--no-header", self.no_header),
        ]
    }

    /// The options for reading.
    #[must_use]
    pub fn options(&self) -> TableOptions {
        let mut options = TableOptions::default();
        options.separator = self.separator;
        options.decimal = self.decimal;
        options.encoding = self.encoding.clone();
        options.no_header = self.no_header;
        options
    }
}

impl TableArgs {
    /// The first option that was given.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        let columns = [
            ("--features", !self.features.is_empty()),
            ("--drop", !self.drop.is_empty()),
            ("--one-hot", self.one_hot.is_some()),
            ("--missing", self.missing.is_some()),
            ("--missing-values", self.missing_values.is_some()),
            ("--target-scale", self.target_scale.is_some()),
        ];
        self.file.given().into_iter().chain(columns).find(|(_, given)| *given).map(|(option, _)| option)
    }

    /// The options for reading.
    #[must_use]
    pub fn options(&self) -> TableOptions {
        let mut options = self.file.options();
        options.features = self.features.clone();
        options.drop = self.drop.clone();
        options.one_hot = self.one_hot.unwrap_or_default();
        options.missing = self.missing.unwrap_or_default();
        options.missing_values = self.missing_values.clone();
        options.target_scale = self.target_scale.unwrap_or_default();
        options
    }
}
