//! Quantile type 7 of Hyndman and Fan (1996): `h = (n − 1)·p`, linear between neighbours. What R, NumPy and the reference use.

/// Quantile of values in ascending order; `None` of nothing, or for `p` outside 0–1.
pub fn type7(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    if !(0.0..=1.0).contains(&p) {
        return None;
    }
    let h = last as f64 * p;
    let below = libm::floor(h);
    let low = *sorted.get(below as usize)?;
    let high = *sorted.get((below as usize + 1).min(last))?;
    Some(low + (h - below) * (high - low))
}

/// Quantiles of values in any order; the order of not-a-numbers is fixed too ([`f64::total_cmp`]).
pub fn of(mut values: Vec<f64>, ps: &[f64]) -> Option<Vec<f64>> {
    values.sort_by(f64::total_cmp);
    ps.iter().map(|p| type7(&values, *p)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_7_interpolates_between_neighbours() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(type7(&sorted, 0.0), Some(1.0));
        assert_eq!(type7(&sorted, 0.5), Some(3.0));
        assert_eq!(type7(&sorted, 0.25), Some(1.75));
        assert_eq!(type7(&sorted, 1.0), Some(8.0));
        assert_eq!(type7(&sorted, 1.1), None);
        assert_eq!(type7(&[], 0.5), None);
        assert_eq!(of(vec![8.0, 1.0, 4.0, 2.0], &[0.5, 1.0]), Some(vec![3.0, 8.0]));
    }
}
