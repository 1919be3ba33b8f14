//! How a count is written: in groups of three, with its noun in the right number.
//!
//! Below every layer, so that a message of the engine, of a probe and of a screen never write the same count
//! differently. Refuses to know what is counted.

/// A count in groups of three: `7`, `1 842`, `12 000 000`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its word: `1 step`, `2 steps`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// How many of how many, and their word: `0 of 1 step`, `2 of 10 steps`.
pub fn of_counted(some: usize, all: usize, one: &str, many: &str) -> String {
    format!("{} of {}", count(some as u64), counted(all as u64, one, many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(7), "7");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_842), "1 842");
        assert_eq!(count(12_000_000), "12 000 000");
    }

    #[test]
    fn one_is_never_many() {
        assert_eq!(counted(1, "step", "steps"), "1 step");
        assert_eq!(counted(0, "step", "steps"), "0 steps");
        assert_eq!(counted(1_204, "row", "rows"), "1 204 rows");
        assert_eq!(of_counted(1, 10, "step", "steps"), "1 of 10 steps");
        assert_eq!(of_counted(0, 1, "step", "steps"), "0 of 1 step");
    }
}
