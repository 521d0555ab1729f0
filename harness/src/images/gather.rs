//! Finds out what a suite pulls, by doing what its sources say: the artifacts are pulled, the programs run, the files read.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{images_in, images_in_text};
use crate::{
    action::{Done, Undone},
    cluster::Cluster,
    engine::{Ledger, Shared},
    journal::Holdings,
    language::{Source, StepError, names_in},
    plan::{Cell, Plan, RunIdentity},
    registry::normal_image,
    yaml::{Node, manifests},
};

/// How long one source may take.
const SOURCE: Duration = Duration::from_secs(300);

/// What is pulled, and by what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulled {
    /// `registry/repository:tag`, after the rules that move it.
    pub reference: String,
    pub kind: Kind,
    /// What names it, each as a person would call it.
    pub from: BTreeSet<String>,
    /// The cells of the matrix that pull it; empty where there is one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cells: BTreeSet<String>,
}

/// Who pulls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The run itself.
    Artifact,
    /// The cluster's nodes.
    Image,
}

/// Why it is not known what a suite pulls.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    #[error("the suite does not say where its images come from: give it `images`")]
    NoSources,
    #[error("{place}: {reason}")]
    Source {
        place: String,
        reason: String,
        /// Whether it is the product's doing.
        failed: bool,
    },
    #[error("{0}")]
    Setup(String),
}

/// What every cell of the plan pulls, sorted. Registries are asked through `cluster`, which programs do not find.
pub async fn gather(plan: &Plan, cluster: &Arc<Cluster>, run: &RunIdentity) -> Result<Vec<Pulled>, GatherError> {
    let (events, _inbox) = mpsc::unbounded_channel();
    let ledger = Ledger::new(None, Holdings::default());
    let shared = Shared::new(cluster, run, ledger, events, CancellationToken::new()).map_err(GatherError::Setup)?;
    let cells: BTreeMap<usize, &Arc<Cell>> = plan.cases.iter().map(|case| (case.cell.index, &case.cell)).collect();
    if cells.values().all(|cell| cell.sources.is_empty()) {
        return Err(GatherError::NoSources);
    }
    let mut found = Found(BTreeMap::new());
    for cell in cells.values() {
        let mut captures = BTreeMap::new();
        for node in &cell.sources {
            let (node, problems) = cell.filler(&captures).fill(node);
            let failed = |reason: String, failed: bool| GatherError::Source {
                place: node.span.place().to_string(),
                reason,
                failed,
            };
            if let Some(problem) = problems.first() {
                return Err(failed(problem.to_string(), false));
            }
            if let Some(name) = names_in(&node).into_iter().find(|name| cell.captured.contains(name)) {
                return Err(failed(format!("`{name}` has no value: no source before this pulls it"), false));
            }
            let source = Source::read(&node).map_err(|error: StepError| failed(error.to_string(), false))?;
            let done = one(&shared, &source, &node, &cell.name, &mut found).await;
            let done = done.map_err(|undone| {
                let product = matches!(undone, Undone::Failed { .. });
                failed(undone.to_string(), product)
            })?;
            captures.extend(done.captures);
        }
    }
    Ok(found.0.into_values().collect())
}

/// What was found, by reference.
struct Found(BTreeMap<String, Pulled>);

impl Found {
    fn add(&mut self, shared: &Shared, reference: &str, kind: Kind, from: &str, cell: &str) {
        let moved = shared.cluster.registries.settings().map.apply(reference);
        let new = || Pulled { reference: moved.clone(), kind, from: BTreeSet::new(), cells: BTreeSet::new() };
        let pulled = self.0.entry(moved.clone()).or_insert_with(new);
        pulled.from.insert(from.to_owned());
        if !cell.is_empty() {
            pulled.cells.insert(cell.to_owned());
        }
    }
}

async fn one(shared: &Shared, source: &Source, node: &Node, cell: &str, found: &mut Found) -> Result<Done, Undone> {
    let mut context = shared.context(None, Instant::now() + SOURCE, &shared.cancel);
    context.directory = node.span.source.path.parent().unwrap_or(Path::new("."));
    match source {
        Source::Pull(pull) => {
            found.add(shared, &pull.artifact, Kind::Artifact, "pulled by the suite", cell);
            pull.perform(&context).await
        }
        Source::Run(run) => {
            let done = run.perform(&context).await?;
            let output = done.gained.as_ref().map(|gained| gained.stdout.as_str()).unwrap_or_default();
            let images = images_in_text(output).map_err(|error| Undone::failed(format!("{}: {error}", run.title())))?;
            if images.is_empty() {
                return Err(Undone::failed(format!("{} wrote no manifest that names an image", run.title())));
            }
            let title = run.title();
            // Without what it is told, and where it lies.
            let words: Vec<&str> = title.split(' ').take_while(|word| !word.starts_with('-')).collect();
            let name = words.join(" ");
            let name = name.rsplit('/').next().unwrap_or(&name);
            for image in &images {
                found.add(shared, image, Kind::Image, name, cell);
            }
            Ok(done)
        }
        Source::File(file) => {
            let path = context.resolve(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Undone::Errored(format!("failed to read {}: {error}", path.display())))?;
            let objects = manifests(&text).map_err(|error| Undone::failed(format!("{}: {error}", path.display())))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for image in images_in(&objects) {
                found.add(shared, &image, Kind::Image, &name, cell);
            }
            Ok(Done::default())
        }
        Source::References(references) => {
            for reference in references {
                found.add(shared, &normal_image(reference), Kind::Image, "named by the suite", cell);
            }
            Ok(Done::default())
        }
    }
}
