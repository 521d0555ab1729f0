//! Parts of a plan: its cells, and the cases that are left of it.

use std::{ops::Range, sync::Arc};

use super::{
    build::{Plan, PlannedCase},
    cell::{Cell, Release},
    checks::Check,
};

impl Plan {
    /// The cells that have cases, in order, each with the places of its cases: these stand together.
    pub fn cells(&self) -> Vec<(Arc<Cell>, Range<usize>)> {
        let mut end = 0;
        let places = self.cases.chunk_by(same_cell).map(|cases| {
            let begin = end;
            end += cases.len();
            (Arc::clone(&cases[0].cell), begin..end)
        });
        places.collect()
    }

    /// What clusters must be like before the run: what several cells ask, once.
    pub fn checks(&self) -> Vec<&Check> {
        let mut checks: Vec<&Check> = Vec::new();
        for check in self.cases.chunk_by(same_cell).flat_map(|cases| &cases[0].cell.checks) {
            if checks.iter().all(|known| known.text != check.text) {
                checks.push(check);
            }
        }
        checks
    }

    /// What a simulated cluster that takes all cells finds in registries.
    pub fn releases(&self) -> Vec<Release> {
        let mut releases: Vec<Release> = Vec::new();
        for release in self.cases.chunk_by(same_cell).flat_map(|cases| &cases[0].cell.releases) {
            if !releases.contains(release) {
                releases.push(release.clone());
            }
        }
        releases
    }

    /// The plan of these cases alone, which are all that a cell has.
    #[must_use]
    pub fn part(&self, places: &Range<usize>) -> Self {
        let mut cases = self.cases[places.clone()].to_vec();
        for list in cases.iter_mut().flat_map(|case| [&mut case.needs, &mut case.after]) {
            for place in list {
                *place -= places.start;
            }
        }
        Self {
            cases,
            suite: self.suite.clone(),
            title: self.title.clone(),
            guide_url: self.guide_url.clone(),
            digest: self.digest.clone(),
            files: self.files.clone(),
            secrets: self.secrets.clone(),
            registries: self.registries.clone(),
            variables: self.variables.clone(),
        }
    }

    /// Leaves only the cases marked; what they need must be among them.
    pub fn keep(&mut self, marked: &[bool]) {
        let mut places = vec![None; marked.len()];
        let mut next = 0;
        for (index, marked) in marked.iter().enumerate() {
            if *marked {
                places[index] = Some(next);
                next += 1;
            }
        }
        let mut index = 0;
        self.cases.retain(|_| {
            index += 1;
            marked[index - 1]
        });
        for case in &mut self.cases {
            for list in [&mut case.needs, &mut case.after] {
                *list = list.iter().filter_map(|index| places[*index]).collect();
            }
        }
    }
}

fn same_cell(a: &PlannedCase, b: &PlannedCase) -> bool {
    Arc::ptr_eq(&a.cell, &b.cell)
}
