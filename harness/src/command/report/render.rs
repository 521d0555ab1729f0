//! `meshproof report render`: a report in another form.

use meshproof_reports::{
    Implementation, Report, Statement, product_version, to_html, to_json, to_junit, to_markdown, to_terminal,
};

use super::{
    args::{ImplementationArgs, RenderArgs, RenderFormat},
    give, read,
};
use crate::command::show;

/// Draws it where it is wanted.
pub fn render(args: &RenderArgs, verbose: bool) -> Result<u8, String> {
    let report = read(&args.folder)?;
    if args.format != RenderFormat::Statement
        && let Some(flag) = args.implementation.named()
    {
        return Err(format!("draw the report: {flag} is of a statement; add --format statement"));
    }
    let text = match args.format {
        RenderFormat::Text if args.output.is_some() => {
            to_terminal(&report, meshproof_reports::Style { verbose, width: 120, color: false })
        }
        RenderFormat::Text => to_terminal(&report, show::style(verbose)),
        RenderFormat::Html => to_html(&report),
        RenderFormat::Markdown => to_markdown(&report),
        RenderFormat::Junit => to_junit(&report),
        RenderFormat::Json => to_json(&report),
        RenderFormat::Statement => {
            let implementation = args.implementation.of(&report)?;
            Statement::of(&report, implementation).to_yaml().map_err(|error| error.to_string())?
        }
    };
    give(args.output.as_ref(), &text)
}

impl ImplementationArgs {
    /// The first flag that was given.
    fn named(&self) -> Option<&'static str> {
        let given = [
            ("--organization", self.organization.is_some()),
            ("--project", self.project.is_some()),
            ("--product-version", self.product_version.is_some()),
            ("--url", self.url.is_some()),
            ("--contact", !self.contact.is_empty()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    fn of(&self, report: &Report) -> Result<Implementation, String> {
        let version = self.product_version.clone().or_else(|| product_version(report)).ok_or(
            "draw the statement: the run found no version that is the same on all clusters; add --product-version",
        )?;
        let suite = &report.suite;
        Ok(Implementation {
            // Without it clap has refused the arguments.
            organization: self.organization.clone().unwrap_or_default(),
            project: self.project.clone().or_else(|| suite.title.clone()).unwrap_or_else(|| suite.name.clone()),
            url: self.url.clone(),
            version,
            contact: self.contact.clone(),
        })
    }
}
