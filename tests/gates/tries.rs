//! What nobody meant, in every form that we know. Each has the right entry at hand, as no stray key ever has,
//! and must come to nothing in spite of it.

use std::time::Duration;

use cutover::ui::input::Event;
use cutover::ui::reader::Reader;

use crate::dice::Dice;
use crate::person::{presses, types};
use crate::room::{Room, Sees, ms};

/// So soon after a frame nobody has read it.
const UNREAD: u64 = 250;
/// A code counts only so long after it was given out.
const ARMS: u64 = 1_500;

/// What has to be typed, once it can be read.
fn answer(room: &mut Room) -> String {
    room.wait_for("what to type", |room| room.answer().is_some());
    room.answer().unwrap()
}

/// The gate is drawn anew, with another code: whoever sat there was away. Gives back what it wants now; no time
/// has passed since its frame.
fn drawn_anew(room: &mut Room) -> String {
    room.happens(&[Event::Resumed]);
    room.answer().unwrap_or_else(|| panic!("the gate has no code:\n{}", room.reads()))
}

// --- keys from before the gate was drawn -----------------------------------------------------------------------

pub fn early(room: &mut Room, dice: &mut Dice) {
    let old = answer(room);
    let spent = dice.span(0, 4_000);
    room.pass(spent);
    match dice.below(7) {
        0 => queued(room, dice, &old),
        1 => travelling(room, dice),
        2 => read_before(room, dice),
        3 => faster_than_eyes(room, dice),
        4 => away_while_typing(room, dice, &old),
        5 => too_early(room, dice),
        _ => across_the_opening(room, dice, &old),
    }
    room.pass(ms(1_800));
    for _ in 0..dice.below(3) {
        // Whoever waits for something to happen presses this.
        presses(room, dice, b"\r");
    }
}

/// They wait in the kernel when the gate is drawn, to be had in one read.
fn queued(room: &mut Room, dice: &mut Dice, old: &str) {
    let enter = if dice.once_in(2) { "\r" } else { "" };
    room.write(format!("g{old}{enter}").as_bytes());
    drawn_anew(room);
    if dice.once_in(2) {
        room.pass(ms(2_000));
    }
    room.read();
}

/// They were on a slow link when it was drawn, and come together just after, as if they knew its code.
fn travelling(room: &mut Room, dice: &mut Dice) {
    let new = drawn_anew(room);
    let late = dice.span(0, 400);
    room.pass(late);
    room.bytes(format!("g{new}\r").as_bytes());
}

/// They were read before it was drawn, at a hand's pace, and acted on long after.
fn read_before(room: &mut Room, dice: &mut Dice) {
    let new = drawn_anew(room);
    let drawn = room.instant();
    let mut reader = Reader::default();
    let keys = format!("g{new}\r");
    let span = ms(UNREAD - 1) / u32::try_from(keys.len()).unwrap();
    let before = dice.span(0, 3_000);
    let mut at = drawn.checked_sub(before).unwrap();
    let pace = if before.is_zero() { span } else { dice.span(20, 200) };
    let mut events = Vec::new();
    for key in keys.bytes() {
        events.extend(reader.feed(&[key], at.min(drawn + ms(UNREAD - 1))));
        at += pace;
    }
    room.pass(ms(ARMS) + ms(500));
    if dice.once_in(2) {
        room.happens(&events);
    } else {
        for event in &events {
            room.happens(std::slice::from_ref(event));
            room.pass(ms(90));
        }
    }
}

/// The first of them come before anybody can have read it, the others at a hand's pace.
fn faster_than_eyes(room: &mut Room, dice: &mut Dice) {
    let new = drawn_anew(room);
    let late = dice.span(0, 240);
    room.pass(late);
    room.bytes(b"g");
    types(room, dice, &new);
    presses(room, dice, b"\r");
}

