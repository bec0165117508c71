//! Which points are combined with which.

/// How many ways there are to choose `k` of `n`; `None` when there are not even `k`.
pub(super) fn count(n: usize, k: usize) -> Option<u128> {
    if n < k {
        return None;
    }
    // Exact at every step, because the product of i+1 consecutive numbers is a multiple of (i+1)!.
    let step = |count: u128, i: usize| Some(count.checked_mul((n - i) as u128)? / (i as u128 + 1));
    Some((0..k).try_fold(1, step).unwrap_or(u128::MAX))
}

/// Calls `each` with every choice of `k` of `n` indices, in lexical order.
pub(super) fn each(n: usize, k: usize, mut each: impl FnMut(&[usize])) {
    if n < k {
        return;
    }
    let mut indices: Vec<usize> = (0..k).collect();
    loop {
        each(&indices);
        let Some(at) = (0..k).rev().find(|&at| indices[at] != at + n - k) else {
            return;
        };
        indices[at] += 1;
        for next in at + 1..k {
            indices[next] = indices[next - 1] + 1;
        }
    }
}

/// Assigns the points of a choice to the expressions: each takes the first point that is left and fits. False when an
/// expression finds none.
pub(super) fn assign(
    choice: &[usize],
    fits: impl Fn(usize, usize) -> bool,
    left: &mut Vec<usize>,
    assigned: &mut Vec<usize>,
) -> bool {
    left.clear();
    left.extend_from_slice(choice);
    assigned.clear();
    for expression in 0..choice.len() {
        let Some(at) = left.iter().position(|&point| fits(expression, point)) else {
            return false;
        };
        assigned.push(left.remove(at));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_choices_come_in_order() {
        let mut seen = Vec::new();
        each(4, 2, |choice| seen.push(choice.to_vec()));
        assert_eq!(
            seen,
            [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]].map(Vec::from)
        );
        assert_eq!(count(4, 2), Some(6));
        assert_eq!(count(1, 2), None);
        assert_eq!(count(5000, 60), count(5000, 60));
        assert!(count(1_000_000, 500) > Some(1 << 100));
    }

    #[test]
    fn expressions_take_points_in_turn() {
        let (mut left, mut assigned) = (Vec::new(), Vec::new());
        // The first expression fits all points, the second only point 0: greedy, so it is left with none.
        let greedy = |expression: usize, point: usize| expression == 0 || point == 0;
        assert!(!assign(&[0, 1], greedy, &mut left, &mut assigned));
        let other = |expression: usize, point: usize| (expression == 0) == (point == 1);
        assert!(assign(&[0, 1], other, &mut left, &mut assigned));
        assert_eq!(assigned, [1, 0]);
    }
}
