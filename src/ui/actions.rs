//! What keys do: the one table from which the last line, the help of every screen, the palette and
//! `cutover keys` follow.
//!
//! Owns the actions, their keys and their words. Adding a key is adding a row. Refuses to know how an
//! action is carried out. Users change keys in their configuration; `keymap` puts both together.

use super::contexts::{
    ALL, FIELD, FIND, GATE, MAIN, NOWHERE, OVER, PALETTE, PANES, QUIT, READ, RUN, START, TEXT, TYPED, VIEW,
    VIEWS, any,
};
pub use super::contexts::{Context, Contexts};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum Action {
    Open,
    Back,
    Confirm,
    Retry,
    Answer,
    Hold,
    Resume,
    Go,
    NoGo,
    Waive,
    Gate,
    Submit,
    Command,
    Find,
    FindNext,
    FindPrevious,
    ViewCockpit,
    ViewTimeline,
    ViewReplication,
    ViewFreeze,
    ViewValidation,
    ViewPeople,
    ViewJournal,
    ViewEnding,
    Help,
    Quit,
    LeaveHeld,
    Copy,
    Mouse,
    FocusNext,
    FocusPrevious,
    Up,
    Down,
    Left,
    Right,
    Top,
    Bottom,
    PageUp,
    PageDown,
    Repaint,
    Suspend,
    Rollback,
    Skip,
    Abort,
    Note,
    TakeHelm,
    AnswerAll,
    Settle,
    Fail,
    Stop,
    Measure,
    /// Holds a comparison, or lets it go on.
    HoldComparison,
    /// Has a comparison ask more of its servers.
    CompareFaster,
    /// Has it ask less.
    CompareSlower,
    EndSession,
}

type Text = &'static str;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// As configuration and palette call it.
    pub id: &'static str,
    /// What it asks for.
    pub action: Action,
    /// Where it works.
    pub contexts: Contexts,
    /// By which keys, unless the user says otherwise.
    pub keys: &'static [&'static str],
    /// A word for the last line, where it stands there.
    pub label: &'static str,
    /// Where it stands in the last line.
    pub footer: Contexts,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// The palette offers it.
    pub in_palette: bool,
    /// Its keys are the same on every machine, or it has none on purpose.
    pub fixed: bool,
}

const fn row(id: Text, action: Action, contexts: Contexts, keys: &'static [Text], help: Text) -> Binding {
    Binding { id, action, contexts, keys, help, label: "", footer: NOWHERE, in_palette: false, fixed: false }
}

/// A view: at a gate too, and not in the gate's last line.
const fn view(id: Text, action: Action, keys: &'static [Text], help: Text) -> Binding {
    row(id, action, VIEWS, keys, help).label_in("views", PANES).palette()
}

impl Binding {
    /// Stands in the last line wherever it works.
    const fn label(self, label: &'static str) -> Self {
        Self { label, footer: self.contexts, ..self }
    }

    const fn label_in(self, label: &'static str, footer: Contexts) -> Self {
        Self { label, footer, ..self }
    }

    const fn palette(self) -> Self {
        Self { in_palette: true, ..self }
    }

    const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }
}

use Action as A;
use Context as C;

