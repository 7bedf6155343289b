//! How likely something is by chance alone, exactly: quotients of whole numbers of any length.
//!
//! Constraints: no floating point. A probability is compared with a bound by multiplying, and printed as the power of ten it
//! lies below. Fisher's exact test (R. A. Fisher, *Statistical Methods for Research Workers*, 1934; sourced: unverified) is one-sided: are bad cases
//! over-represented?

use crate::exact::big::Big;

/// A probability (or a bound of one), as a quotient that is not reduced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chance {
    num: Big,
    den: Big,
}

impl Chance {
    /// Whether it is at most one in `n`.
    pub(super) fn is_at_most_one_in(&self, n: u128) -> bool {
        self.num.times(&Big::from(n)) <= self.den
    }

    /// `< 10^-k` with the greatest `k` up to 30; `≥ 0.1` when there is none.
    pub(super) fn digits(&self) -> String {
        let below = (1..=30).take_while(|k| self.is_at_most_one_in(10_u128.pow(*k))).last();
        below.map_or_else(|| "≥ 0.1".to_owned(), |k| format!("≤ 10^-{k}"))
    }
}

/// Product of whole numbers.
fn product(factors: impl IntoIterator<Item = u64>) -> Big {
    factors.into_iter().fold(Big::from(1), |all, f| all.times(&Big::from(u128::from(f))))
}

/// n (n−1) … (n−k+1).
fn falling(n: u64, k: u64) -> Big {
    product((0..k).map(|i| n.saturating_sub(i)))
}

/// A binomial coefficient as numerator and denominator.
fn choose(n: u64, k: u64) -> (Big, Big) {
    (falling(n, k), product(1..=k))
}

/// The chance that of `cases` drawn from `all` without looking, `bad` of which are bad, at least `hit` are bad (upper tail of
/// the hypergeometric distribution): Fisher's exact test, one-sided. `None` when the numbers contradict each other.
pub(super) fn fisher(all: u64, bad: u64, cases: u64, hit: u64) -> Option<Chance> {
    let most = bad.min(cases);
    if bad > all || cases > all || hit > most || all - bad < cases - hit {
        return None;
    }
    // P = Σ_{k ≥ hit} T_k with T_{k+1} = T_k · (bad−k)(cases−k) / ((k+1)(all−bad−cases+k+1)); by Horner from the far end.
    let (mut num, mut den) = (Big::from(1), Big::from(1));
    for k in (hit..most).rev() {
        let up = product([bad - k, cases - k]);
        let down = product([k + 1, (all - bad + k + 1).checked_sub(cases)?]);
        // 1 + up/down · num/den
        let both = down.times(&den);
        num = both.plus(&up.times(&num));
        den = both;
    }
    let ((a, a_den), (b, b_den), (c, c_den)) = (choose(bad, hit), choose(all - bad, cases - hit), choose(all, cases));
    Some(Chance { num: num.times(&a).times(&b).times(&c_den), den: den.times(&a_den).times(&b_den).times(&c) })
}

/// A bound of the chance that any of `slots` equally likely places is hit on at least `days` of `all_days` days, when there are
/// `hits` hits in all: slots · C(all_days, days) · (hits / (all_days · slots))^days.
pub(super) fn same_place(slots: u64, all_days: u64, days: u64, hits: u64) -> Chance {
    let (up, down) = choose(all_days, days);
    let power = |base: u64| product((0..days).map(|_| base));
    let num = up.times(&power(hits)).times(&Big::from(u128::from(slots)));
    Chance { num, den: down.times(&power(all_days.saturating_mul(slots))) }
}

/// Pearson's χ² of ten counts against equal shares, as numerator and denominator: (10 Σ o² − n²) / n.
pub(super) fn chi_squared(counts: &[u64; 10]) -> (u128, u128) {
    let n: u128 = counts.iter().map(|c| u128::from(*c)).sum();
    let squares: u128 = counts.iter().map(|c| u128::from(*c) * u128::from(*c)).sum();
    ((10 * squares).saturating_sub(n * n), n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(chance: &Chance, value: f64) -> bool {
        // Between one in n and one in n − 1 for the printed value, to three digits.
        let n = 1.0 / value;
        chance.is_at_most_one_in((n * 0.999) as u128) && !chance.is_at_most_one_in((n * 1.001) as u128 + 1)
    }

    #[test]
    fn fishers_test_gives_published_values() {
        // scipy.stats.fisher_exact(…, alternative="greater")
        assert!(close(&fisher(24, 12, 12, 10).unwrap(), 0.001_664_474_978_5));
        assert!(close(&fisher(168, 30, 6, 5).unwrap(), 0.000_710_091_296_6));
        assert!(
            close(&fisher(1000, 100, 40, 20).unwrap(), 4.259_437_9e-11),
            "{:?}",
            fisher(1000, 100, 40, 20).unwrap().digits()
        );
        assert!(fisher(24, 12, 12, 0).unwrap().is_at_most_one_in(1), "certain");
        assert!(!fisher(24, 12, 12, 0).unwrap().is_at_most_one_in(2));
        assert_eq!(fisher(10, 11, 1, 1), None);
        assert_eq!(fisher(10, 9, 5, 1), None, "only one good one: four of five must be bad");
        assert_eq!(fisher(1000, 100, 40, 20).unwrap().digits(), "≤ 10^-10");
    }

    #[test]
    fn chi_squared_is_exact() {
        assert_eq!(chi_squared(&[10; 10]), (0, 100));
        // scipy.stats.chisquare gives 30.0
        assert_eq!(chi_squared(&[20, 5, 5, 10, 10, 20, 5, 5, 10, 10]), (3000, 100));
    }

    #[test]
    fn the_same_place_every_day_is_unlikely() {
        // 1440 · C(7,7) · (70 / (7·1440))^7 = 1.68e-12
        let chance = same_place(1440, 7, 7, 70);
        assert!(close(&chance, 1440.0 * (1.0 / 144.0_f64).powi(7)));
    }
}
