//! Ordinary least squares by Householder reflections.
//!
//! Constraints
//! 1. Columns are scaled to unit length first, then reduced by reflections (Golub and Van Loan, §5.2); the normal equations are
//!    never formed, so nothing is lost that the data holds.
//! 2. After scaling, the k-th diagonal element of R is the sine of the angle between column k and the columns before it. Below
//!    [`DEPENDENT`] the column says nothing of its own and the fit is refused, naming it.
//! 3. Residuals and fitted values are computed from the coefficients and the data as given, not from the reduced ones.
//! 4. More points than columns are needed: without a degree of freedom there is no error to estimate.

use super::sum;

/// Sine of the angle below which a column counts as a combination of those before it.
pub const DEPENDENT: f64 = 1e-10;

/// Residuals below this share of the data are rounding: the model meets every point.
const PERFECT: f64 = 1e-12;

/// Why nothing was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OlsError {
    /// No degree of freedom is left.
    #[error("{points} points cannot carry {parameters} coefficients and an error estimate")]
    TooFewPoints {
        /// Points given.
        points: usize,
        /// Coefficients wanted.
        parameters: usize,
    },
    /// A column is a combination of the ones before it (or zero throughout).
    #[error("column {column} is a linear combination of the columns before it")]
    Dependent {
        /// Its index.
        column: usize,
    },
    /// A column has another length than the measured values, or there is no column.
    #[error("column {column} does not have one value per point")]
    Shape {
        /// Its index.
        column: usize,
    },
    /// Not-a-number, infinite, or so large that squares overflow.
    #[error("a value is not a finite number that can be squared")]
    NotFinite,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One coefficient per column.
    pub coefficients: Vec<f64>,
    /// Measured minus fitted, in the order given.
    pub residuals: Vec<f64>,
    /// Sum of squared residuals; exactly 0 when they are rounding only.
    pub sse: f64,
    /// Degrees of freedom, points minus columns; at least 1.
    pub df: u32,
    /// Length of each column before scaling.
    scale: Vec<f64>,
    /// Upper triangle of the scaled reduction, by column.
    r: Vec<Vec<f64>>,
}

/// Fits `y` on the columns.
///
/// # Errors
/// Too few points, a dependent column, a misshapen or non-finite input.
pub fn fit(columns: &[Vec<f64>], y: &[f64]) -> Result<Fit, OlsError> {
    let (n, p) = (y.len(), columns.len());
    if let Some(column) = columns.iter().position(|c| c.len() != n) {
        return Err(OlsError::Shape { column });
    }
    if p == 0 {
        return Err(OlsError::Shape { column: 0 });
    }
    if n <= p {
        return Err(OlsError::TooFewPoints { points: n, parameters: p });
    }
    let size = norm(y);
    if !size.is_finite() {
        return Err(OlsError::NotFinite);
    }
    let mut scale = Vec::with_capacity(p);
    let mut work = Vec::with_capacity(p);
    for (column, values) in columns.iter().enumerate() {
        let length = norm(values);
        if !length.is_finite() {
            return Err(OlsError::NotFinite);
        }
        if length == 0.0 {
            return Err(OlsError::Dependent { column });
        }
        work.push(values.iter().map(|v| v / length).collect::<Vec<f64>>());
        scale.push(length);
    }
    let mut target = y.to_vec();
    for k in 0..p {
        let reflector = reflect(&work, k).ok_or(OlsError::Dependent { column: k })?;
        for column in work.iter_mut().skip(k) {
            reflector.apply(column, k);
        }
        reflector.apply(&mut target, k);
    }
    let r: Vec<Vec<f64>> = work.iter().enumerate().map(|(j, c)| c.iter().take(j + 1).copied().collect()).collect();
    let scaled = back_substitute(&r, &target);
    let coefficients: Vec<f64> = scaled.iter().zip(&scale).map(|(b, s)| b / s).collect();
    let residuals: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(i, v)| v - sum(columns.iter().zip(&coefficients).filter_map(|(c, b)| Some(c.get(i)? * b))))
        .collect();
    let sse = sum(residuals.iter().map(|e| e * e));
    let sse = if libm::sqrt(sse) <= PERFECT * size { 0.0 } else { sse };
    if !sse.is_finite() || coefficients.iter().any(|b| !b.is_finite()) {
        return Err(OlsError::NotFinite);
    }
    let df = u32::try_from(n - p).map_err(|_| OlsError::NotFinite)?;
    Ok(Fit { coefficients, residuals, sse, df, scale, r })
}

impl Fit {
    /// Standard error of regression, √(SSE / (n − p)).
    pub fn s(&self) -> f64 {
        libm::sqrt(self.sse / f64::from(self.df))
    }

    /// Standard errors of the coefficients, from s²(XᵀX)⁻¹.
    pub fn standard_errors(&self) -> Vec<f64> {
        let p = self.r.len();
        let s = self.s();
        (0..p)
            .zip(&self.scale)
            .map(|(j, scale)| {
                let unit: Vec<f64> = (0..p).map(|i| f64::from(u8::from(i == j))).collect();
                s * norm(&self.forward(&unit)) / scale
            })
            .collect()
    }

    /// `vᵀ(XᵀX)⁻¹v` for a vector with one value per column.
    pub fn quadratic_form(&self, v: &[f64]) -> f64 {
        let scaled: Vec<f64> = v.iter().zip(&self.scale).map(|(v, s)| v / s).collect();
        let w = self.forward(&scaled);
        sum(w.iter().map(|x| x * x))
    }

