use std::process::ExitCode;

fn main() -> ExitCode {
    // The one place that chooses a provider; every TLS connection of the process uses it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    meshproof::command::main(std::env::args_os())
}
