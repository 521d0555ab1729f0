//! The command line: arguments in, exit code out.

mod args;
mod begin;
mod bundle;
mod check;
mod clean;
mod coverage;
mod images;
mod list;
mod live;
mod outlook;
mod plan;
mod preflight;
mod recorder;
mod report;
mod run;
mod show;
mod simulate;

pub use args::{Choosing, Cli, ClusterArgs, ClusterKind, Command, RunArgs};
pub use run::{Observer, Prepared, Ran, execute_plan, prepare};
pub use show::diagnostics as show_diagnostics;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};
use meshproof_reports::{ERRORED, PASSED};

use crate::cluster::ISTIOCTL;
use show::out;

/// Runs the command that `arguments` say, and gives its exit code: see [`meshproof_reports::exit_code`].
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = stand_in(&arguments) {
        return code;
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { ERRORED } else { PASSED });
        }
    };
    show::log_to_stderr(cli.verbose);
    let code = match cli.command {
        Command::Run(args) => run::run(&args, cli.quiet, cli.verbose),
        Command::List(args) => list::list(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Preflight(args) => preflight::preflight(&args),
        Command::Clean(args) => clean::clean(&args, cli.quiet, cli.verbose),
        Command::Bundle(args) => bundle::bundle(&args),
        Command::Images(args) => images::images(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Check(args) => check::check(&args.paths, cli.quiet),
        Command::Coverage(args) => coverage::coverage(&args),
        Command::Report(args) => report::report(&args, cli.verbose),
        Command::Schema(args) => {
            let schema = match (args.report, args.statement) {
                (true, _) => meshproof_reports::json_schema(),
                (_, true) => meshproof_reports::statement_schema(),
                _ => crate::language::published_schema(),
            };
            out(&format!("{schema:#}\n"));
            PASSED
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "meshproof", &mut script);
            out(&String::from_utf8_lossy(&script));
            PASSED
        }
    };
    ExitCode::from(code)
}

/// Is the istioctl of a simulated release, if that is what `arguments` (the program's name first) ask for.
pub fn stand_in(arguments: &[OsString]) -> Option<ExitCode> {
    let asked = arguments.get(1).filter(|first| *first == ISTIOCTL).and(arguments.get(2))?;
    let release = semver::Version::parse(&asked.to_string_lossy()).ok()?;
    let rest = arguments[3..].iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Some(match runtime {
        Ok(runtime) => runtime.block_on(meshproof_simulator::istio::istioctl::main(release, rest)),
        Err(error) => {
            show::err(&format!("failed to start: {error}\n"));
            ExitCode::from(ERRORED)
        }
    })
}