    /// Solves Rᵀw = v.
    fn forward(&self, v: &[f64]) -> Vec<f64> {
        let mut w: Vec<f64> = Vec::with_capacity(v.len());
        for (column, value) in self.r.iter().zip(v) {
            let known = sum(column.iter().zip(&w).map(|(a, b)| a * b));
            w.push(column.last().map_or(0.0, |d| (value - known) / d));
        }
        w
    }
}

/// Solves Rb = t.
fn back_substitute(r: &[Vec<f64>], target: &[f64]) -> Vec<f64> {
    let mut b = vec![0.0; r.len()];
    for k in (0..r.len()).rev() {
        let known = sum(r.iter().zip(&b).skip(k + 1).filter_map(|(column, x)| Some(column.get(k)? * x)));
        let pivot = r.get(k).and_then(|c| c.last()).copied().unwrap_or(1.0);
        if let (Some(slot), Some(t)) = (b.get_mut(k), target.get(k)) {
            *slot = (t - known) / pivot;
        }
    }
    b
}

/// One reflection: zero below row `k` of column `k`.
struct Reflector {
    v: Vec<f64>,
    /// 2 / vᵀv.
    factor: f64,
}

/// `None` when the column has nothing left below the columns before it.
fn reflect(work: &[Vec<f64>], k: usize) -> Option<Reflector> {
    let mut v: Vec<f64> = work.get(k)?.iter().skip(k).copied().collect();
    let length = norm(&v);
    if length <= DEPENDENT {
        return None;
    }
    let first = v.first_mut()?;
    // Away from the sign of the first element: no cancellation.
    *first += if *first < 0.0 { -length } else { length };
    let square = sum(v.iter().map(|x| x * x));
    Some(Reflector { v, factor: 2.0 / square })
}

impl Reflector {
    fn apply(&self, column: &mut [f64], k: usize) {
        let dot = sum(self.v.iter().zip(column.iter().skip(k)).map(|(a, b)| a * b));
        let by = self.factor * dot;
        for (x, v) in column.iter_mut().skip(k).zip(&self.v) {
            *x -= by * v;
        }
    }
}

fn norm(values: &[f64]) -> f64 {
    libm::sqrt(sum(values.iter().map(|v| v * v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ones(n: usize) -> Vec<f64> {
        vec![1.0; n]
    }

    #[test]
    fn a_line_through_four_points() {
        // y = 1 + 2x with residuals 1, −1, −1, 1: orthogonal to both columns.
        let x = vec![0.0, 1.0, 2.0, 3.0];
        let y = [2.0, 2.0, 4.0, 8.0];
        let f = fit(&[ones(4), x], &y).unwrap();
        assert!((f.coefficients[0] - 1.0).abs() < 1e-14 && (f.coefficients[1] - 2.0).abs() < 1e-14);
        assert!((f.sse - 4.0).abs() < 1e-13 && f.df == 2);
        // s² = 2, Sxx = 5: se(b1) = √(2/5), se(b0) = √(2·(1/4 + 2.25/5)).
        let se = f.standard_errors();
        assert!((se[1] - 0.4_f64.sqrt()).abs() < 1e-14 && (se[0] - 1.4_f64.sqrt()).abs() < 1e-14, "{se:?}");
        // The mean of the data: variance of the fitted mean is 1/n.
        assert!((f.quadratic_form(&[1.0, 1.5]) - 0.25).abs() < 1e-14);
    }

    #[test]
    fn a_dependent_column_is_named() {
        let x = vec![1.0, 2.0, 3.0, 5.0];
        let twice: Vec<f64> = x.iter().map(|v| 2.0 * v + 7.0).collect();
        let y = [1.0, 2.0, 2.0, 4.0];
        assert_eq!(fit(&[ones(4), x.clone(), twice], &y), Err(OlsError::Dependent { column: 2 }));
        assert_eq!(fit(&[ones(4), vec![820.1; 4]], &y), Err(OlsError::Dependent { column: 1 }));
        assert_eq!(fit(&[ones(4), vec![0.0; 4]], &y), Err(OlsError::Dependent { column: 1 }));
        // A driver that varies by a millionth of its size still counts.
        let small: Vec<f64> = x.iter().map(|v| 1e6 + v).collect();
        let f = fit(&[ones(4), small], &y).unwrap();
        assert!((f.coefficients[1] - fit(&[ones(4), x], &y).unwrap().coefficients[1]).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        let x = vec![1.0, 2.0];
        assert_eq!(fit(&[ones(2), x], &[1.0, 2.0]), Err(OlsError::TooFewPoints { points: 2, parameters: 2 }));
        assert_eq!(fit(&[ones(3), vec![1.0]], &[1.0, 2.0, 3.0]), Err(OlsError::Shape { column: 1 }));
        assert_eq!(fit(&[], &[1.0]), Err(OlsError::Shape { column: 0 }));
        assert_eq!(fit(&[ones(3)], &[1.0, f64::NAN, 3.0]), Err(OlsError::NotFinite));
        assert_eq!(fit(&[ones(3), vec![1.0, 1e200, 3.0]], &[1.0, 2.0, 3.0]), Err(OlsError::NotFinite));
        let perfect = fit(&[ones(4), vec![1.0, 2.0, 3.0, 4.0]], &[0.1, 0.2, 0.3, 0.4]).unwrap();
        assert_eq!(perfect.sse, 0.0);
    }
}
