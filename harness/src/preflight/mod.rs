//! Whether a cluster is fit for a run, asked before anything is changed on it. Everything that is in the way is told at once.

mod checks;
mod objects;
mod rights;
mod room;
mod way;
mod webhooks;

pub use way::{Found, Seen, look};

use std::time::Duration;

use crate::{
    cluster::{Cluster, Trouble},
    plan::{Outlook, Plan},
};

/// How many requests may be under way.
const AT_ONCE: usize = 16;

/// So long all of it may take: a cluster that does not answer is not fit.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Each keeps the run from beginning.
    pub problems: Vec<Finding>,
    /// Worth knowing.
    pub notes: Vec<Finding>,
}

/// One thing, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub hint: Option<String>,
}

/// Asks the cluster whether `plan` can be run on it. Nothing is changed.
pub async fn preflight(cluster: &Cluster, plan: &Plan) -> Findings {
    match tokio::time::timeout(PATIENCE, Box::pin(ask(cluster, plan))).await {
        Ok(findings) => findings,
        Err(_) => {
            let mut findings = Findings::default();
            let what = format!("the cluster had not answered all questions after {} s", PATIENCE.as_secs());
            findings.problem(what, Some("find out what it is busy with, or begin with --no-preflight".to_owned()));
            findings
        }
    }
}

async fn ask(cluster: &Cluster, plan: &Plan) -> Findings {
    let mut findings = Findings::default();
    let outlook = plan.outlook();
    let seen = match look(cluster, &outlook).await {
        Ok(seen) => Some(seen),
        Err(trouble) => {
            findings.unasked("which namespaces there are", &trouble);
            None
        }
    };
    let rules = outlook.rules(seen.as_ref().map(|seen| &seen.namespaces));
    let seen = seen.unwrap_or_default();
    let (rights, going, webhooks, checks, room) = tokio::join!(
        rights::ask(cluster, &rules),
        way::going(cluster, &outlook, &seen),
        webhooks::ask(cluster, &outlook),
        checks::ask(cluster, plan, &seen),
        room::ask(cluster, &outlook, &seen),
    );
    findings.extend(rights);
    findings.extend(way::judge(&seen));
    findings.extend(going);
    findings.extend(webhooks);
    findings.extend(checks);
    findings.extend(room);
    unknown(&outlook, &mut findings);
    findings
}

/// Of what is not stated, no right is asked for, and nothing that is in its way is seen.
fn unknown(outlook: &Outlook<'_>, findings: &mut Findings) {
    let what = match outlook.unknown.len() {
        0 => return,
        1 => "what one step does".to_owned(),
        count => format!("what {count} steps do"),
    };
    // Which they are may hold what is learnt to be a secret only later.
    findings.note(format!("not looked at before the run: {what} is not stated; `meshproof plan` shows it"), None);
}

impl Findings {
    fn problem(&mut self, what: impl Into<String>, hint: Option<String>) {
        self.problems.push(Finding { what: what.into(), hint });
    }

    fn note(&mut self, what: impl Into<String>, hint: Option<String>) {
        self.notes.push(Finding { what: what.into(), hint });
    }

    /// A question that had no answer. That it may not be asked is told with the rights that are missing.
    fn unasked(&mut self, what: &str, trouble: &Trouble) {
        if !matches!(trouble, Trouble::Denied { .. }) {
            self.problem(format!("failed to ask {what}: {trouble}"), None);
        }
    }

    fn extend(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.notes.extend(other.notes);
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{} ({hint})", self.what),
            None => f.write_str(&self.what),
        }
    }
}
