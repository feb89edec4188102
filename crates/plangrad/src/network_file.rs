//! Network files: a network as a list of layers in TOML, for `--network`.
//!
//! ```toml
//! layers = [
//!     { linear = 128 },
//!     "batch_norm",
//!     "relu",
//!     { residual = [{ linear = 128 }, "relu"] },
//!     { linear = "outputs" },
//! ]
//! ```
//!
//! The file is read value by value and not through serde, so that each mistake is named with its line.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use plangrad_data::{nearest, open_regular_file};
use plangrad_nn::{
    Activation, GroupConfig, LayerConfig, LinearConfig, Network, NetworkConfig, TiedConfig, Units,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// The limit on the units of a layer: far beyond what fits anywhere, small enough to be multiplied.
pub(crate) const MOST_UNITS: usize = 1 << 24;

/// The longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// The one key of a file.
const LAYERS: &str = "layers";

/// Layers that are written as their name alone, besides the activations.
const PLAIN: [(&str, LayerConfig); 3] = [
    ("flatten", LayerConfig::Flatten),
    ("batch_norm", LayerConfig::BatchNorm),
    ("layer_norm", LayerConfig::LayerNorm),
];

/// Layers that are written as a table, each with an example.
const WITH_VALUE: [(&str, &str); 7] = [
    ("linear", "{ linear = 128 }"),
    ("tied", "{ tied = \"0\" }"),
    ("dropout", "{ dropout = 0.2 }"),
    ("residual", "{ residual = [{ linear = 128 }, \"relu\"] }"),
    ("parallel", "{ parallel = [[{ linear = 64 }, \"relu\"], [{ linear = 64 }]] }"),
    ("frozen", "{ frozen = [{ linear = 128 }, \"relu\"] }"),
    ("group", "{ group = { lr_scale = 0.1, layers = [{ linear = 128 }, \"relu\"] } }"),
];

/// A file as it was read: samples and outputs are still unknown.
#[derive(Clone, Debug)]
pub(crate) struct NetworkFile {
    path: PathBuf,
    layers: Vec<LayerConfig>,
    /// The line of each layer and branch by its place ([`plangrad_nn::Error::Layer`]); of the whole list by none.
    lines: BTreeMap<Vec<usize>, usize>,
}

impl NetworkFile {
    /// Reads the file at `path`, or the network in the settings of the run in the folder `path`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::NetworkFile`] with the line.
    pub(crate) fn read(path: &Path) -> Result<NetworkFile> {
        let path = if path.is_dir() { path.join(crate::train::CONFIG) } else { path.to_path_buf() };
        let file = open_regular_file(&path).map_err(Error::io(&path, "read"))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io(&path, "read"))?;
        let wrong = |expected: &str| {
            let problem = format!("expected {expected}, as network files are");
            Error::NetworkFile { path: path.clone(), line: 1, problem }
        };
        if bytes.len() as u64 > MOST_BYTES {
            return Err(wrong("at most a mebibyte"));
        }
        let text = String::from_utf8(bytes).map_err(|_| wrong("TOML in UTF-8"))?;
        NetworkFile::parse(&text, &path)
    }

    /// The network, for samples of this shape and so many outputs.
    ///
    /// # Errors
    /// [`Error::NetworkFile`] with the line of a layer that cannot be where it is; [`Error::Model`] for sizes whose product
    /// overflows.
    pub(crate) fn network(&self, sample_shape: &[usize], outputs: usize) -> Result<Network> {
        let config = NetworkConfig::new(sample_shape, outputs, self.layers.clone());
        Network::new(&config).map_err(|error| match error {
            plangrad_nn::Error::Layer { place, reason } => Error::NetworkFile {
                path: self.path.clone(),
                line: self.lines.get(&place).copied().unwrap_or(1),
                problem: reason.to_string(),
            },
            other => other.into(),
        })
    }

    fn parse(text: &str, path: &Path) -> Result<NetworkFile> {
        let mut parser = Parser { text, path, lines: BTreeMap::new(), place: Vec::new() };
        let root = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            parser.wrong(start, error.message().trim())
        })?;
        let layers = parser.root(root.get_ref())?;
        let Parser { lines, .. } = parser;
        Ok(NetworkFile { path: path.to_path_buf(), layers, lines })
    }
}

