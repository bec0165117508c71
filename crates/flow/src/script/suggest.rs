//! "Did you mean".

/// The candidate that is spelt most like `word`, if any is close.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    if word.len() > 64 {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between a word and a candidate; a swap of neighbours is one edit.
fn distance(word: &[char], candidate: &str) -> usize {
    let other: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
    let mut rows = vec![vec![0; other.len() + 1]; word.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=word.len() {
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(word[i - 1] != other[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[word.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_found_and_far_ones_are_not() {
        assert_eq!(
            closest("measurment", ["database", "measurement"]),
            Some("measurement")
        );
        assert_eq!(closest("GroupBY", ["groupBy"]), Some("groupBy"));
        assert_eq!(closest("evla", ["eval", "log"]), Some("eval"));
        assert_eq!(closest("nope", ["eval", "where"]), None);
    }
}
