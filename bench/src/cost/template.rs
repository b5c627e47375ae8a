//! What `template.yaml` says of the functions, as far as it has a price.

use anyhow::{Context, Result};

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Memory of the function with this id in the template, in MB.
///
/// # Errors
/// When the template has no such function, or states none.
pub(super) fn memory_mb(id: &str) -> Result<f64> {
    let missing = || format!("template.yaml states no MemorySize of {id}");
    let (_, behind) = TEMPLATE.split_once(&format!("\n  {id}:\n")).with_context(missing)?;
    let function = behind.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let memory = function.filter_map(|line| line.strip_prefix("      MemorySize: ")).next();
    let digits = memory.and_then(|text| text.split_whitespace().next()).with_context(missing)?;
    Ok(digits.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_of_the_functions_that_are_there() {
        for id in ["Intake", "Deliver", "SftpPull"] {
            assert!((128.0..=10_240.0).contains(&memory_mb(id).unwrap()), "{id}");
        }
        assert!(memory_mb("IntakeRole").is_err());
        assert!(memory_mb("Nothing").is_err());
    }
}
