//! `cutover check`: everything that is wrong with a plan, at once, with the line, a caret and the mend.

use serde_json::json;

use super::exit::{Exit, Failure};
use super::plans::PlanArgs;
use super::print;
use crate::clock::Clock;
use crate::plan::model::Window;
use crate::plan::{Diagnostics, Environment, Level, guide, load};

/// Reads a plan and reports everything that is wrong with it.
///
/// Changes nothing, runs nothing and connects to nothing. Ends with 0 when the plan can be run, with 2 when it
/// cannot.
///
/// `--json` prints `{"plan", "errors", "warnings", "notes", "findings": [{"severity", "code", "message", "at":
/// {"file", "line", "column", "end_line", "end_column"}, "label", "related", "help"}], "not_live": [text],
/// "uncovered": [{"part", "words", "by"}]}`. Keys are added, never renamed.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    plan: PlanArgs,
    /// As strict as a live run: the window must not be over, and every secret must be there.
    #[arg(long)]
    live: bool,
    /// Prints a document for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let (name, found, mut against, uncovered) =
        match load(&args.plan.plan, &args.plan.overrides(), &Environment::of_process()) {
            Ok(loaded) => {
                let against = if args.live { not_live(&loaded) } else { Vec::new() };
                let uncovered = guide::uncovered(&loaded.plan);
                (Some(loaded.plan.name), loaded.notes, against, uncovered)
            }
            Err(wrong) => (None, wrong, Vec::new(), Vec::new()),
        };
    let errors = found.count(Level::Error) + against.len();
    if args.json {
        print::json(&document(name.as_deref(), &found, &against, &uncovered))?;
    } else {
        against.insert(0, found.render(print::style()).trim_end().to_owned());
        print::raw(&against.join("\nnot live: "))?;
        if !uncovered.is_empty() {
            print::out("\nof the guide's recommendations, this plan leaves uncovered:")?;
            let rows: Vec<Vec<String>> = uncovered
                .iter()
                .map(|r| vec![format!("  {}", r.part), r.words.to_owned(), r.by.to_owned()])
                .collect();
            print::raw(&print::columns(&rows))?;
        }
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Usage })
}

fn document(
    plan: Option<&str>,
    found: &Diagnostics,
    against: &[String],
    uncovered: &[&guide::Recommendation],
) -> serde_json::Value {
    json!({
        "plan": plan,
        "errors": found.count(Level::Error) + against.len(),
        "warnings": found.count(Level::Warning),
        "notes": found.count(Level::Note),
        "findings": found.to_json(),
        "not_live": against,
        "uncovered": uncovered.iter().map(|r| json!({ "part": r.part, "words": r.words, "by": r.by })).collect::<Vec<_>>(),
    })
}

/// What a live run of this plan would be refused for now.
pub(super) fn not_live(loaded: &crate::plan::Loaded) -> Vec<String> {
    let mut against: Vec<String> = loaded.missing.iter().map(ToString::to_string).collect();
    if let Window::Fixed { closes, .. } = loaded.plan.window
        && closes <= Clock::system().now().wall
    {
        against.push(format!(
            "its window closed at {}: agree on another one with those it concerns and write that down",
            closes.rfc3339()
        ));
    }
    against
}
