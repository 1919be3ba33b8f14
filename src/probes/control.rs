//! A freeze control that must really refuse: its verify command exits 0 when it does.

use super::command::{run, typed};
use super::look::{Look, fail, pass};
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::CommandLine;

/// Runs the verify command.
pub(super) async fn look(look: &mut Look<'_>, verify: &CommandLine) -> Result<Measure, Unmeasured> {
    look.ask(typed(&verify.argv));
    let ran = run(look, verify).await?;
    Ok(if ran.code == 0 { pass("refuses") } else { fail(format!("does not refuse, {}", ran.said())) })
}
