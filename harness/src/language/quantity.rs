//! Amounts of cores and bytes, as Kubernetes writes them.

use std::{str::FromStr, sync::LazyLock};

use super::formats::Cel;
use crate::expectation::evaluate;

/// `500m`, `2`, `1Gi`.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    text: String,
    value: f64,
}

impl Quantity {
    /// In cores, bytes or pieces.
    pub fn value(&self) -> f64 {
        self.value
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Kubernetes' own reading of them is part of its CEL.
static READ: LazyLock<Cel> =
    LazyLock::new(|| "quantity(text).asApproximateFloat()".parse().expect("it is an expression"));

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = evaluate(&READ, &[("text", &text.into())]).ok().and_then(|value| value.as_f64());
        let value = value.filter(|value| *value >= 0.0);
        let value = value.ok_or_else(|| format!("`{text}` is not a quantity; write it like 500m, 2 or 1Gi"))?;
        Ok(Self { text: text.to_owned(), value })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2", 2.0)]
    #[case("250m", 0.25)]
    #[case("1Gi", 1_073_741_824.0)]
    #[case("1500k", 1_500_000.0)]
    fn quantities_are_read(#[case] text: &str, #[case] value: f64) {
        let read: Quantity = text.parse().unwrap();
        assert!((read.value() - value).abs() < 1e-6, "{read:?}");
    }

    #[rstest]
    #[case("")]
    #[case("1Zi")]
    #[case("-1")]
    #[case("much")]
    fn what_is_no_quantity_is_refused(#[case] text: &str) {
        text.parse::<Quantity>().unwrap_err();
    }
}
