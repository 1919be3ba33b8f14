//! What a person does at a gate and after it, in whatever plan.

use std::time::Duration;

use super::Terminal;

impl Terminal {
    /// Says GO: what stands on the gate, once it is armed; and again for as long as it was taken for a paste, since a
    /// machine that is very busy reads several keys at once. Where evidence worsened meanwhile, the alarm is answered first.
    pub fn go(&mut self) {
        for _ in 0..10 {
            let answer = self.answer();
            let gate = gate(&self.screen());
            // The gate arms a moment after it was drawn; a person needs longer to read it.
            self.pump(Duration::from_millis(1700));
            self.text("g");
            self.text(&answer);
            self.enter();
            self.pump(Duration::from_millis(500));
            let screen = self.screen();
            let worsened = screen.contains("Not yet: ") && self::gate(&screen) == gate;
            if !worsened && !screen.contains("a paste says nothing here") {
                return;
            }
            self.esc();
            if worsened {
                self.answers_alarms();
            }
        }
    }

    /// Answers every alarm that wants an answer, until everything at the gate holds. Traps are looked for once a minute: one
    /// that was just found is found again until then.
    pub fn answers_alarms(&mut self) {
        for _ in 0..120 {
            self.pump(Duration::from_millis(700));
            let screen = self.screen();
            if screen.contains("All of it holds.") {
                return;
            }
            if screen.contains("not answered") {
                self.text("a");
            }
        }
        panic!("not everything holds:\n{}", self.screen());
    }

    /// Says GO at a gate that is shut, where no code stands: with one that might be it. It says nothing, and the gate says
    /// why.
    pub fn go_is_refused(&mut self, gate: &str, code: &str) {
        self.shows("its code comes when everything holds");
        // A key that decides is dropped when it comes at once after a new sheet.
        for _ in 0..20 {
            self.text("g");
            self.pump(Duration::from_millis(300));
            if self.screen().contains("enter say GO") {
                break;
            }
        }
        // A new sheet voids what was typed for the one before, and says only that.
        for _ in 0..20 {
            self.text(code);
            self.enter();
            self.pump(Duration::from_millis(300));
            if self.screen().contains("nothing can be said yet") {
                break;
            }
        }
        let screen = self.screen();
        assert!(screen.contains(gate) && screen.contains("Not yet: "), "{screen}");
        assert!(!screen.contains("to say GO") && !screen.contains("the engine is asked"), "{screen}");
        assert!(screen.contains("nothing can be said yet"), "it is said why:\n{screen}");
        for _ in 0..20 {
            self.esc();
            self.pump(Duration::from_millis(300));
            if !self.screen().contains("enter say GO") {
                break;
            }
        }
        self.until("the field is left", |screen| (!screen.contains("enter say GO")).then_some(()));
    }

    /// A key that comes before a gate's new sheet could be read is dropped.
    pub fn opens_the_palette(&mut self) {
        for _ in 0..20 {
            self.text(":");
            self.pump(Duration::from_millis(300));
            if self.screen().contains("Command") {
                // On a busy machine the first one came late, and the second stands in the field.
                self.bytes(b"\x15");
                return;
            }
        }
    }

    /// NO-GO, and then the way back.
    pub fn turn_back(&mut self) {
        let t = &mut *self;
        // A key that came before the gate could be read would be dropped.
        t.pump(Duration::from_millis(1500));
        t.text("n");
        t.says_why();
        self.roll_back();
    }

    /// Says why it is turned back, where that is asked; done is said again for as long as it was taken for a part of a paste.
    fn says_why(&mut self) {
        self.shows("enter done");
        self.text("we turn back");
        self.shows("we turn back");
        for _ in 0..10 {
            self.enter();
            self.pump(Duration::from_millis(500));
            if !self.screen().contains("enter done") {
                return;
            }
        }
    }

    /// The way back, from a run that is held.
    pub fn roll_back(&mut self) {
        let t = &mut *self;
        t.text(":");
        t.text("roll");
        t.shows("rollback");
        t.enter();
        t.says_why();
        t.until("the way back's gate asks", |s| s.contains("g then").then_some(()));
        self.go();
    }
}

/// Which gate asks.
fn gate(screen: &str) -> Option<String> {
    let title = screen.lines().find_map(|line| line.split_once("GO / NO-GO   "))?.1;
    Some(title.split('━').next().unwrap_or(title).trim().to_owned())
}
