//! `meshproof bundle`: everything that a suite needs on one disk, for where no other network is.

use std::{fs, io::ErrorKind, path::Path};

use meshproof_reports::{ERRORED, FAILED, PASSED};

use super::{
    args::{Again, BundleArgs, BundleCommand, CreateArgs, LoadArgs},
    images::{Looked, failed, trouble, with},
    show::{diagnostics, err, out},
};
#[cfg(feature = "signatures")]
use crate::images::asks_for_signatures;
use crate::{
    images::{Copied, Layout, LayoutError, Lock, Pulled, Stored, examine, mirror, open, open_there, stored_as},
    registry::{Blame, Contacts, Registries},
};

/// The lock file in a bundle.
const LOCK: &str = "images.lock.yaml";
/// The folder of the suite in a bundle.
const SUITE: &str = "suite";
/// The values in a bundle that a file gave its variables.
const VALUES: &str = "values.yaml";

pub fn bundle(args: &BundleArgs) -> u8 {
    match &args.command {
        BundleCommand::Create(create) => with(&create.looking, async |looked| self::create(create, &looked).await),
        BundleCommand::Load(load) => match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime.block_on(self::load(load)),
            Err(error) => failed(format!("failed to start: {error}")),
        },
    }
}

async fn create(args: &CreateArgs, looked: &Looked<'_>) -> u8 {
    let registries = &looked.cluster.registries;
    let examined = examine(registries, &looked.pulled, false).await;
    let code = trouble(&examined);
    if code != PASSED {
        return code;
    }
    let lock = Lock::new(&looked.prepared.plan.suite, examined.by_name(&registries.settings().map));
    // Whoever has the bundle has these; what is secret is said anew there.
    let told = |name: &str| looked.prepared.plan.variables.contains_key(name);
    let again = match args.looking.choosing.again(told) {
        Ok(again) => again,
        Err(problems) => {
            diagnostics(&problems);
            return ERRORED;
        }
    };
    match fill(args, looked, &lock, &again).await {
        Ok(copied) => {
            let Copied { blobs, new, bytes } = copied;
            out(&format!(
                "{}: {} references, {blobs} blobs, of which {new} are new ({bytes} bytes)\n",
                args.directory.display(),
                lock.images.len()
            ));
            PASSED
        }
        Err(error) => trouble_of(&error),
    }
}

async fn fill(args: &CreateArgs, looked: &Looked<'_>, lock: &Lock, again: &Again) -> Result<Copied, LayoutError> {
    let registries = &looked.cluster.registries;
    let layout = Layout::make(&args.directory)?;
    let mut copied = Copied::default();
    let mut stored = Vec::new();
    #[cfg(feature = "signatures")]
    let signed = asks_for_signatures(&looked.prepared.plan);
    for Pulled { reference, .. } in &looked.pulled {
        let repository = open(registries, reference)?;
        let manifest = layout.fetch(&repository, &mut copied).await?;
        stored.extend(as_named(registries, &stored_as(reference.clone(), &manifest)));
        // A build without the feature refuses a suite that asks for any.
        #[cfg(feature = "signatures")]
        if signed {
            let signatures = layout.fetch_signatures(&repository, &manifest, &mut copied).await?;
            stored.extend(signatures.iter().flat_map(|signature| as_named(registries, signature)));
        }
    }
    layout.index(&stored, &again.words)?;
    let failed = |action, path: &Path, error| LayoutError::Disk { action, path: path.to_owned(), error };
    let path = args.directory.join(LOCK);
    lock.write(&path).map_err(|error| failed("write", &path, std::io::Error::other(error.reason)))?;
    keep_values(&args.directory.join(VALUES), again)?;
    for root in &args.looking.choosing.paths {
        copy(root, &args.directory.join(SUITE)).map_err(|error| failed("copy", root, error))?;
    }
    Ok(copied)
}

/// The same under each name that the suite has for it, whatever rules moved it.
fn as_named(registries: &Registries, stored: &Stored) -> Vec<Stored> {
    let names = registries.settings().map.origins(&stored.reference);
    names.into_iter().map(|reference| Stored { reference, ..stored.clone() }).collect()
}

/// Writes what a file gave, or removes what an earlier bundle there had.
fn keep_values(path: &Path, again: &Again) -> Result<(), LayoutError> {
    let done = if again.values.is_empty() {
        fs::remove_file(path).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    } else {
        serde_saphyr::to_string(&again.values).map_err(std::io::Error::other).and_then(|text| fs::write(path, text))
    };
    done.map_err(|error| LayoutError::Disk { action: "write", path: path.to_owned(), error })
}

async fn load(args: &LoadArgs) -> u8 {
    let settings = match args.registries.settings() {
        Ok(settings) => settings,
        Err(problem) => return failed(problem.to_string()),
    };
    let registries = Registries::new(settings, Contacts::default());
    match push(args, &registries).await {
        Ok(Loaded { copied: Copied { blobs, new, bytes }, rules, choice }) => {
            out(&format!("{}: {blobs} blobs, of which {new} are new ({bytes} bytes)\n", args.registry));
            let mut words =
                vec!["meshproof".to_owned(), "run".to_owned(), args.directory.join(SUITE).display().to_string()];
            let values = args.directory.join(VALUES);
            if values.exists() {
                words.extend(["--env-file".to_owned(), values.display().to_string()]);
            }
            words.extend(choice);
            words.extend(rules.into_iter().flat_map(|rule| ["--registry-map".to_owned(), rule]));
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            out(&format!("{}\n", words.join(" ")));
            PASSED
        }
        Err(error) => trouble_of(&error),
    }
}

/// What was pushed, and how its suite is run from there.
struct Loaded {
    copied: Copied,
    rules: Vec<String>,
    /// Words of a command line.
    choice: Vec<String>,
}

async fn push(args: &LoadArgs, registries: &Registries) -> Result<Loaded, LayoutError> {
    let layout = Layout::open(&args.directory)?;
    let stored = layout.stored()?;
    let mirror = mirror(stored.iter().map(|one| (one.reference.as_str(), one.reference.as_str())), &args.registry);
    let mut copied = Copied::default();
    for (source, destination) in &mirror.copies {
        let Some(one) = stored.iter().find(|one| one.reference == *source) else { continue };
        layout.push(one, &open_there(registries, destination)?, &mut copied).await?;
    }
    Ok(Loaded { copied, rules: mirror.rules, choice: layout.choice()? })
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn trouble_of(error: &LayoutError) -> u8 {
    match error {
        LayoutError::Registry(error) => {
            err(&format!("failed to copy {}\n", error.told()));
            if error.blame() == Blame::Product { FAILED } else { ERRORED }
        }
        other => {
            err(&format!("failed to {other}\n"));
            ERRORED
        }
    }
}

/// The files of a suite.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_file() {
        fs::create_dir_all(to)?;
        return fs::copy(from, to.join(from.file_name().unwrap_or_default())).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
