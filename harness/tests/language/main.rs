//! The scenario language, through the command.

mod fixtures;
mod limits;
mod properties;
mod schema;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The root of the repository, from which paths in messages are told.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the harness lies in the repository").to_owned()
}

/// Runs the command where a reader that is no terminal sees it.
fn meshproof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_meshproof"))
        .args(arguments)
        .current_dir(repository())
        .env_remove("RUST_LOG")
        .output()
        .expect("the command is built")
}

/// Compares a committed file with what it should be; with `MESHPROOF_UPDATE=1`, makes it so.
fn committed(path: &Path, expected: &str) -> Result<(), String> {
    if std::env::var_os("MESHPROOF_UPDATE").is_some() {
        return std::fs::write(path, expected).map_err(|error| format!("{}: {error}", path.display()));
    }
    let seen = std::fs::read_to_string(path).unwrap_or_default();
    if seen == expected {
        return Ok(());
    }
    Err(format!("{} is\n{seen}\nand should be, if that is right (MESHPROOF_UPDATE=1),\n{expected}", path.display()))
}
