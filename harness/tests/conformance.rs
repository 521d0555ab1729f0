//! The suite as libtest shows it. See `meshproof::conformance`.

fn main() -> std::process::ExitCode {
    meshproof::conformance::main(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/nks-istio").into())
}
