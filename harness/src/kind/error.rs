//! Why a node did not come up, and what to do.

use std::error::Error;

use meshproof_reports::{Evidence, EvidenceKind};
use testcontainers::{TestcontainersError, bollard::errors::Error as DockerError, core::error::ClientError};

use super::Step;
use crate::diagnostic::with_causes;

/// So much of its end goes to the reports, in bytes.
const MOST: usize = 64 << 10;

/// Which step failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step}: {reason}")]
pub struct KindError {
    pub step: Step,
    pub reason: String,
    /// What the step's programs wrote, for [`KindError::evidence`].
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
        let title = format!("what was to {}", self.step);
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
    fn what_was_written_goes_to_the_reports() {
        let error = KindError::new(Step::Init, "kubeadm ended with 1").with_log("line 1\nline 2\n");
        assert_eq!(error.to_string(), "failed to initialize the control plane: kubeadm ended with 1");
        let evidence = error.evidence().unwrap();
        assert_eq!(evidence.title, "what was to initialize the control plane");
        assert_eq!((evidence.text.as_str(), evidence.truncated), ("line 1\nline 2\n", false));
        assert_eq!(KindError::new(Step::Docker, "x").evidence(), None);
    }

    #[test]
    fn of_much_that_was_written_the_end_goes_to_the_reports() {
        let log = "é".repeat(MOST);
        let evidence = KindError::new(Step::Init, "x").with_log(log.clone()).evidence().unwrap();
        assert!(evidence.truncated && log.ends_with(&evidence.text));
        assert!((MOST - 1..=MOST).contains(&evidence.text.len()), "{}", evidence.text.len());
    }
}