/// Reads values one by one, and notes where they are.
struct Parser<'a> {
    text: &'a str,
    path: &'a Path,
    lines: BTreeMap<Vec<usize>, usize>,
    /// The place of the layer that is read.
    place: Vec<usize>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Parser<'_> {
    /// The layers of a network file, or of the settings of a run.
    fn root(&mut self, root: &DeTable<'_>) -> Result<Vec<LayerConfig>> {
        if let Some(layers) = of_run(root) {
            return self.layers(layers);
        }
        if let Some(key) = root.keys().find(|key| key.get_ref() != LAYERS) {
            let name = key.get_ref();
            let suggestion = did_you_mean(name, [LAYERS]);
            let found = match root.contains_key("hidden") {
                true => "the settings of a run without a network of its own (--config takes them)".to_owned(),
                false => format!("`{name}`{suggestion}"),
            };
            return Err(self.wrong(
                key.span().start,
                &format!("expected `{LAYERS}`, a list of layers, and nothing else; found {found}"),
            ));
        }
        match root.get(LAYERS) {
            Some(layers) => self.layers(layers),
            None => Err(self.wrong(0, &format!("expected `{LAYERS}`, a list of layers; found nothing"))),
        }
    }

    /// A list of layers.
    fn layers(&mut self, value: &Value<'_>) -> Result<Vec<LayerConfig>> {
        self.note(value);
        let expected = "expected a list of layers such as [{ linear = 128 }, \"relu\"]";
        let list = self.list(value, expected)?;
        let mut layers = Vec::with_capacity(list.len());
        for (number, value) in list.iter().enumerate() {
            self.place.push(number);
            self.note(value);
            layers.push(self.layer(value)?);
            self.place.pop();
        }
        Ok(layers)
    }

    fn layer(&mut self, value: &Value<'_>) -> Result<LayerConfig> {
        match value.get_ref() {
            DeValue::String(name) => self.plain(name, value.span().start),
            DeValue::Table(table) => self.with_value(table, value.span().start),
            other => {
                let found = in_words(other);
                let problem =
                    format!("expected a layer such as \"relu\" or {{ linear = 128 }}, found {found}");
                Err(self.wrong(value.span().start, &problem))
            }
        }
    }

    /// A layer that is its name.
    fn plain(&self, name: &str, start: usize) -> Result<LayerConfig> {
        if let Some(layer) = plain(name) {
            return Ok(layer);
        }
        match example(name) {
            Some(example) => Err(self.wrong(start, &format!("{name} needs a value, as in {example}"))),
            None => Err(self.unknown(name, start)),
        }
    }

    /// A layer that is a table with its name as the one key.
    fn with_value(&mut self, table: &DeTable<'_>, start: usize) -> Result<LayerConfig> {
        let mut entries = table.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            let found: Vec<&str> = table.keys().map(|key| &**key.get_ref()).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(" and ") };
            return Err(self.wrong(start, &format!("expected one layer in these braces, found {found}")));
        };
        match &**key.get_ref() {
            "linear" => self.linear(value).map(LayerConfig::Linear),
            "tied" => self.tied(value).map(LayerConfig::Tied),
            "group" => self.group(value).map(LayerConfig::Group),
            "dropout" => self.share(value).map(LayerConfig::Dropout),
            "residual" => self.layers(value).map(LayerConfig::Residual),
            "frozen" => self.layers(value).map(LayerConfig::Frozen),
            "parallel" => self.branches(value).map(LayerConfig::Parallel),
            name if plain(name).is_some() => {
                let problem = format!("{name} has no value: write \"{name}\", without braces");
                Err(self.wrong(key.span().start, &problem))
            }
            name => Err(self.unknown(name, key.span().start)),
        }
    }

    /// Units, or a table with them and `bias`.
    fn linear(&self, value: &Value<'_>) -> Result<LinearConfig> {
        let DeValue::Table(table) = value.get_ref() else {
            return Ok(LinearConfig { units: self.units(value)?, bias: true });
        };
        let fields = Fields { parser: self, layer: "linear", table, start: value.span().start };
        fields.check(&["units", "bias"])?;
        Ok(LinearConfig { units: self.units(fields.required("units")?)?, bias: fields.flag("bias")? })
    }

    /// The place of another layer, or a table with it as `to`, and `bias`.
    fn tied(&self, value: &Value<'_>) -> Result<TiedConfig> {
        let DeValue::Table(table) = value.get_ref() else {
            return Ok(TiedConfig { to: self.place_of(value)?, bias: true });
        };
        let fields = Fields { parser: self, layer: "tied", table, start: value.span().start };
        fields.check(&["to", "bias"])?;
        Ok(TiedConfig { to: self.place_of(fields.required("to")?)?, bias: fields.flag("bias")? })
    }

    fn place_of(&self, value: &Value<'_>) -> Result<String> {
        value.get_ref().as_str().map(str::to_owned).ok_or_else(|| {
            let found = in_words(value.get_ref());
            let problem =
                format!("tied: expected the place of a linear layer before it, such as \"0\", found {found}");
            self.wrong(value.span().start, &problem)
        })
    }

    /// Layers, with what is different in how they learn.
    fn group(&mut self, value: &Value<'_>) -> Result<GroupConfig> {
        let DeValue::Table(table) = value.get_ref() else {
            let problem =
                format!("group: expected a table with `layers`, found {}", in_words(value.get_ref()));
            return Err(self.wrong(value.span().start, &problem));
        };
        let fields = Fields { parser: self, layer: "group", table, start: value.span().start };
        fields.check(&["lr_scale", "weight_decay", "layers"])?;
        let (lr_scale, weight_decay) = (fields.factor("lr_scale")?, fields.flag("weight_decay")?);
        let layers = fields.required("layers")?;
        Ok(GroupConfig { lr_scale, weight_decay, layers: self.layers(layers)? })
    }

    fn units(&self, value: &Value<'_>) -> Result<Units> {
        let count = value.get_ref().as_integer().and_then(|number| whole(number.as_str(), number.radix()));
        match (count, value.get_ref()) {
            (Some(count), _) if (1..=MOST_UNITS).contains(&count) => Ok(Units::Count(count)),
            (_, DeValue::String(word)) if word == Units::OUTPUTS => Ok(Units::Outputs),
            (_, other) => {
                let suggestion = other.as_str().map(|word| did_you_mean(word, [Units::OUTPUTS]));
                let problem = format!(
                    "linear: expected units from 1 to {MOST_UNITS}, or \"{}\" for as many as there are classes or values, found {}{}",
                    Units::OUTPUTS,
                    in_words(other),
                    suggestion.unwrap_or_default()
                );
                Err(self.wrong(value.span().start, &problem))
            }
        }
    }

    fn share(&self, value: &Value<'_>) -> Result<f32> {
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number.filter(|share| (0.0..1.0).contains(share)).ok_or_else(|| {
            let found = in_words(value.get_ref());
            let problem = format!("dropout: expected a share of at least 0 and below 1, found {found}");
            self.wrong(value.span().start, &problem)
        })
    }

    fn branches(&mut self, value: &Value<'_>) -> Result<Vec<Vec<LayerConfig>>> {
        let list = self.list(value, "parallel: expected a list of branches, each a list of layers")?;
        let mut branches = Vec::with_capacity(list.len());
        for (number, branch) in list.iter().enumerate() {
            self.place.push(number);
            branches.push(self.layers(branch)?);
            self.place.pop();
        }
        Ok(branches)
    }

    fn list<'v>(&self, value: &'v Value<'_>, expected: &str) -> Result<&'v [Value<'v>]> {
        match value.get_ref() {
            DeValue::Array(list) => Ok(list),
            other => Err(self.wrong(value.span().start, &format!("{expected}, found {}", in_words(other)))),
        }
    }

    fn unknown(&self, name: &str, start: usize) -> Error {
        let names: Vec<String> = names().collect();
        let suggestion = did_you_mean(name, names.iter().map(String::as_str));
        let problem = format!("unknown layer `{name}`; expected one of {}{suggestion}", names.join(", "));
        self.wrong(start, &problem)
    }

    /// Notes the line of the value at this place, unless there is one already: of the list in a layer it is the layer's.
    fn note(&mut self, value: &Value<'_>) {
        let line = self.line(value.span().start);
        self.lines.entry(self.place.clone()).or_insert(line);
    }

    /// The line of a byte, the last one for what is missed behind it.
    fn line(&self, start: usize) -> usize {
        let before = &self.text.as_bytes()[..start.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        line.min(self.text.lines().count().max(1))
    }

    fn wrong(&self, start: usize, problem: &str) -> Error {
        Error::NetworkFile { path: self.path.into(), line: self.line(start), problem: problem.to_owned() }
    }
}

