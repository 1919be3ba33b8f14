//! `cutover schema`: what editors need to complete and check a plan.

use super::exit::{Exit, Failure};
use super::print;
use crate::plan::schema;

/// Prints the JSON Schema of a plan.
///
/// A plan whose first lines hold `#:schema ./plan.schema.json` is completed and checked by editors that know TOML.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn main() -> Result<Exit, Failure> {
    print::raw(schema::text().trim_end())?;
    Ok(Exit::Done)
}
