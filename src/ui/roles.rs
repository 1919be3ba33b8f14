//! What can be told apart by looks: the roles that a theme fills.
//!
//! Owns the table. A role is a meaning (*caution*, *a step that runs*), never a widget, so that the
//! same thing looks the same on every screen. Refuses to know colours: `themes/*.toml` do.

/// Writes the table once, and has the enum and the names follow from it.
macro_rules! roles {
    ($($role:ident $name:literal $what:literal,)+) => {
        /// A meaning that has a look.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Role {
            $(#[doc = $what] $role,)+
        }

        impl Role {
            /// Every role, in the order of the table.
            pub const ALL: &[Role] = &[$(Role::$role,)+];

            /// As themes call it.
            pub const fn name(self) -> &'static str {
                match self { $(Role::$role => $name,)+ }
            }

            /// What it is for.
            pub const fn what(self) -> &'static str {
                match self { $(Role::$role => $what,)+ }
            }
        }
    };
}

roles! {
    Normal            "text.normal"        "What is as it should be.",
    Dim               "text.dim"           "Ages, notes, what is over: there when looked for.",
    Bright            "text.bright"        "What is going on now, and the clocks.",
    Figure            "text.figure"        "A number with its unit, among words.",
    Title             "text.title"         "The name of a pane.",
    Old               "text.old"           "A value that nobody vouches for any more.",
    Advisory          "level.advisory"     "Worth knowing, nothing to do.",
    Caution           "level.caution"      "Look here soon.",
    Warning           "level.warning"      "Act now.",
    Lost              "level.lost"         "Nobody vouches for what is shown.",
    Proved            "proved"             "Has just been proved.",
    Go                "go"                 "Somebody said GO.",
    StepDone          "step.done"          "A step that is done.",
    StepRunning       "step.running"       "A step that runs.",
    StepToCome        "step.to-come"       "A step that has not begun.",
    StepGate          "step.gate"          "A gate among the steps.",
    Gauge             "gauge"              "The trend of a value that is as it should be.",
    ModeLive          "mode.live"          "The word LIVE.",
    ModeRehearsal     "mode.rehearsal"     "The word REHEARSAL, and the frame of its gates.",
    ModeWatch         "mode.watch"         "The word WATCH.",
    ModeReplay        "mode.replay"        "The word REPLAY.",
    BandLive          "band.live"          "The first line of a live run.",
    BandRehearsal     "band.rehearsal"     "The first line of a rehearsal.",
    BandWatch         "band.watch"         "The first line of a run that is watched.",
    BandReplay        "band.replay"        "The first line of a run that is replayed.",
    HairlineLive      "hairline.live"      "The line from a title to its note, live.",
    HairlineRehearsal "hairline.rehearsal" "The same in a rehearsal.",
    HairlineWatch     "hairline.watch"     "The same when watching.",
    HairlineReplay    "hairline.replay"    "The same in a replay.",
    GateFrame         "gate.frame"         "The frame of a live gate.",
    GateTitle         "gate.title"         "The title in that frame.",
    GateCode          "gate.code"          "The code that is to be typed.",
    Selection         "selection"          "The row that is selected.",
    Focus             "focus"              "The mark of the pane that has the keys, live.",
    Field             "field"              "Text that is being typed.",
    Match             "match"              "What was searched for.",
    KeyName           "key.name"           "A key in the last line.",
    KeyLabel          "key.label"          "What it does.",
    Beat              "beat"               "The dot that beats, live.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_roles_share_a_name() {
        let mut names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Role::ALL.len());
    }
}