/// The values of a layer that has several.
struct Fields<'p, 'v> {
    parser: &'p Parser<'p>,
    layer: &'static str,
    table: &'v DeTable<'v>,
    start: usize,
}

impl<'v> Fields<'_, 'v> {
    /// Refuses other keys than these.
    fn check(&self, known: &[&str]) -> Result<()> {
        let Some(key) = self.table.keys().find(|key| !known.contains(&&**key.get_ref())) else {
            return Ok(());
        };
        let (name, expected) = (key.get_ref(), known.join(", "));
        let suggestion = did_you_mean(name, known.iter().copied());
        let problem = format!("{}: expected {expected}, found `{name}`{suggestion}", self.layer);
        Err(self.parser.wrong(key.span().start, &problem))
    }

    fn required(&self, key: &str) -> Result<&'v Value<'v>> {
        let missing = || {
            let problem = format!("{}: expected `{key}` in these braces", self.layer);
            self.parser.wrong(self.start, &problem)
        };
        self.table.get(key).ok_or_else(missing)
    }

    /// True unless it is false.
    fn flag(&self, key: &str) -> Result<bool> {
        let Some(value) = self.table.get(key) else { return Ok(true) };
        value.get_ref().as_bool().ok_or_else(|| self.wrong(key, value, "true or false"))
    }

    /// 1 unless it is another number.
    fn factor(&self, key: &str) -> Result<f64> {
        let Some(value) = self.table.get(key) else { return Ok(1.0) };
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let is_factor = |number: &f64| *number >= 0.0 && number.is_finite();
        number.filter(is_factor).ok_or_else(|| self.wrong(key, value, "a finite number of at least 0"))
    }

    fn wrong(&self, key: &str, value: &Value<'_>, expected: &str) -> Error {
        let found = in_words(value.get_ref());
        let problem = format!("{}: {key}: expected {expected}, found {found}", self.layer);
        self.parser.wrong(value.span().start, &problem)
    }
}

