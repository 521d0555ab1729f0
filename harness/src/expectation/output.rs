//! `output`: what a program or command wrote and how it ended.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Answered, Judgement, Matcher, cel, matcher::excerpt};
use crate::{action::Gained, language::formats::Cel};

/// Conditions on the output of the case's last `run` or `exec`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    pub exit_code: Option<i32>,
    #[serde(default)]
    pub stdout: Matcher,
    #[serde(default)]
    pub stderr: Matcher,
    /// Of both together, standard output first: for programs that write to either.
    #[serde(default)]
    pub combined: Matcher,
    /// Expressions that must be true over `json`, the standard output read as JSON.
    #[serde(default)]
    pub json: Vec<Cel>,
}

impl Answered for Output {
    fn judge(&self, gained: &Gained) -> Judgement {
        if let Some(trouble) = &gained.trouble {
            return Judgement::not_yet("an output", trouble);
        }
        if let Some(wanted) = self.exit_code.filter(|wanted| gained.exit_code != Some(*wanted)) {
            let ended = gained.exit_code.map_or("no exit code".to_owned(), |code| format!("exit code {code}"));
            let said = format!("{}\n{}", gained.stdout.trim(), gained.stderr.trim());
            return Judgement::not_yet(format!("exit code {wanted}"), format!("{ended}: {}", excerpt(&said)));
        }
        let combined = format!("{}\n{}", gained.stdout, gained.stderr);
        let texts = [
            (&self.stdout, "standard output", &gained.stdout),
            (&self.stderr, "standard error", &gained.stderr),
            (&self.combined, "the output", &combined),
        ];
        for (matcher, what, text) in texts {
            if let Some(mismatch) = matcher.mismatch(what, text) {
                return Judgement::NotYet(mismatch);
            }
        }
        if self.json.is_empty() {
            return Judgement::met(excerpt(&gained.stdout));
        }
        let json: Value = match serde_json::from_str(&gained.stdout) {
            Ok(json) => json,
            Err(error) => {
                return Judgement::not_yet("JSON on standard output", format!("{error}: {}", excerpt(&gained.stdout)));
            }
        };
        for expression in &self.json {
            match cel::evaluate(expression, &[("json", &json)]) {
                Ok(Value::Bool(true)) => {}
                Ok(value) => return Judgement::not_yet(&expression.text, format!("it is {value}")),
                Err(error) => return Judgement::not_yet(&expression.text, error.reason),
            }
        }
        Judgement::met(excerpt(&gained.stdout))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::expectation::testing::expectation;

    #[rstest]
    #[case("{exitCode: 0, stdout: {contains: [ok]}}", true)]
    #[case("{exitCode: 1}", false)]
    #[case("{stderr: {equals: ''}}", true)]
    #[case("{json: ['json.ok == true']}", true)]
    #[case("{json: ['json.ok == false']}", false)]
    fn an_output_is_judged(#[case] yaml: &str, #[case] met: bool) {
        let gained = Gained { stdout: "{\"ok\": true}".to_owned(), exit_code: Some(0), ..Gained::default() };
        assert_eq!(expectation::<Output>(yaml).judge(&gained).is_met(), met);
    }
}
