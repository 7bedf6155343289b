//! Which known word a mistyped one was meant to be.

/// The known words that differ least from `word`, best first: at most `edits_max` letters added, dropped or changed. Words of one
/// distance keep their order.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>, edits_max: usize) -> Vec<&'w str> {
    let mut near: Vec<(usize, &str)> =
        known.into_iter().map(|k| (distance(word, k), k)).filter(|(d, _)| *d <= edits_max).collect();
    near.sort_by_key(|(d, _)| *d);
    near.into_iter().map(|(_, k)| k).collect()
}

/// Levenshtein distance; of a long first word only 64 letters are looked at.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_different_word_comes_first() {
        let known = ["lists", "listen", "log", "key"];
        assert_eq!(nearest("listenn", known, 3), ["listen", "lists"]);
        assert_eq!(nearest("calendar", known, 3), [""; 0]);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
