//! Two-sided quantiles of Student's t and of the normal distribution.
//!
//! Constraints
//! 1. Degrees of freedom are whole here (`n − p`), so the central probability is a finite sum of positive terms
//!    (Abramowitz and Stegun 26.7.3 and 26.7.4): no continued fraction, no gamma function, nothing to tune.
//! 2. The quantile is found by halving until no float lies between the ends: the same answer everywhere, because it depends on
//!    comparisons only.
//! 3. A confidence is given in parts of 10 000 so that 90 % is a number and not 0.9 as a float happens to hold it.

use std::f64::consts::{FRAC_2_PI, SQRT_2};

/// A two-sided confidence in parts of ten thousand: 9 000 is 90 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Confidence(u16);

impl Confidence {
    /// 68 %, the level of the test in ASHRAE Guideline 14.
    pub const P68: Self = Self(6_800);
    /// 90 %, the headline for energy (reference §3.3).
    pub const P90: Self = Self(9_000);
    /// 95 %, for OEE and quality (reference §3.9).
    pub const P95: Self = Self(9_500);

    /// `None` unless above 0 and below 10 000.
    pub const fn new(parts: u16) -> Option<Self> {
        if parts > 0 && parts < 10_000 { Some(Self(parts)) } else { None }
    }

    /// Parts of ten thousand.
    pub const fn parts(self) -> u16 {
        self.0
    }

    /// As a fraction.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// What lies below and above a two-sided interval: 0.025 and 0.975 for 95 %.
    pub fn tails(self) -> (f64, f64) {
        (f64::from(10_000 - self.0) / 20_000.0, f64::from(10_000 + self.0) / 20_000.0)
    }

    /// In per cent, without needless decimals: `90`, `99.5`.
    pub fn percent(self) -> String {
        let text = format!("{}.{:02}", self.0 / 100, self.0 % 100);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl TryFrom<u16> for Confidence {
    type Error = &'static str;

    fn try_from(parts: u16) -> Result<Self, Self::Error> {
        Self::new(parts).ok_or("a confidence is above 0 and below 10000 parts of ten thousand")
    }
}

impl From<Confidence> for u16 {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}

/// Probability that |T| ≤ t with `df` degrees of freedom; 0 for `df` = 0 or `t` ≤ 0.
pub fn t_central(t: f64, df: u32) -> f64 {
    if df == 0 || t.is_nan() || t <= 0.0 {
        return 0.0;
    }
    let nu = f64::from(df);
    let hypotenuse = libm::sqrt(nu + t * t);
    let (sin, cos) = (t / hypotenuse, libm::sqrt(nu) / hypotenuse);
    let cos2 = nu / (nu + t * t);
    // Terms fall at least as fast as cos²; each is the last one times (k − 1)/k · cos².
    let series = |first: f64, k_first: u32| {
        let (mut term, mut total) = (first, first);
        let mut k = k_first;
        while k < df {
            term *= f64::from(k - 1) / f64::from(k) * cos2;
            if term < total * 1e-18 {
                break;
            }
            total += term;
            k += 2;
        }
        total
    };
    if df % 2 == 1 {
        let theta = libm::atan(t / libm::sqrt(nu));
        let rest = if df == 1 { 0.0 } else { sin * series(cos, 3) };
        FRAC_2_PI * (theta + rest)
    } else {
        sin * series(1.0, 2)
    }
}

/// Two-sided Student quantile: the t with P(|T| ≤ t) = confidence. `None` for zero degrees of freedom.
pub fn t_quantile(confidence: Confidence, df: u32) -> Option<f64> {
    if df == 0 { None } else { Some(invert(confidence.fraction(), |t| t_central(t, df))) }
}

/// Two-sided normal quantile: the z with P(|Z| ≤ z) = confidence; 1.959964 for 95 %.
pub fn normal_quantile(confidence: Confidence) -> f64 {
    invert(confidence.fraction(), |z| libm::erf(z / SQRT_2))
}

/// The least float at which a rising function reaches `wanted`.
fn invert(wanted: f64, rising: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while rising(high) < wanted && high < 1e300 {
        low = high;
        high *= 2.0;
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if rising(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference §3.3, to its printed digits.
    #[test]
    fn quantiles_of_the_reference() {
        let table = [
            (4, [1.134_397, 2.131_847, 2.776_445]),
            (8, [1.060_224, 1.859_548, 2.306_004]),
            (10, [1.046_423, 1.812_461, 2.228_139]),
            (20, [1.019_804, 1.724_718, 2.085_963]),
            (30, [1.011_216, 1.697_261, 2.042_272]),
            (60, [1.002_768, 1.670_649, 2.000_298]),
            (363, [0.995_822, 1.649_062, 1.966_521]),
        ];
        for (df, wanted) in table {
            for (confidence, t) in [Confidence::P68, Confidence::P90, Confidence::P95].into_iter().zip(wanted) {
                let got = t_quantile(confidence, df).unwrap();
                assert!((got - t).abs() < 6e-7, "df {df}: {got} is not {t}");
            }
        }
        assert!((normal_quantile(Confidence::P95) - 1.959_963_984_540_054).abs() < 1e-14);
        assert_eq!(t_quantile(Confidence::P90, 0), None);
    }

    #[test]
    fn one_degree_of_freedom_is_the_cauchy_distribution() {
        // P(|T| ≤ 1) = 1/2 exactly.
        assert!((t_central(1.0, 1) - 0.5).abs() < 1e-15);
        let t = t_quantile(Confidence::new(5_000).unwrap(), 1).unwrap();
        assert!((t - 1.0).abs() < 1e-14);
        // P(|T| ≤ t) = t / √(2 + t²) for two.
        assert!((t_central(3.0, 2) - 3.0 / 11.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn many_degrees_of_freedom_are_nearly_normal_and_quantiles_fall() {
        let z = normal_quantile(Confidence::P90);
        let mut last = f64::INFINITY;
        for df in [1, 2, 3, 5, 10, 100, 1_000, 100_000] {
            let t = t_quantile(Confidence::P90, df).unwrap();
            assert!(t < last && t > z, "df {df}: {t}");
            last = t;
        }
        assert!(last - z < 1e-4);
        assert_eq!(Confidence::P90.percent(), "90");
        assert_eq!(Confidence::new(9_950).unwrap().percent(), "99.5");
        assert_eq!((Confidence::new(0), Confidence::new(10_000)), (None, None));
        assert!(serde_json::from_str::<Confidence>("10000").is_err());
    }
}
