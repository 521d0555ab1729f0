//! One case on a terminal: the line as its verdict comes in, and the whole story of one that did not pass.

use crate::{
    diagnosis::{Evidence, commands},
    record::{CaseRecord, StepRecord, Verdict},
    style::{Style, count, duration, word},
    text::{clean, one_line, wrap},
};

/// Lines of one field that are shown when not verbose. The whole is in the JSON.
const FIELD_LINES: usize = 12;
/// So many last lines of what explains a problem are shown, unless all is to be said.
const LOG_LINES: usize = 20;
/// Columns of the labels of a story's fields, the longest being `expected`.
const LABEL: usize = 10;

/// A case in one line, without a final line break: `  passed         1.2s  bookinfo/six-pods`. One that did not pass
/// has its reason indented below, wrapped; the id is never broken, so that it can be pasted.
#[must_use]
pub fn case_line(case: &CaseRecord, style: Style) -> String {
    let verdict = style.paint(case.verdict, &format!("{:<10}", word(case.verdict)));
    let time = case.verdict.map(|_| duration(case.duration_ms)).unwrap_or_default();
    let mut line = format!("  {verdict} {time:>8}  {}", one_line(&case.id));
    if let (Some(reason), false) = (&case.reason, case.verdict == Some(Verdict::Passed)) {
        for part in wrap(&one_line(reason), style.columns(6)) {
            line.push_str("\n      ");
            line.push_str(&part);
        }
    }
    line
}

/// Everything that helps to understand why a case did not pass, line by line.
pub(crate) fn story(case: &CaseRecord, style: Style) -> Vec<String> {
    let mut lines = vec![format!("{}  {}", style.paint(case.verdict, word(case.verdict)), one_line(&case.id))];
    lines.extend(wrap(&one_line(&case.title), style.columns(2)).iter().map(|line| format!("  {line}")));

    let looks = usize::try_from(case.attempts).unwrap_or(usize::MAX);
    let took = format!("{}, looked {}", duration(case.duration_ms), count(looks, "time"));
    field(&mut lines, "guide", case.guide.as_deref(), style);
    field(&mut lines, "reason", Some(case.reason.as_deref().unwrap_or("none was given")), style);
    field(&mut lines, "finding", case.diagnosis.as_ref().map(|diagnosis| diagnosis.finding.as_str()), style);
    field(&mut lines, "expected", case.expected.as_deref(), style);
    field(&mut lines, "seen", case.seen.as_deref(), style);
    field(&mut lines, "took", Some(&took), style);
    verbatim(&mut lines, "place", &case.place.to_string());
    verbatim(&mut lines, "look", &commands(case).join("\n"));
    if style.verbose {
        for each in &case.steps {
            step(&mut lines, each, style);
        }
        for each in case.diagnosis.iter().flat_map(|diagnosis| &diagnosis.evidence) {
            evidence(&mut lines, each);
        }
    }
    lines
}

/// What explains a problem outside of cases: its end, unless all is to be said.
pub(crate) fn explained(evidence: &Evidence, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    let all: Vec<&str> = evidence.text.trim_end().lines().collect();
    let before = if style.verbose { 0 } else { all.len().saturating_sub(LOG_LINES) };
    let mut text = all[before..].join("\n");
    if before > 0 {
        text.insert_str(0, &format!("… {} before, in report.json\n", count(before, "line")));
    }
    self::evidence(&mut lines, &Evidence { text, ..evidence.clone() });
    lines
}

fn evidence(lines: &mut Vec<String>, evidence: &Evidence) {
    let more = if evidence.truncated { ", in part" } else { "" };
    lines.push(format!("  {:<LABEL$}{} of {}{more}", "evidence", evidence.kind.word(), one_line(&evidence.title)));
    bars(lines, &evidence.text);
}

fn bars(lines: &mut Vec<String>, text: &str) {
    let text = clean(text);
    labelled(lines, "", text.lines().map(|line| format!("| {line}")).collect::<Vec<_>>().iter().map(String::as_str));
}