/// They go on after somebody was away, or looked elsewhere, in the middle of them.
fn away_while_typing(room: &mut Room, dice: &mut Dice, old: &str) {
    let keys = format!("g{old}");
    let (first, rest) = keys.split_at(dice.from(1, keys.len()));
    room.pass(ms(ARMS));
    types(room, dice, first);
    match dice.below(3) {
        0 => room.bytes(b"\x1b[O\x1b[I"),
        1 => room.happens(&[Event::Resumed]),
        _ => {
            room.bytes(b"\x1b");
            room.pass(ms(100));
            room.bytes(b"\x1b");
            room.pass(ms(100));
            room.bytes(b"b");
        }
    }
    types(room, dice, rest);
    presses(room, dice, b"\r");
}

/// Everything is right, and the gate has not armed yet: past the cockpit, or in it.
fn too_early(room: &mut Room, dice: &mut Dice) {
    let new = drawn_anew(room);
    if dice.once_in(3) {
        let early = dice.span(0, 1_499);
        room.pass(early);
        let code = room.code.clone().unwrap();
        room.ask_go(&code);
        return;
    }
    room.pass(ms(UNREAD));
    let pace = dice.span(15, 70);
    let mut left = ms(ARMS - UNREAD - 1);
    for key in format!("g{new}\r").bytes() {
        room.pass(pace.min(left));
        left = left.saturating_sub(pace);
        room.bytes(&[key]);
    }
    room.pass(left);
    room.bytes(b"\r");
    // What was typed stays for who waits; nobody does here.
    room.pass(ms(50));
    room.bytes(b"\x1b");
}

/// They are typed while the gate closes and another asking of it opens.
fn across_the_opening(room: &mut Room, dice: &mut Dice, old: &str) {
    let keys = format!("g{old}\r");
    let opens = dice.below(keys.len());
    room.pass(ms(ARMS));
    for (at, key) in keys.bytes().enumerate() {
        if at == opens {
            room.restart();
            room.connect(false);
            if dice.once_in(2) {
                room.ask(cutover::engine::input::Intent::Release);
            }
        }
        presses(room, dice, &[key]);
    }
}

// --- a key that is held down -----------------------------------------------------------------------------------

/// Holds a key: once, then again and again. `told`: the terminal says which is which.
fn holds(room: &mut Room, dice: &mut Dice, key: u8, at_least: usize, told: bool) {
    let (first, every) = (dice.span(180, 600), dice.span(12, 60));
    for again in 0..dice.from(at_least, 40) {
        if told {
            let event = if again == 0 { 1 } else { 2 };
            room.bytes(format!("\x1b[{key};1:{event}u").as_bytes());
        } else {
            room.bytes(&[key]);
        }
        room.pass(if again == 0 { first } else { every });
    }
}

pub fn held(room: &mut Room, dice: &mut Dice) {
    let answer = answer(room);
    // Some start before the gate can be read or has armed.
    let spent = dice.span(0, 3_000);
    room.pass(spent);
    let told = dice.once_in(2);
    match dice.below(4) {
        // `g`, and then enter, as a hand that rests on the keyboard.
        0 => {
            holds(room, dice, b'g', 1, told);
            holds(room, dice, b'\r', 1, told);
        }
        // Each letter of the right answer.
        1 => {
            presses(room, dice, b"g");
            for key in answer.bytes() {
                holds(room, dice, key, 2, told);
            }
            holds(room, dice, b'\r', 1, told);
        }
        // One letter of it; all the others as they should be.
        2 => {
            room.pass(ms(ARMS));
            presses(room, dice, b"g");
            // Spaces more or less say nothing.
            let letters: Vec<usize> =
                answer.char_indices().filter(|(_, c)| *c != ' ').map(|(at, _)| at).collect();
            let at = dice.pick(&letters);
            types(room, dice, &answer[..at]);
            holds(room, dice, answer.as_bytes()[at], 2, told);
            types(room, dice, &answer[at + 1..]);
            presses(room, dice, b"\r");
        }
        // Enter alone, at the gate and in its field.
        _ => {
            holds(room, dice, b'\r', 1, told);
            presses(room, dice, b"g");
            holds(room, dice, b'\r', 1, told);
        }
    }
}

