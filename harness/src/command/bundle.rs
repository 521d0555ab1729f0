//! `meshproof bundle`: everything that a suite needs on one disk, for where no other network is.

use std::{fs, path::Path};

use meshproof_reports::{ERRORED, FAILED, PASSED};

use super::{
    args::{BundleArgs, BundleCommand, CreateArgs, LoadArgs},
    images::{Looked, failed, trouble, with},
    show::{err, out},
};
#[cfg(feature = "signatures")]
use crate::images::asks_for_signatures;
use crate::{
    images::{Copied, Kind, Layout, LayoutError, Lock, Pulled, examine, mirror, open, open_there, stored_as},
    registry::{Blame, Contacts, Registries},
};

/// The lock file in a bundle.
const LOCK: &str = "images.lock.yaml";
/// The folder of the suite in a bundle.
const SUITE: &str = "suite";

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
    let lock = Lock::new(&looked.prepared.plan.suite, examined.images);
    match fill(args, looked, registries, &lock).await {
        Ok(copied) => {
            let Copied { blobs, new, bytes } = copied;
            out(&format!(
                "{}: {} references, {blobs} blobs, of which {new} are new ({bytes} bytes)\n",
                args.directory.display(),
                lock.images.len()
            ));
            PASSED
        }
        Err(error) => told(&error),
    }
}

async fn fill(
    args: &CreateArgs,
    looked: &Looked<'_>,
    registries: &Registries,
    lock: &Lock,
) -> Result<Copied, LayoutError> {
    let layout = Layout::make(&args.directory)?;
    let mut copied = Copied::default();
    let mut stored = Vec::new();
    #[cfg(feature = "signatures")]
    let signed = asks_for_signatures(&looked.prepared.plan);
    for Pulled { reference, .. } in &looked.pulled {
        let repository = open(registries, reference)?;
        let manifest = layout.fetch(&repository, &mut copied).await?;
        stored.push(stored_as(reference.clone(), &manifest));
        // A build without the feature refuses a suite that asks for any.
        #[cfg(feature = "signatures")]
        if signed {
            stored.extend(layout.fetch_signatures(&repository, &manifest, &mut copied).await?);
        }
    }
    layout.index(&stored)?;
    let failed = |action, path: &Path, error| LayoutError::Disk { action, path: path.to_owned(), error };
    let path = args.directory.join(LOCK);
    lock.write(&path).map_err(|error| failed("write", &path, std::io::Error::other(error.reason)))?;
    for root in &args.looking.choosing.paths {
        copy(root, &args.directory.join(SUITE)).map_err(|error| failed("copy", root, error))?;
    }
    Ok(copied)
}

async fn load(args: &LoadArgs) -> u8 {
    let settings = match args.registries.settings() {
        Ok(settings) => settings,
        Err(problem) => return failed(problem.to_string()),
    };
    let registries = Registries::new(settings, Contacts::default());
    match push(args, &registries).await {
        Ok((copied, rules)) => {
            let Copied { blobs, new, bytes } = copied;
            out(&format!("{}: {blobs} blobs, of which {new} are new ({bytes} bytes)\n", args.registry));
            let rules: Vec<String> = rules.iter().map(|rule| format!("--registry-map {rule}")).collect();
            let suite = args.directory.join(SUITE);
            out(&format!("meshproof run {} {}\n", suite.display(), rules.join(" ")));
            PASSED
        }
        Err(error) => told(&error),
    }
}

async fn push(args: &LoadArgs, registries: &Registries) -> Result<(Copied, Vec<String>), LayoutError> {
    let layout = Layout::open(&args.directory)?;
    let stored = layout.stored()?;
    let pulled = stored.iter().map(|one| Pulled {
        reference: one.reference.clone(),
        kind: Kind::Image,
        from: std::collections::BTreeSet::new(),
        cells: std::collections::BTreeSet::new(),
    });
    let mirror = mirror(&pulled.collect::<Vec<_>>(), &args.registry);
    let mut copied = Copied::default();
    for (source, destination) in &mirror.copies {
        let Some(one) = stored.iter().find(|one| one.reference == *source) else { continue };
        layout.push(one, &open_there(registries, destination)?, &mut copied).await?;
    }
    Ok((copied, mirror.rules))
}

fn told(error: &LayoutError) -> u8 {
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
