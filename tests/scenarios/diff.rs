//! Shows in which lines two texts differ.

/// The lines of both texts: `-` only in the first, `+` only in the second; of those in both the ones nearby.
pub(crate) fn diff(before: &str, after: &str) -> String {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let common = lengths(&before, &after);
    let (mut lines, mut i, mut j) = (Vec::new(), 0, 0);
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            lines.push((' ', before[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', before[i]));
            i += 1;
        } else {
            lines.push(('+', after[j]));
            j += 1;
        }
    }
    let near =
        |at: usize| lines[at.saturating_sub(3)..lines.len().min(at + 4)].iter().any(|line| line.0 != ' ');
    let shown = lines.iter().enumerate().filter(|(at, _)| near(*at));
    shown.map(|(_, (mark, line))| format!("  {mark} {line}\n")).collect()
}

/// The lengths of the longest common parts of all ends of both.
fn lengths(before: &[&str], after: &[&str]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; after.len() + 1]; before.len() + 1];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            common[i][j] = if before[i] == after[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    common
}

#[test]
fn only_what_differs_is_marked() {
    assert_eq!(diff("a\nb\nc\n", "a\nx\nc\n"), "    a\n  - b\n  + x\n    c\n");
    assert_eq!(diff("a\n", "a\n"), "");
}
