//! Somebody who means it: reads the gate, waits, and types what stands on it, at a person's pace.

use cutover::ui::actions::Context;

use crate::dice::Dice;
use crate::room::{Room, ms};

/// A key as a hand presses it: how soon after the one before depends on the hand.
pub fn presses(room: &mut Room, dice: &mut Dice, bytes: &[u8]) {
    let pause = dice.span(60, 350);
    room.pass(pause);
    room.bytes(bytes);
}

/// A text, key by key; the same key takes a finger longer than another one.
pub fn types(room: &mut Room, dice: &mut Dice, text: &str) {
    let mut before = None;
    for c in text.chars() {
        if before == Some(c) {
            room.pass(ms(130));
        }
        presses(room, dice, c.to_string().as_bytes());
        before = Some(c);
    }
}

/// Whether the gate asks somebody who comes now, with nothing missing and nothing else open.
pub fn can_say_go(room: &mut Room) -> bool {
    if room.left {
        return false;
    }
    room.resize((120, 36));
    room.pass(ms(1_250));
    if room.cockpit.context() == Context::GateField {
        room.bytes(b"\x1b");
        room.pass(ms(300));
    }
    room.cockpit.context() == Context::Gate && room.answer().is_some()
}

/// Reads, waits, and says GO.
pub fn says_go(room: &mut Room, dice: &mut Dice) {
    for _ in 0..5 {
        room.pass(ms(500));
        if room.answer().is_some() {
            break;
        }
        // The code comes with the last row of the evidence.
        presses(room, dice, b"\x1b[6~");
    }
    let reading = dice.span(1_500, 6_000);
    room.pass(reading);
    let Some(answer) = room.answer() else { panic!("nothing can be typed:\n{}", room.reads()) };
    presses(room, dice, b"g");
    // The target's word is typed as it is written; how letters of the code are written is nobody's point.
    let code = answer.len() - 4;
    for (at, c) in answer.char_indices() {
        // A slip of the finger, and back.
        if dice.once_in(12) {
            types(room, dice, "q\x7f");
        }
        let c = if at >= code && dice.once_in(20) { c.to_ascii_uppercase() } else { c };
        types(room, dice, &c.to_string());
    }
    presses(room, dice, b"\r");
    room.pass(ms(250));
}
