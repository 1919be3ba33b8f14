//! The nearest name: what somebody most likely meant.

/// The candidate nearest to a name, if one is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|c| !c.is_empty() && *c != name)
        .map(|c| (distance(name, c, limit), c))
        .filter(|&(d, _)| d <= limit)
        .min()
        .map(|(_, c)| c)
}

/// `did you mean `x`?`, or what there is to choose from.
pub(super) fn suggest<'a>(
    name: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(name, candidates.clone()) {
        return format!("did you mean `{near}`?");
    }
    match listed(candidates.into_iter().collect(), 12) {
        None => format!("there is no {what} in this plan: take it out"),
        Some(all) => format!("there is: {all}; or take it out"),
    }
}

/// Names to choose from, at most so many of them, if there are any.
pub(super) fn listed(mut all: Vec<&str>, most: usize) -> Option<String> {
    all.sort_unstable();
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    match (all.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(all.join(", ")),
        (false, more) => Some(format!("{}, and {more} more", all.join(", "))),
    }
}

/// Edits from one to the other (insert, delete, replace, swap of neighbours); past `limit` only that it is past.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).take(64).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).take(64).collect();
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(&row, j) + usize::from(ca != cb)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let keys = ["window", "name", "source", "target"];
        assert_eq!(nearest("widnow", keys), Some("window"));
        assert_eq!(nearest("Target", keys), Some("target"));
        assert_eq!(nearest("sorce", keys), Some("source"));
        assert_eq!(nearest("bridge", keys), None);
        assert_eq!(nearest("", keys), None);
    }

    #[test]
    fn without_a_near_name_there_is_a_choice() {
        assert_eq!(suggest("zzz", "step", ["b", "a"]), "there is: a, b; or take it out");
        assert_eq!(suggest("zzz", "step", []), "there is no step in this plan: take it out");
    }
}