// --- pastes ------------------------------------------------------------------------------------------------------

pub fn pasted(room: &mut Room, dice: &mut Dice) {
    let answer = answer(room);
    room.pass(ms(ARMS));
    let end = dice.pick(&["\r", "\n", "\r\n", ""]);
    let in_field = dice.once_in(2);
    if in_field {
        presses(room, dice, b"g");
    }
    room.pass(ms(100));
    let whole = if in_field { format!("{answer}{end}") } else { format!("g{answer}{end}") };
    match dice.below(8) {
        // Marked as one by the terminal.
        0 => room.bytes(format!("\x1b[200~{whole}\x1b[201~").as_bytes()),
        // … and its end comes late, or never: what follows are keys again.
        1 => {
            let (first, rest) = whole.split_at(dice.below(answer.len()));
            room.bytes(format!("\x1b[200~{first}").as_bytes());
            let stalls = dice.span(900, 1_500);
            room.pass(stalls);
            room.bytes(format!("{rest}\x1b[201~").as_bytes());
        }
        // … with an end of its own in it.
        2 => room.bytes(format!("\x1b[200~x\x1b[201~{whole}\x1b[201~").as_bytes()),
        // Unmarked, in one read.
        3 => room.bytes(whole.as_bytes()),
        // Unmarked, byte after byte, faster than anybody types.
        4 => {
            for byte in whole.bytes() {
                room.bytes(&[byte]);
                let gap = dice.span(0, 7);
                room.pass(gap);
            }
        }
        // In the keyboard protocol's form.
        5 => {
            let keys: Vec<String> = whole.bytes().map(|key| format!("\x1b[{key}u")).collect();
            room.bytes(keys.concat().as_bytes());
        }
        // A part of it, the rest by hand.
        6 => {
            presses(room, dice, if in_field { b"" } else { b"g" });
            let (first, rest) = answer.split_at(dice.from(1, answer.len()));
            room.pass(ms(100));
            room.bytes(format!("\x1b[200~{first}\x1b[201~").as_bytes());
            types(room, dice, rest);
        }
        // All of it by hand, and only the end of the line pasted.
        _ => {
            presses(room, dice, if in_field { b"" } else { b"g" });
            types(room, dice, &answer);
            room.bytes(b"\x1b[200~\r\x1b[201~");
        }
    }
    let spent = dice.span(50, 2_000);
    room.pass(spent);
    for _ in 0..dice.below(3) {
        presses(room, dice, b"\r");
    }
}

// --- random keys ----------------------------------------------------------------------------------------------

