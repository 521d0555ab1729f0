//! Expectations of an output: judged at once, or by doing the action again until they hold.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    context::Context,
    converge::{Converged, Told},
};
use crate::{
    action::{Action, Gained, Undone},
    expectation::{Answered, Judgement, Mismatch},
    language::{ExpectationOptions, formats::spell},
};

/// The first wait before an action is done again, and the longest. An output has nothing that could be watched.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Judges `expectation` over the case's last output; with `within`, does `action` again until it is met. Also gives the number
/// of outputs judged.
pub async fn probe(
    context: &mut Context<'_>,
    action: Option<&Action>,
    expectation: &dyn Answered,
    options: &ExpectationOptions,
) -> (Converged, u64) {
    let Some(action) = action else {
        return (Converged::Unseen("there is no output: the case runs nothing before this".to_owned()), 0);
    };
    let mut probing = Probing { settled: Settled::default(), options, attempts: 0, told: Told::default() };
    let converged = probing.run(context, action, expectation).await;
    (converged, probing.attempts)
}

struct Probing<'a> {
    settled: Settled,
    options: &'a ExpectationOptions,
    attempts: u64,
    told: Told,
}

/// Since when the answer has been the same.
#[derive(Default)]
struct Settled(Option<(Mismatch, Instant)>);

impl Probing<'_> {
    async fn run(&mut self, context: &mut Context<'_>, action: &Action, expectation: &dyn Answered) -> Converged {
        let pace = context.cluster.pace;
        let hold = pace.outside(self.options.hold.map_or(Duration::ZERO, |hold| hold.0));
        let settle = self.options.settle.map(|settle| (pace.deadline(settle.0), settle.0));
        let mut wait = FIRST_WAIT;
        let mut met_since: Option<Instant> = None;
        let mut outages = context.cluster.watches.outages().0;
        let rests_until = context.deadline + context.cluster.outage;
        loop {
            let gained = context.gained.clone().unwrap_or_default();
            self.attempts += 1;
            let now = Instant::now();
            let judgement = expectation.judge(&gained);
            self.told.tell(context, &judgement);
            match (judgement, met_since) {
                (Judgement::Met { seen }, since) => {
                    let since = *met_since.insert(since.unwrap_or(now));
                    if now >= since + hold {
                        return Converged::Met { seen };
                    }
                }
                (Judgement::NotYet(mismatch) | Judgement::Impossible { mismatch, .. }, Some(since)) => {
                    let reason = format!(
                        "was as expected, but only for {} of {}; then expected {}, saw {}",
                        spell(pace.inside(now - since)),
                        spell(pace.inside(hold)),
                        mismatch.expected,
                        mismatch.seen
                    );
                    return Converged::Unmet { mismatch, reason: Some(reason) };
                }
                (Judgement::NotYet(mismatch) | Judgement::Impossible { mismatch, .. }, None) => {
                    // What a program says of a cluster that is away says nothing of the product.
                    let asks = matches!(action, Action::Run(_) | Action::Exec(_));
                    if asks && now < rests_until && !context.cluster.was_reachable(outages).await {
                        outages = context.cluster.watches.outages().0;
                        self.settled = Settled::default();
                        context.deadline = context.deadline.max(now + LONGEST_WAIT * 5).min(rests_until);
                    }
                    let reason = self.settled.given_up(&mismatch, now, settle);
                    if reason.is_some() || now + wait > context.deadline {
                        return Converged::Unmet { mismatch, reason };
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = context.cancel.cancelled() => return Converged::Interrupted,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
            let deadline = context.deadline;
            // One attempt that hangs must not keep the others from being made.
            context.deadline =
                met_since.map_or(deadline, |since| since + hold + LONGEST_WAIT).max(Instant::now() + LONGEST_WAIT);
            let done = action.perform(context).await;
            context.deadline = deadline;
            match done {
                Ok(done) => context.gained = done.gained,
                Err(Undone::Failed { reason, output, .. }) => context.gained = Some(troubled(reason, output)),
                Err(Undone::Errored(reason))
                    if Instant::now() < rests_until && !context.cluster.was_reachable(outages).await =>
                {
                    context.gained = Some(troubled(reason, None));
                }
                Err(Undone::Errored(reason)) => return Converged::Unseen(reason),
                Err(Undone::Interrupted) => return Converged::Interrupted,
            }
        }
    }
}

fn troubled(trouble: String, output: Option<String>) -> Gained {
    Gained { stdout: output.unwrap_or_default(), trouble: Some(trouble), ..Gained::default() }
}

impl Settled {
    /// Why to give up, if the same wrong answer has come for so long: `settle` is that time outside the cluster, and in it.
    fn given_up(&mut self, mismatch: &Mismatch, now: Instant, settle: Option<(Duration, Duration)>) -> Option<String> {
        let (outside, settle) = settle?;
        match &self.0 {
            Some((known, since)) if known == mismatch => (now >= *since + outside).then(|| {
                let Mismatch { expected, seen } = mismatch;
                format!("expected {expected}, and for {} saw the same: {seen}", spell(settle))
            }),
            _ => {
                self.0 = Some((mismatch.clone(), now));
                None
            }
        }
    }
}
