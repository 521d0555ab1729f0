//! `meshproof preflight`: whether a run could begin on a cluster.

use meshproof_reports::{ERRORED, PASSED};
use serde_json::{Value, json};

use super::{
    args::PreflightArgs,
    begin::begin,
    run::provide,
    show::{self, out},
};
use crate::{
    diagnostic::Diagnostic,
    engine::make_directory,
    preflight::{Finding, Findings, preflight as ask},
    redact::Secrets,
};

/// Tells what is in the way of a run, all at once. Exit code 2 if anything is.
pub fn preflight(args: &PreflightArgs) -> u8 {
    let prepared = match begin(&args.choosing, args.cluster.contradiction()) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let found = make_directory(&prepared.run).and_then(|work| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("failed to start: {error}"))?;
        let found = runtime.block_on(async {
            let cluster = provide(&args.cluster, &prepared.plan, &work, &Secrets::default())
                .await
                .map_err(|error| error.to_string())?;
            let version = cluster.connection.git_version.clone();
            Ok((cluster.connection.context.clone(), version, ask(&cluster, &prepared.plan).await))
        });
        let _ = std::fs::remove_dir_all(&work);
        found
    });
    match found {
        Ok((context, version, findings)) => {
            out(&if args.json { json(&findings) } else { text(&context, &version, &findings) });
            if findings.problems.is_empty() { PASSED } else { ERRORED }
        }
        Err(problem) => {
            show::diagnostics(&[Diagnostic::error(problem)]);
            ERRORED
        }
    }
}

fn text(context: &str, version: &str, findings: &Findings) -> String {
    let mut text = format!("{context} (Kubernetes {version})\n");
    for (word, found) in [("problem", &findings.problems), ("note", &findings.notes)] {
        for Finding { what, hint } in found {
            text.push_str(&format!("  {word:<8} {what}\n"));
            if let Some(hint) = hint {
                text.push_str(&format!("           {hint}\n"));
            }
        }
    }
    text.push_str(&match findings.problems.len() {
        0 => "a run could begin\n".to_owned(),
        1 => "1 problem: a run would not begin\n".to_owned(),
        count => format!("{count} problems: a run would not begin\n"),
    });
    text
}

fn json(findings: &Findings) -> String {
    let list = |found: &[Finding]| {
        found.iter().map(|finding| json!({"what": finding.what, "hint": finding.hint})).collect::<Value>()
    };
    format!("{:#}\n", json!({"problems": list(&findings.problems), "notes": list(&findings.notes)}))
}
