//! Why a node did not come up, and what to do.

use testcontainers::{TestcontainersError, bollard::errors::Error as DockerError, core::error::ClientError};

use super::Step;
use crate::diagnostic::with_causes;

/// So many last lines of a step's log are told.
const LINES: usize = 20;

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
        Self::new(step, in_words(&with_causes(error)))
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
            error => Self::new(step, in_words(&with_causes(error))),
        }
    }
}

fn in_words(said: &str) -> String {
    let has = |part: &str| said.to_lowercase().contains(part);
    let way = match () {
        () if has("permission denied") => {
            "this user has no right to Docker's socket: join the group `docker`, or set DOCKER_HOST to a Docker of your own"
        }
        () if has("no such file")
            || has("connection refused")
            || has("socket not found")
            || has("error trying to connect") =>
        {
            "no Docker answers: start it, or set DOCKER_HOST to where it is"
        }
        () if has("port is already allocated") || has("address already in use") => {
            "the port is taken by another program: end that, or let Docker choose another"
        }
        () if has("cgroup") => {
            "Docker cannot give the node its control groups: it needs Docker 20.10 or later, which is not rootless or has cgroup v2 with delegation"
        }
        () if has("no space left") => "Docker's disk is full: `docker system prune` makes room",
        () => return said.to_owned(),
    };
    format!("{way} ({said})")
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

    #[rstest]
    #[case("connect: Permission denied (os error 13)", "join the group `docker`")]
    #[case("client error (Connect): No such file or directory (os error 2)", "no Docker answers")]
    #[case("Bind for 127.0.0.1:6443 failed: port is already allocated", "the port is taken")]
    #[case("failed to create shim: cgroup: cannot enter", "control groups")]
    #[case("something else", "something else")]
    fn each_trouble_has_its_way_out(#[case] said: &str, #[case] told: &str) {
        assert!(in_words(said).contains(told), "{}", in_words(said));
        assert!(in_words(said).contains(said));
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
