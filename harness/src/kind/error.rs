//! Why a node did not come up, and what to do.

use std::error::Error;

use meshproof_reports::{Evidence, EvidenceKind};
use testcontainers::{TestcontainersError, bollard::errors::Error as DockerError, core::error::ClientError};

use super::Step;
use crate::diagnostic::with_causes;

/// So many last lines of a step's log are told at once.
const LINES: usize = 20;
/// So much of its end goes to the reports, in bytes.
const MOST: usize = 64 << 10;

/// Which step failed, with the end of its log.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step}: {reason}{}", told(log))]
pub struct KindError {
    pub step: Step,
    pub reason: String,
    /// What the step's programs wrote.
    pub log: String,
}

impl KindError {
    pub fn new(step: Step, reason: impl Into<String>) -> Self {
        Self { step, reason: reason.into(), log: String::new() }
    }

    #[must_use]
    pub fn with_log(mut self, log: impl Into<String>) -> Self {
        self.log = log.into();
        self
    }

    /// What Docker said, in words that name the way out.
    pub fn docker(step: Step, error: &DockerError) -> Self {
        Self::new(step, in_words(error))
    }

    /// What the step's programs wrote, for the reports.
    pub fn evidence(&self) -> Option<Evidence> {
        let start = self.log.ceil_char_boundary(self.log.len().saturating_sub(MOST));
        let title = format!("failed to {}: {}", self.step, self.reason);
        let text = self.log[start..].to_owned();
        (!self.log.trim().is_empty()).then_some(Evidence {
            title,
            kind: EvidenceKind::Output,
            text,
            truncated: start > 0,
        })
    }

    /// The same of what testcontainers made of it. A pull that fails is told as the image's trouble, whatever the step.
    pub fn container(step: Step, error: &TestcontainersError) -> Self {
        match error {
            TestcontainersError::Client(ClientError::PullImage { descriptor, err }) => Self::new(
                Step::Image,
                format!(
                    "{descriptor} is not on this machine and cannot be pulled: {}; load it with `docker load`, or name another with --node-image",
                    with_causes(err)
                ),
            ),
            error => Self::new(step, in_words(error)),
        }
    }
}

/// How bollard begins what Docker answered with. testcontainers keeps the words of an error, but not the error.
const ANSWERED: &str = "Docker responded with status code";

fn in_words(error: &(dyn Error + 'static)) -> String {
    let said = with_causes(error);
    let way = if said.contains(ANSWERED) { of_answer(&said) } else { of_silence(&said) };
    match way {
        Some(way) => format!("{way} ({said})"),
        None => said,
    }
}

/// The way out where Docker cannot be spoken to.
fn of_silence(said: &str) -> Option<&'static str> {
    let said = said.to_lowercase();
    let has = |part: &str| said.contains(part);
    match () {
        () if has("permission denied") => Some(
            "this user has no right to Docker's socket: join the group `docker`, or set DOCKER_HOST to a Docker of your own",
        ),
        () if ["no such file", "connection refused", "socket not found", "error trying to connect"]
            .into_iter()
            .any(has) =>
        {
            Some("no Docker answers: start it, or set DOCKER_HOST to where it is")
        }
        () => None,
    }
}

/// The way out where Docker refuses.
fn of_answer(said: &str) -> Option<&'static str> {
    let said = said.to_lowercase();
    let has = |part: &str| said.contains(part);
    match () {
        () if has("port is already allocated") || has("address already in use") => {
            Some("the port is taken by another program: end that, or leave --api-port out so that Docker chooses one")
        }
        () if has("cgroup") => Some(
            "Docker cannot give the node its control groups: it needs Docker 20.10 or later, which is not rootless or has cgroup v2 with delegation",
        ),
        () if has("no space left") => Some("Docker's disk is full: `docker system prune` makes room"),
        () if has("cannot allocate memory") => {
            Some("Docker's host is out of memory: give it more, or make fewer nodes")
        }
        () => None,
    }
}

fn told(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let end = &lines[lines.len().saturating_sub(LINES)..];
    end.iter().flat_map(|line| ["\n    ", line]).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answer(message: &str) -> DockerError {
        DockerError::DockerResponseServerError { status_code: 500, message: message.to_owned() }
    }

    #[rstest]
    #[case(answer("Bind for 127.0.0.1:6443 failed: port is already allocated"), "the port is taken")]
    #[case(answer("failed to create shim: cgroup: cannot enter: no such file or directory"), "control groups")]
    #[case(answer("exec: \"x\": no such file or directory"), "x")]
    #[case(std::io::Error::from_raw_os_error(13).into(), "join the group `docker`")]
    #[case(std::io::Error::from_raw_os_error(2).into(), "no Docker answers")]
    fn each_trouble_has_its_way_out(#[case] error: DockerError, #[case] told: &str) {
        let (said, words) = (with_causes(&error), in_words(&error));
        assert!(words.contains(told) && words.contains(&said), "{words}");
        assert_eq!(words.contains("no Docker answers"), told == "no Docker answers", "{words}");
    }

    #[test]
    fn the_reports_have_more_of_the_log_than_is_told() {
        let log = (1..=30).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
        let evidence = KindError::new(Step::Init, "kubeadm ended with 1").with_log(log.clone()).evidence().unwrap();
        assert_eq!((evidence.text, evidence.truncated), (log, false));
        assert_eq!(evidence.title, "failed to initialize the control plane: kubeadm ended with 1");
        assert_eq!(KindError::new(Step::Docker, "x").evidence(), None);
    }

    #[test]
    fn the_end_of_the_log_is_told() {
        let log = (1..=30).map(|n| format!("line {n}\n\n")).collect::<Vec<_>>().concat();
        let told = KindError::new(Step::Init, "kubeadm ended with 1").with_log(log).to_string();
        assert!(
            told.starts_with("failed to initialize the control plane: kubeadm ended with 1\n    line 11\n"),
            "{told}"
        );
        assert!(told.ends_with("    line 30"), "{told}");
    }
}