/// A label and its text, wrapped behind it.
fn field(lines: &mut Vec<String>, label: &str, text: Option<&str>, style: Style) {
    let Some(text) = text else { return };
    let mut parts = wrap(clean(text).trim_end(), style.columns(2 + LABEL));
    if !style.verbose && parts.len() > FIELD_LINES {
        let more = parts.len() - FIELD_LINES;
        parts.truncate(FIELD_LINES);
        parts.push(format!("… {} in report.json", count(more, "more line")));
    }
    labelled(lines, label, parts.iter().map(String::as_str));
}

/// A label and lines that are to be pasted, and so are never wrapped.
fn verbatim(lines: &mut Vec<String>, label: &str, text: &str) {
    labelled(lines, label, clean(text).lines());
}

fn labelled<'a>(lines: &mut Vec<String>, mut label: &str, parts: impl Iterator<Item = &'a str>) {
    for part in parts {
        lines.push(format!("  {label:<LABEL$}{part}").trim_end().to_owned());
        label = "";
    }
}

fn step(lines: &mut Vec<String>, step: &StepRecord, style: Style) {
    let verdict = style.paint(step.verdict, step.verdict.map_or("not reached", Verdict::word));
    let time = step.verdict.map(|_| format!(" ({})", duration(step.duration_ms))).unwrap_or_default();
    lines.push(format!("  {:<LABEL$}{verdict}: {}{time}", "step", one_line(&step.title)));
    field(lines, "", step.reason.as_deref(), style);
    bars(lines, step.output.as_deref().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::samples;

    #[rstest]
    #[case::passed(Some(Verdict::Passed), None, "  passed         1.2s  bookinfo/six-pods")]
    #[case::failed(
        Some(Verdict::Failed),
        Some("only five of\nsix pods"),
        "  failed         1.2s  bookinfo/six-pods\n      only five of six pods"
    )]
    #[case::known(Some(Verdict::KnownFail), Some("issue 7"), "  known-fail     1.2s  bookinfo/six-pods\n      issue 7")]
    #[case::pending(None, None, "  pending              bookinfo/six-pods")]
    #[case::harmless(
        Some(Verdict::Errored),
        Some("\u{1b}[2Jgone\u{7}"),
        "  errored        1.2s  bookinfo/six-pods\n      gone"
    )]
    fn line_of(#[case] verdict: Option<Verdict>, #[case] reason: Option<&str>, #[case] expected: &str) {
        let case = CaseRecord {
            reason: reason.map(str::to_owned),
            duration_ms: 1_200,
            ..samples::case("bookinfo/six-pods", verdict)
        };
        assert_eq!(case_line(&case, Style::default()), expected);
    }

    #[test]
    fn a_long_reason_is_wrapped() {
        let reason = "ポッド reviews-v3 のイメージを取得できません: レジストリーから manifest unknown が返されました";
        let case = CaseRecord { reason: Some(reason.to_owned()), ..samples::case("a/b", Some(Verdict::Failed)) };
        insta::assert_snapshot!(case_line(&case, Style { width: 40, ..Style::default() }), @r"
          failed         1.2s  a/b
              ポッド reviews-v3 のイメージを取得
              できません: レジストリーから
              manifest unknown が返されました
        ");
    }

    #[test]
    fn a_long_field_is_cut_unless_verbose() {
        let seen: Vec<_> = (1..=20).map(|n| format!("line {n}")).collect();
        let case = CaseRecord { seen: Some(seen.join("\n")), ..samples::case("a/b", Some(Verdict::Failed)) };
        let brief = story(&case, Style::default());
        assert!(brief.contains(&"            … 8 more lines in report.json".to_owned()), "{brief:?}");
        assert!(!brief.contains(&"            line 13".to_owned()), "{brief:?}");
        let whole = story(&case, Style { verbose: true, ..Style::default() });
        assert!(whole.contains(&"            line 20".to_owned()), "{whole:?}");
    }
}
