//! Records and reports without secrets: every text in them that is not the suite's own name for something.

use meshproof_reports::{CaseRecord, Diagnosis, Evidence, Report};
use serde_json::Value;

use super::Redactor;

impl Redactor {
    pub fn case(&self, case: &mut CaseRecord) {
        for text in [&mut case.reason, &mut case.expected, &mut case.seen].into_iter().flatten() {
            self.replace(text);
        }
        case.look.iter_mut().for_each(|text| self.replace(text));
        for step in &mut case.steps {
            self.replace(&mut step.title);
            step.reason.iter_mut().chain(&mut step.output).for_each(|text| self.replace(text));
        }
        case.runs.iter_mut().filter_map(|run| run.reason.as_mut()).for_each(|text| self.replace(text));
        case.timeline.iter_mut().for_each(|moment| self.replace(&mut moment.text));
        if let Some(diagnosis) = &mut case.diagnosis {
            self.diagnosis(diagnosis);
        }
    }

    pub fn report(&self, report: &mut Report) {
        report.cases.iter_mut().for_each(|case| self.case(case));
        report.problems.iter_mut().chain(&mut report.leftovers).for_each(|text| self.replace(text));
        report.evidence.iter_mut().for_each(|evidence| self.evidence(evidence));
        report.suite.variables.values_mut().for_each(|value| self.json(value));
        for cell in &mut report.cells {
            cell.not_run.iter_mut().for_each(|text| self.replace(text));
            cell.values.values_mut().for_each(|value| self.json(value));
        }
        let clusters = report.cells.iter_mut().filter_map(|cell| cell.cluster.as_mut()).chain(&mut report.cluster);
        for cluster in clusters {
            self.replace(&mut cluster.server);
        }
    }

    /// Replaces the text by what it may tell.
    pub fn replace(&self, text: &mut String) {
        if let std::borrow::Cow::Owned(redacted) = self.text(text) {
            *text = redacted;
        }
    }

    /// The same for every text of a value that is no object of Kubernetes.
    pub fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.replace(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.json(field)),
            _ => {}
        }
    }

    fn diagnosis(&self, diagnosis: &mut Diagnosis) {
        self.replace(&mut diagnosis.finding);
        diagnosis.commands.iter_mut().chain(&mut diagnosis.not_collected).for_each(|text| self.replace(text));
        diagnosis.evidence.iter_mut().for_each(|evidence| self.evidence(evidence));
    }

    pub fn evidence(&self, evidence: &mut Evidence) {
        self.replace(&mut evidence.title);
        self.replace(&mut evidence.text);
    }
}
