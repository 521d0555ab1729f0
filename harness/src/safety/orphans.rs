//! Programs that a run started and that outlived it.

use std::time::Duration;

/// The variable that every program of a run has in its environment: the run's id.
pub const RUN_VARIABLE: &str = "MESHPROOF_RUN";

/// What a process had asked of the API server as it was ended may still be done for so long: nobody is told of it.
pub const UNDER_WAY: Duration = Duration::from_secs(1);

/// Ends every program that the run left, by its environment: a harness that was killed had no time to write down what it had just
/// started. Gives their numbers. Only Linux tells of others' environments.
pub fn end(run: &str) -> Vec<i32> {
    let wanted = format!("{RUN_VARIABLE}={run}");
    let own = std::process::id().cast_signed();
    let mut ended = Vec::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(number) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(environment) = std::fs::read(process.path().join("environ")) else { continue };
        if number == own || !environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()) {
            continue;
        }
        if let Some(process) = rustix::process::Pid::from_raw(number) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            ended.push(number);
        }
    }
    ended
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn programs_of_that_run_are_ended_and_no_others() {
        let start = |run: &str| {
            let program = Command::new("sleep").arg("60").env(RUN_VARIABLE, run).spawn().unwrap();
            // It is started a moment before the system tells of its environment.
            while std::fs::read(format!("/proc/{}/environ", program.id())).unwrap().is_empty() {
                std::thread::yield_now();
            }
            program
        };
        let (mut mine, mut other) = (start("orphans-a"), start("orphans-b"));
        let ended = end("orphans-a");
        assert_eq!(ended, [mine.id().cast_signed()]);
        assert!(!mine.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