const SEQUENCES: [&[u8]; 22] = [
    b"\x1b",
    b"\x1b[A",
    b"\x1b[B",
    b"\x1b[C",
    b"\x1b[D",
    b"\x1bOP",
    b"\x1b[19~",
    b"\x1b[20~",
    b"\x1b[5~",
    b"\x1b[6~",
    b"\x1b[Z",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b[0n",
    b"\x1b[<0;30;12M",
    b"\x1b[<64;30;12M",
    b"\x1b[<65;30;12M",
    b"\x1b]11;rgb:0/0/0\x07",
    b"\x1b[13u",
    b"\x1b[1;5C",
    b"\x1b[",
    b"\x7f",
];

pub fn random(room: &mut Room, dice: &mut Dice) {
    // One letter of whatever code stands there is never typed: chance alone must not say GO, here or ever.
    let never = dice.below(4);
    for _ in 0..dice.from(20, 120) {
        if room.left {
            return;
        }
        let code = room.code.clone().unwrap_or_else(|| "abcd".into());
        let forbidden = code.as_bytes()[never];
        let letters: Vec<u8> = code.bytes().filter(|letter| *letter != forbidden).collect();
        let key: Vec<u8> = match dice.below(20) {
            0..7 => vec![dice.pick(&letters)],
            7..10 => b"\r".to_vec(),
            10..13 => b"g".to_vec(),
            13 => b"cloud ".to_vec(),
            14 => vec![dice.pick(b" \t123nhwab:/?q")],
            15..18 => dice.pick(&SEQUENCES).to_vec(),
            18 => {
                let size = dice.pick(&[(60, 16), (80, 24), (120, 36), (200, 50), (40, 10)]);
                room.resize(size);
                continue;
            }
            _ => vec![u8::try_from(dice.below(256)).unwrap()],
        };
        let pause = if dice.once_in(6) { dice.span(0, 10) } else { dice.span(20, 700) };
        room.pass(pause);
        let types_it = key.iter().any(|byte| byte.eq_ignore_ascii_case(&forbidden));
        if key.starts_with(b"\x1b") || !types_it {
            room.bytes(&key);
        }
    }
}

// --- evidence that worsens while somebody types ---------------------------------------------------------------------

pub fn worsening(room: &mut Room, dice: &mut Dice) {
    let old = answer(room);
    let code = room.code.clone();
    let reading = dice.span(1_500, 3_000);
    room.pass(reading);
    let keys = format!("g{old}");
    // Anywhere from before the field is opened to right before the last enter.
    let at = dice.below(keys.len() + 1);
    types(room, dice, &keys[..at]);
    // Now and then the news has not reached the screen when enter is pressed.
    room.blind = dice.once_in(2);
    worsens(room, dice);
    types(room, dice, &keys[at..]);
    presses(room, dice, b"\r");
    room.blind = false;
    if dice.once_in(2) {
        return;
    }
    // It gets well again: what was typed on the sheet before stays void, and so does its code.
    for probe in ["backup", "door", "orders", "fence:source", "rows"] {
        room.sees(probe, Sees::Good);
    }
    room.pass(Duration::from_secs(2));
    if room.code == code {
        return;
    }
    presses(room, dice, b"g");
    types(room, dice, &old);
    presses(room, dice, b"\r");
}

/// Something of what the gate rests on is not so any more.
fn worsens(room: &mut Room, dice: &mut Dice) {
    let at_switch = room.state().open_gate().is_some_and(|(id, _)| id.as_str() == "go");
    match dice.below(if at_switch { 9 } else { 6 }) {
        // A probe says no, or does not know; the engine has thought about it, or not.
        which @ 0..3 => {
            let probe = dice.pick(&["backup", "door"]);
            room.sees(probe, if which == 0 { Sees::Unknown } else { Sees::Bad });
            if dice.once_in(2) {
                room.looks(probe);
            } else {
                room.pass(ms(1_250));
            }
            if which == 2 {
                // … and gets well again before anybody has looked.
                room.pass(ms(250));
                room.sees(probe, Sees::Good);
                room.pass(ms(1_250));
            }
        }
        // A probe looks no more.
        3 => {
            room.sees("door", Sees::Nothing);
            room.pass(Duration::from_secs(6));
        }
        // The engine is another one.
        4 => {
            room.restart();
            let gone = dice.span(0, 2_000);
            room.pass(gone);
            room.connect(false);
            if dice.once_in(2) {
                room.ask(cutover::engine::input::Intent::Release);
            }
        }
        // Somebody else has the keys.
        5 => room.lose_helm(),
        // Somebody writes behind the fence.
        6 => {
            room.sees("fence:source", Sees::Bad);
            room.pass(ms(1_250));
        }
        // A step that was ticked unticks itself.
        7 => {
            room.sees("orders", Sees::Bad);
            room.pass(ms(3_500));
        }
        // Somebody has the tables compared again, and they differ.
        _ => {
            room.sees("rows", Sees::Bad);
            room.ask(cutover::engine::input::Intent::Measure { probe: "rows".into() });
            room.pass(ms(500));
        }
    }
}