/// The layers in the settings of a run that was trained from a network file.
fn of_run<'v>(root: &'v DeTable<'_>) -> Option<&'v Value<'v>> {
    let architecture = root.get("architecture")?.get_ref();
    let is_layers = architecture.get("name")?.get_ref().as_str() == Some(Network::ARCHITECTURE);
    architecture.get("config")?.get_ref().get(LAYERS).filter(|_| is_layers)
}

/// The layer that is written as this name.
fn plain(name: &str) -> Option<LayerConfig> {
    let known = PLAIN.into_iter().find(|(plain, _)| *plain == name).map(|(_, layer)| layer);
    known.or_else(|| name.parse::<Activation>().ok().map(LayerConfig::Activation))
}

fn example(name: &str) -> Option<&'static str> {
    WITH_VALUE.into_iter().find(|(known, _)| *known == name).map(|(_, example)| example)
}

/// The names of all layers.
fn names() -> impl Iterator<Item = String> {
    let tables = WITH_VALUE.into_iter().map(|(name, _)| name.to_owned());
    let plain = PLAIN.into_iter().map(|(name, _)| name.to_owned());
    tables.chain(Activation::ALL.into_iter().map(|activation| activation.to_string())).chain(plain)
}

/// `; did you mean …?`, if one of the names is like this one.
fn did_you_mean<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(found, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

fn whole(digits: &str, radix: u32) -> Option<usize> {
    usize::from_str_radix(digits, radix).ok()
}

/// A value in a sentence.
fn in_words(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table in braces".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# Every kind of layer, over several lines.
layers = [
    "flatten", { linear = 0x10 },
    { "residual" = [
        { linear = 16 }, "layer_norm",
        { dropout = 0.25 },
    ] },
    { parallel = [
        [{ frozen = [{ linear = 4 }, "batch_norm"] }, "gelu"],
        [{ linear = 4 }],
    ] },
    { group = { lr_scale = 0.5, weight_decay = false, layers = [
        { linear = { units = 6, bias = false } }, { tied = "4.0" }, { linear = 16 },
        { tied = { to = "1", bias = false } } ] } },
    { linear = "outputs" },
]
"#;

    fn parse(text: &str) -> Result<NetworkFile> {
        NetworkFile::parse(text, Path::new("net.toml"))
    }

    #[test]
    fn layers_and_branches_are_known_by_their_lines() {
        let file = parse(FILE).unwrap();
        let line = |place: &[usize]| file.lines[place];
        assert_eq!([line(&[]), line(&[0]), line(&[1]), line(&[2]), line(&[2, 2])], [2, 3, 3, 4, 6]);
        assert_eq!(
            [line(&[3]), line(&[3, 0]), line(&[3, 0, 0, 1]), line(&[3, 1, 0]), line(&[4]), line(&[4, 1])],
            [8, 9, 9, 10, 12, 13]
        );
        let network = file.network(&[2, 3], 7).unwrap();
        assert_eq!(network.config().layers[1], LayerConfig::linear(Units::Count(16)));
        assert_eq!(network.config().layers.last(), Some(&LayerConfig::linear(Units::Outputs)));
    }

    #[test]
    fn what_a_run_writes_is_read_back() {
        let layers = parse(FILE).unwrap().layers;
        let table = std::collections::BTreeMap::from([(LAYERS, &layers)]);
        assert_eq!(parse(&toml::to_string(&table).unwrap()).unwrap().layers, layers);
    }

    /// A file that is cut off anywhere, or has any byte in any place, is a network or an error with a line of the file.
    #[test]
    fn no_damage_is_more_than_an_error_with_a_line() {
        let damaged = |text: &str| match parse(text).and_then(|file| file.network(&[6], 7)) {
            Ok(_) => {}
            Err(Error::NetworkFile { line, .. }) => assert!(line <= text.lines().count().max(1), "{text}"),
            Err(other) => panic!("{other}: {text}"),
        };
        for end in 0..FILE.len() {
            damaged(&FILE[..end]);
            for byte in ["[", "]", "{", "}", "\"", "=", "0", "-", "\n", "x", ","] {
                damaged(&[&FILE[..end], byte, &FILE[end + 1..]].concat());
            }
        }
    }
}
