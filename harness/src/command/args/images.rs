//! What `meshproof images` and `meshproof bundle` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Choosing, choosing::RegistryArgs};

/// Which suite's images, and where they are looked for.
#[derive(Debug, Clone, Args)]
pub struct Looking {
    #[command(flatten)]
    pub choosing: Choosing,
    /// Ask the registries of the simulated cluster, and not the real ones.
    #[arg(long)]
    pub simulated: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ImagesArgs {
    #[command(subcommand)]
    pub command: Option<ImagesCommand>,
    #[command(flatten)]
    pub looking: Looking,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Print, line by line, from where to where all of it is to be copied, beneath this registry, perhaps with a path.
    #[arg(long, value_name = "DEST")]
    pub mirror: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum ImagesCommand {
    /// Write what registries have into a file, by digest, and show what changes it.
    Lock(LockArgs),
    /// Hold what registries have against that file.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub struct LockArgs {
    #[command(flatten)]
    pub looking: Looking,
    /// The file.
    #[arg(long, value_name = "FILE", default_value = "images.lock.yaml")]
    pub lock: PathBuf,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub looking: Looking,
    /// The file.
    #[arg(long, value_name = "FILE", default_value = "images.lock.yaml")]
    pub lock: PathBuf,
    /// Transfer everything, and verify every digest.
    #[arg(long)]
    pub deep: bool,
}

#[derive(Debug, Args)]
pub struct BundleArgs {
    #[command(subcommand)]
    pub command: BundleCommand,
}

#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Copy the suite, and every artifact and image that it pulls, into a folder: an OCI layout, and the suite beside it.
    Create(CreateArgs),
    /// Push what such a folder has to a registry, with the same digests.
    Load(LoadArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The folder. One that is there is gone on with: what it has is not fetched again.
    pub directory: PathBuf,
    #[command(flatten)]
    pub looking: Looking,
}

#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The folder.
    pub directory: PathBuf,
    /// The registry, perhaps with a path.
    pub registry: String,
    #[command(flatten)]
    pub registries: RegistryArgs,
}
