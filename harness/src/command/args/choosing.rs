//! What the command line takes to choose what is run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indexmap::IndexMap;

use crate::{
    diagnostic::Diagnostic,
    plan::{Choices, Sampling, Shard},
    registry::{Cache, RegistryMap, Settings, cache_directory},
};

/// Which suite, with which values, and which of its cases.
#[derive(Debug, Clone, Default, Args)]
pub struct Choosing {
    /// Files or folders with scenarios.
    #[arg(default_value = "scenarios/nks-istio")]
    pub paths: Vec<PathBuf>,
    /// Give a variable a value.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// A YAML file with values of variables.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Take cells of the suite's matrix, not only the one that the variables say: all, or few that have each two values together.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, default_missing_value = "all", env = "MESHPROOF_MATRIX")]
    pub matrix: Option<MatrixCells>,
    /// Take the cell of the matrix with this name, like a=1,b=2. May be given several times.
    #[arg(id = "cell", long = "cell", value_name = "NAME", conflicts_with = "matrix")]
    pub cells: Vec<String>,
    /// Take cases whose id contains this, and what they need. May be given several times.
    #[arg(short, long = "filter", value_name = "TEXT")]
    pub filters: Vec<String>,
    /// Filters are whole ids.
    #[arg(long, requires = "filters")]
    pub exact: bool,
    /// Take cases with this tag, and what they need. May be given several times.
    #[arg(short, long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Take one part of what is selected, like 2/5: the second of five. Each case is in exactly one part.
    #[arg(long, value_name = "N/OF")]
    pub shard: Option<Shard>,
    /// A report of an earlier run, or its folder: by what it took, shards are balanced, the longest cells begin first, and the time left
    /// is told. May be given several times; all shards of a run must be given the same. Without it, a run takes what is in its
    /// --report-dir, shards nothing.
    #[arg(long = "history", value_name = "DIR")]
    pub history: Vec<PathBuf>,
    #[command(flatten)]
    pub registries: RegistryArgs,
}

/// How registries are spoken to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// Use another registry in place of one, for all references that begin with it, and for variables that do: like
    /// docker.io/istio=registry.example:5000/istio. May be given several times; the longest FROM counts.
    #[arg(long = "registry-map", value_name = "FROM=TO", value_delimiter = ',', env = "MESHPROOF_REGISTRY_MAP")]
    pub map: Vec<String>,
    /// Trust the certificates of this PEM file besides the system's. May be given several times.
    #[arg(long = "registry-ca", value_name = "FILE", value_delimiter = ',', env = "MESHPROOF_REGISTRY_CA")]
    pub authorities: Vec<PathBuf>,
    /// Speak plain HTTP to this registry, as host or host:port. May be given several times. Loopback addresses always are.
    #[arg(long = "plain-http", value_name = "HOST", value_delimiter = ',', env = "MESHPROOF_PLAIN_HTTP")]
    pub plain_http: Vec<String>,
    /// Keep what is read from registries there, by its digest, in place of `meshproof` in $XDG_CACHE_HOME or ~/.cache.
    #[arg(long, value_name = "DIR", env = "MESHPROOF_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// Values and cells that were chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Again {
    /// Of a command line.
    pub words: Vec<String>,
    /// Of the file of values; expressions are not filled.
    pub values: IndexMap<String, serde_json::Value>,
}

/// Which cells of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MatrixCells {
    All,
    Pairwise,
}

impl Choosing {
    /// What was chosen, to be said again elsewhere; variables that are not `told` are left out. `Err` as for `choices`.
    pub fn again(&self, told: impl Fn(&str) -> bool) -> Result<Again, Vec<Diagnostic>> {
        let choices = self.choices()?;
        let set = choices.set.iter().filter(|(name, _)| told(name));
        let mut words: Vec<String> =
            set.flat_map(|(name, text)| ["--set".to_owned(), format!("{name}={text}")]).collect();
        words.extend(self.cells.iter().flat_map(|cell| ["--cell".to_owned(), cell.clone()]));
        if let Some(value) = self.matrix.and_then(|matrix| matrix.to_possible_value()) {
            words.push(format!("--matrix={}", value.get_name()));
        }
        let values = choices.environment.iter().filter(|(name, _)| told(name.as_str()));
        Ok(Again { words, values: values.map(|(name, node)| (name.to_string(), node.to_json())).collect() })
    }

    /// What was said of variables; `Err` names a `--set` that is not one.
    pub fn choices(&self) -> Result<Choices, Vec<Diagnostic>> {
        let mut set = IndexMap::new();
        for text in &self.set {
            match text.split_once('=') {
                Some((name, value)) => set.insert(name.to_owned(), value.to_owned()),
                None => {
                    let title = format!("--set {text} is not NAME=VALUE");
                    return Err(vec![Diagnostic::error(title)]);
                }
            };
        }
        let environment = match &self.env_file {
            Some(path) => crate::plan::read_environment(path)?,
            None => IndexMap::new(),
        };
        let registries = self.registries.settings().map_err(|problem| vec![problem])?;
        let matrix = match self.matrix {
            _ if !self.cells.is_empty() => Sampling::Named(self.cells.clone()),
            None => Sampling::Variables,
            Some(MatrixCells::All) => Sampling::All,
            Some(MatrixCells::Pairwise) => Sampling::Pairwise,
        };
        Ok(Choices { set, environment, matrix, registries })
    }
}

impl RegistryArgs {
    /// What they say; `Err` names a rule that is none.
    pub fn settings(&self) -> Result<Settings, Diagnostic> {
        let map = RegistryMap::parse(self.map.iter().map(String::as_str)).map_err(|problem| {
            Diagnostic::error(format!("--registry-map: {problem}"))
                .help("write it like docker.io/istio=registry.example:5000/istio")
        })?;
        Ok(Settings {
            map,
            authorities: self.authorities.clone(),
            plain_http: self.plain_http.iter().cloned().collect(),
            cache: self.cache_dir.clone().or_else(cache_directory).map(Cache::new),
            ..Settings::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_can_be_said_again_but_for_what_is_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("values.yaml");
        std::fs::write(&file, "list: [a, 1]\nname: 'shop-{{ run.id }}'\ntoken: hidden\n").unwrap();
        let choosing = Choosing {
            set: vec!["version=1.2.0".to_owned(), "password=hidden".to_owned()],
            env_file: Some(file),
            cells: vec!["a=1,b=2".to_owned()],
            ..Choosing::default()
        };
        let again = choosing.again(|name| !["token", "password"].contains(&name)).unwrap();
        assert_eq!(again.words, ["--set", "version=1.2.0", "--cell", "a=1,b=2"]);
        let values = serde_json::json!({"list": ["a", 1], "name": "shop-{{ run.id }}"});
        assert_eq!(serde_json::json!(again.values), values);
    }
}