/// In the order of the last line and of the help.
pub const TABLE: &[Binding] = &[
    // At a gate.
    row("gate.go", A::Go, GATE, &["g"], "Opens the field in which GO is said.").label("GO"),
    row("gate.no-go", A::NoGo, GATE, &["n"], "Says NO-GO; asks for a reason. The run is held.")
        .label("NO-GO"),
    row("gate.hold", A::Hold, GATE, &["h"], "Holds: nothing new starts, the T-clock stops.").label("HOLD"),
    row("gate.resume", A::Resume, GATE, &["R"], "Goes on after a hold; the gate stays open.").label("go on"),
    row("gate.waive", A::Waive, GATE, &["w"], "Waives the selected finding at this gate, with a reason.")
        .label("waive"),
    row("gate.answer", A::Answer, GATE, &["a"], "Answers an alarm that is in the way.").label("answer"),
    row("gate.open", A::Open, GATE, &["enter"], "Opens the selected evidence.").label("open"),
    row(
        "gate.back",
        A::Back,
        GATE,
        &["esc"],
        "Folds what was opened, else looks around; the gate stays open.",
    )
    .label("look around"),
    row(
        "gate.say",
        A::Submit,
        FIELD,
        &["enter"],
        "Says GO with what was typed, and only if all of it is right.",
    )
    .label("say GO"),
    // In the run.
    row("open", A::Open, PANES, &["enter"], "Opens what is selected.").label("open"),
    row("confirm", A::Confirm, PANES, &["c"], "Confirms that the selected step is done, or starts it.")
        .label_in("confirm", MAIN)
        .palette(),
    row("retry", A::Retry, PANES, &["r"], "Tries a failed step again.").label_in("retry", MAIN).palette(),
    row("answer", A::Answer, PANES, &["a"], "Answers the alarm: somebody looks after it.").palette(),
    row("hold", A::Hold, READ, &["H"], "Holds: nothing new starts, the T-clock stops; what runs finishes.")
        .label_in("hold", PANES)
        .palette(),
    row("resume", A::Resume, READ, &["R"], "Goes on after a hold.").label_in("go on", PANES).palette(),
    row("gate", A::Gate, READ, &["b"], "Goes back to the gate that is open.")
        .label_in("back to the gate", PANES),
    row("no-go.now", A::NoGo, RUN, &["F8"], "Says NO-GO from anywhere, also out of a field.")
        .label_in("NO-GO", FIELD)
        .fixed(),
    row("hold.now", A::Hold, RUN, &["F9"], "Holds from anywhere, also out of a field.")
        .label_in("HOLD", FIELD)
        .fixed(),
    row("rollback", A::Rollback, READ, &[], "Rolls back: the way back's gate opens first.").palette().fixed(),
    row("skip", A::Skip, READ, &[], "Skips the selected step, with a reason.").palette().fixed(),
    row("abort", A::Abort, READ, &[], "Ends the run before the switch: fences and freezes go, nothing else.")
        .palette()
        .fixed(),
    row("helm", A::TakeHelm, READ, &[], "Takes the helm from whoever drives; the run is held.")
        .palette()
        .fixed(),
    row("answer.all", A::AnswerAll, READ, &[], "Answers every alarm at once.").palette().fixed(),
    row("settle", A::Settle, READ, &[], "Says whether a step happened that nobody knows the end of.")
        .palette()
        .fixed(),
    row("fail", A::Fail, READ, &[], "Says that a manual step could not be done.").palette().fixed(),
    row("stop", A::Stop, READ, &[], "Stops a step that runs.").palette().fixed(),
    row("measure", A::Measure, READ, &[], "Looks at the selected thing now.").palette(),
    row(
        "compare.hold",
        A::HoldComparison,
        READ,
        &[],
        "Holds a comparison that is under way, or lets it go on.",
    )
    .palette(),
    row("compare.faster", A::CompareFaster, READ, &[], "Compares with twice as many connections a side.")
        .palette(),
    row("compare.slower", A::CompareSlower, READ, &[], "Compares with half as many connections a side.")
        .palette(),
    row("session.end", A::EndSession, PANES, &["x"], "Ends the selected session; its name is typed first.")
        .label_in("end the session", VIEW),
    row("follow", A::Back, MAIN, &["esc"], "Goes along with the run again."),
    row("note", A::Note, READ, &[], "Puts a note into the journal.").palette(),
    // Typing.
    row("text.done", A::Submit, TEXT, &["enter"], "Takes what was typed.").label("done"),
    row("palette.run", A::Submit, PALETTE, &["enter"], "Runs the selected command.").label("run"),
    row("palette.up", A::Up, PALETTE, &["up", "ctrl-p"], "To the command above."),
    row("palette.down", A::Down, PALETTE, &["down", "ctrl-n"], "To the command below."),
    row("find.go", A::Submit, FIND, &["enter"], "Goes to the first match.").label("find"),
    row("start.go", A::Submit, START, &["enter"], "Starts the run, if the target's name was typed.")
        .label("start"),
    row("typed.back", A::Back, TYPED, &["esc"], "Goes back and forgets what was typed.").label("back"),
    // Leaving.
    row("quit.leave", A::LeaveHeld, QUIT, &["l"], "Leaves the run held; it can be come back to.")
        .label("leave it held"),
    row("quit.abort", A::Abort, QUIT, &["a"], "Aborts the run; asks for a reason.").label("abort"),
    row("quit.back", A::Back, QUIT, &["esc"], "Stays.").label("stay"),
    // Finding things.
    row(
        "command",
        A::Command,
        any(&[C::Main, C::View, C::Journal, C::Detail, C::Gate]),
        &[":"],
        "Every action by name.",
    )
    .label_in("command", PANES),
    row("find", A::Find, READ, &["/"], "Searches.").label("find"),
    row("find.next", A::FindNext, READ, &["n"], "To the next match."),
    row("find.previous", A::FindPrevious, READ, &["N"], "To the match before."),
    view("view.cockpit", A::ViewCockpit, &["1"], "Shows the cockpit."),
    view("view.timeline", A::ViewTimeline, &["2"], "Shows the timeline."),
    view("view.replication", A::ViewReplication, &["3"], "Shows replication."),
    view("view.freeze", A::ViewFreeze, &["4"], "Shows the freeze."),
    view("view.validation", A::ViewValidation, &["5"], "Shows validation."),
    view("view.people", A::ViewPeople, &["6"], "Shows who answers for what, and how to reach them."),
    view("view.journal", A::ViewJournal, &["7"], "Shows the journal."),
    row("view.ending", A::ViewEnding, PANES, &["0"], "Shows what was measured, once the run is over.")
        .palette(),
    row("back", A::Back, OVER, &["esc", "q"], "Closes this.").label("back"),
    row("view.back", A::Back, any(&[C::View, C::Journal]), &["esc"], "Goes back to the cockpit.")
        .label("back"),
    row(
        "help",
        A::Help,
        any(&[C::Main, C::View, C::Journal, C::Detail, C::Gate, C::Quit, C::Start]),
        &["?"],
        "Shows the keys of this screen.",
    )
    .label("help"),
    row("help.close", A::Back, any(&[C::Help]), &["?"], "Closes the help."),
    row(
        "quit",
        A::Quit,
        any(&[C::Main, C::View, C::Journal, C::Gate]),
        &["q"],
        "Asks what is to become of the run, or leaves one that is over.",
    )
    .label_in("leave", PANES)
    .palette(),
    row("quit.anywhere", A::Quit, ALL, &["ctrl-c"], "The same from anywhere; nothing ends unasked.").fixed(),
    // Moving.
    row("up", A::Up, READ, &["up", "k"], "Up."),
    row("down", A::Down, READ, &["down", "j"], "Down."),
    row("left", A::Left, READ, &["left", "h"], "Left, or folds."),
    row("right", A::Right, READ, &["right", "l"], "Right, or unfolds."),
    row("top", A::Top, READ, &["g", "home"], "To the beginning."),
    row("bottom", A::Bottom, READ, &["G", "end"], "To the end, and along with it."),
    row("gate.up", A::Up, GATE, &["up", "k"], "To the evidence above."),
    row("gate.down", A::Down, GATE, &["down", "j"], "To the evidence below."),
    row("gate.top", A::Top, GATE, &["home"], "To the worst evidence."),
    row("gate.bottom", A::Bottom, GATE, &["end"], "To the last evidence."),
    row("page-up", A::PageUp, READ.and(GATE).and(START), &["pgup"], "A page up."),
    row("page-down", A::PageDown, READ.and(GATE).and(START), &["pgdn"], "A page down."),
    row("focus.next", A::FocusNext, PANES.and(GATE), &["tab"], "To the next pane."),
    row("focus.previous", A::FocusPrevious, PANES.and(GATE), &["shift-tab"], "To the pane before."),
    // The terminal.
    row("copy", A::Copy, READ.and(GATE), &["y"], "Copies a status update, or the detail that is open.")
        .palette(),
    row("mouse", A::Mouse, READ, &["m"], "Switches the mouse on or off; off, the terminal selects text.")
        .palette(),
    row("repaint", A::Repaint, ALL, &["ctrl-l"], "Draws the screen anew."),
    row("suspend", A::Suspend, ALL, &["ctrl-z"], "Back to the shell for a while; `fg` returns."),
];
