use super::*;

#[test]
fn a_ratio_is_rounded_half_away_from_zero_in_integers() {
    let cases =
        [((1, 3), 4, 3333), ((2, 3), 4, 6667), ((1, 8), 2, 13), ((-1, 8), 2, -13), ((1, -8), 2, -13), ((0, 5), 3, 0)];
    for (pair, digits, wanted) in cases {
        assert_eq!(Ratio::new(Some(pair)).expect("denominator").scaled(digits), wanted, "{pair:?}");
    }
    assert_eq!(Ratio::new(Some((1, 0))), None);
    let large = Ratio { numerator: i64::MAX, denominator: 1 };
    assert_eq!(large.scaled(4), i128::from(i64::MAX) * 10_000);
}
