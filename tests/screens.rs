//! The screens, as text and as looks, at every size and in every light.

mod night;

use night::Night;

#[test]
fn the_night_begins() {
    let night = night::quiet(Night::live());
    for r in &night.journal { for e in &r.events { println!("{} {} {}", r.seq, r.at.clock_time(3600), format!("{e:?}").chars().take(200).collect::<String>()); } }
}
