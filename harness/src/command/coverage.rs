//! `meshproof coverage`: which headings and commands of a guide are proved by which cases.

use meshproof_reports::{ERRORED, FAILED, PASSED};

use super::{
    args::CoverageArgs,
    show::{self, out},
};
use crate::{
    diagnostic::{Diagnostic, all_warnings, closest},
    load::load,
    plan::{Choices, PlannedCase, RunIdentity, plan},
};

/// A heading with its commands.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    heading: String,
    /// Blocks of commands, each line without its prompt.
    blocks: Vec<Vec<String>>,
}

/// Shows the guide's headings, each with its cases and commands. Exit code 1 where a command is proved by none.
pub fn coverage(args: &CoverageArgs) -> u8 {
    let (loaded, mut diagnostics) = load(&args.paths);
    let run = RunIdentity { id: "check".to_owned(), directory: "/run-directory".into() };
    let mut cases = Vec::new();
    for suite in &loaded {
        let (plan, problems) = plan(suite, &Choices::default(), &run);
        diagnostics.extend(problems);
        cases.extend(plan.cases);
    }
    let guide = std::fs::read_to_string(&args.guide);
    if let Err(error) = &guide {
        diagnostics.push(Diagnostic::error(format!("failed to read {}: {error}", args.guide.display())));
    }
    let sections = sections(&guide.unwrap_or_default());
    diagnostics.extend(unknown_headings(&cases, &sections));
    show::diagnostics(&diagnostics);
    if !all_warnings(&diagnostics) {
        return ERRORED;
    }
    let (text, bare) = draw(&sections, &cases);
    out(&text);
    if bare == 0 { PASSED } else { FAILED }
}

fn draw(sections: &[Section], cases: &[PlannedCase]) -> (String, usize) {
    let (mut text, mut bare, mut blocks) = (String::new(), 0, 0);
    for section in sections {
        let of_heading: Vec<&PlannedCase> =
            cases.iter().filter(|case| case.guide.as_deref() == Some(section.heading.as_str())).collect();
        if section.blocks.is_empty() && of_heading.is_empty() {
            continue;
        }
        text.push_str(&format!("{}\n", section.heading));
        for case in &of_heading {
            text.push_str(&format!("    {}\n", case.id));
        }
        for block in &section.blocks {
            blocks += 1;
            for command in block {
                let by: Vec<&str> =
                    of_heading.iter().filter(|case| proves(case, command)).map(|case| case.id.as_str()).collect();
                if by.is_empty() {
                    bare += 1;
                    text.push_str(&format!("  BARE  $ {command}\n"));
                } else {
                    text.push_str(&format!("  $ {command}\n      {}\n", by.join(", ")));
                }
            }
        }
        text.push('\n');
    }
    text.push_str(&format!("{blocks} blocks of commands, {bare} commands bare\n"));
    (text, bare)
}

/// A case proves the commands that begin with what it says it proves.
fn proves(case: &PlannedCase, command: &str) -> bool {
    case.proves.iter().any(|beginning| command.starts_with(beginning.as_str()))
}

fn unknown_headings(cases: &[PlannedCase], sections: &[Section]) -> Vec<Diagnostic> {
    let headings: Vec<&str> = sections.iter().map(|section| section.heading.as_str()).collect();
    let unknown = cases.iter().filter_map(|case| {
        let heading = case.guide.as_deref()?;
        (!headings.contains(&heading)).then(|| {
            let diagnostic = Diagnostic::error(format!("the guide has no heading `{heading}`")).at(&case.span);
            match closest(heading, &headings) {
                Some(best) => diagnostic.help(format!("did you mean `{best}`?")),
                None => diagnostic,
            }
        })
    });
    unknown.collect()
}

/// Splits Markdown at its headings; in fenced blocks, the lines with a prompt are commands.
fn sections(markdown: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut block: Option<Vec<String>> = None;
    for line in markdown.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            match block.take() {
                None => block = Some(Vec::new()),
                Some(commands) if !commands.is_empty() => {
                    if let Some(section) = sections.last_mut() {
                        section.blocks.push(commands);
                    }
                }
                Some(_) => {}
            }
        } else if let Some(commands) = &mut block {
            if let Some(command) = trimmed.strip_prefix("$ ") {
                commands.push(command.to_owned());
            }
        } else if trimmed.starts_with('#') {
            let heading = trimmed.trim_start_matches('#').trim().to_owned();
            sections.push(Section { heading, blocks: Vec::new() });
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GUIDE: &str = "# One\n```\n$ first -x\n$ second\n```\n## Two\n```\n$ third\n```\n## Words only\ntext\n";

    fn cases(cases: &[&str]) -> Vec<PlannedCase> {
        let case = |case: &&str| format!("  - {{{case}, expect: [{{pods: {{selector: a=b, count: 1}}}}]}}\n");
        let cases = cases.iter().map(case).collect::<Vec<_>>().concat();
        let text = format!(
            "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: a}}\nguide: One\ncases:\n{cases}"
        );
        let (loaded, _) = crate::load::of_text(&text);
        let run = RunIdentity { id: "check".to_owned(), directory: "/run".into() };
        let (plan, mistakes) = plan(&loaded, &Choices::default(), &run);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        plan.cases
    }

    #[rstest]
    #[case::nothing(&["name: one"], 3)]
    #[case::a_beginning(&["name: one, proves: [first]"], 2)]
    #[case::only_beginnings(&["name: one, proves: [irst]"], 3)]
    #[case::of_its_own_heading(&["name: one, proves: [third]"], 3)]
    #[case::of_another_heading(&["name: one, guide: Two, proves: [third]"], 2)]
    #[case::several(&["name: one, proves: [first, second]", "name: two, guide: Two, proves: [th]"], 0)]
    fn commands_that_no_case_of_their_heading_proves_are_bare(#[case] proving: &[&str], #[case] expected: usize) {
        assert_eq!(draw(&sections(GUIDE), &cases(proving)).1, expected);
    }

    #[test]
    fn each_heading_is_drawn_with_its_cases_and_commands() {
        let text = draw(&sections(GUIDE), &cases(&["name: one, proves: [first]", "name: two, guide: Words only"])).0;
        let expected = "One\n    a/one\n  $ first -x\n      a/one\n  BARE  $ second\n\nTwo\n  BARE  $ third\n\nWords only\n    a/two\n\n2 blocks of commands, 2 commands bare\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_heading_that_the_guide_lacks_is_a_mistake() {
        let found = unknown_headings(&cases(&["name: one, guide: Tow"]), &sections(GUIDE));
        let told: Vec<_> = found.iter().map(|one| (one.title.as_str(), one.help.as_deref())).collect();
        assert_eq!(told, [("the guide has no heading `Tow`", Some("did you mean `Two`?"))]);
    }

    #[test]
    fn commands_are_the_lines_with_a_prompt() {
        let markdown = "# One\ntext\n```\n$ first -x\noutput\n$ second\n```\n## Two\n```\nno command\n```\n";
        let expected = [
            Section { heading: "One".into(), blocks: vec![vec!["first -x".into(), "second".into()]] },
            Section { heading: "Two".into(), blocks: Vec::new() },
        ];
        assert_eq!(sections(markdown), expected);
    }
}
