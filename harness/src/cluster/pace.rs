//! How fast a cluster's time passes: that of a simulated one as fast as it is told to.

use std::time::Duration;

/// So many times as fast as the time outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(f64);

/// However fast the cluster: the machine that simulates it needs time of its own, most of all one that simulates several.
const LEAST: Duration = Duration::from_secs(10);

impl Pace {
    pub const REAL: Self = Self(1.0);

    /// # Panics
    /// Where `factor` is not above zero.
    #[must_use]
    pub fn times(factor: f64) -> Self {
        assert!(factor > 0.0, "time goes on");
        Self(factor)
    }

    pub fn factor(self) -> f64 {
        self.0
    }

    /// How long something lasts outside that lasts so long in the cluster.
    pub fn outside(self, inside: Duration) -> Duration {
        inside.div_f64(self.0)
    }

    /// How long to wait for what is to happen within so long in the cluster.
    pub fn deadline(self, inside: Duration) -> Duration {
        self.outside(inside).max(inside.min(LEAST))
    }

    /// How much time passes in the cluster while so much does outside.
    pub fn inside(self, outside: Duration) -> Duration {
        outside.mul_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1.0, 5_000, 5_000)]
    #[case(20.0, 300_000, 15_000)]
    #[case(20.0, 60_000, 10_000)]
    #[case(20.0, 5_000, 5_000)]
    #[case(20.0, 1_000, 1_000)]
    fn deadlines_leave_time_to_simulate(#[case] factor: f64, #[case] inside: u64, #[case] expected: u64) {
        let deadline = Pace::times(factor).deadline(Duration::from_millis(inside));
        assert_eq!(deadline, Duration::from_millis(expected));
    }
}
