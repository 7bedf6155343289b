"""Independent answers for the statistics of before and after, as JSON on standard output.

statsmodels and scipy for least squares, quantiles and intervals; arch for the circular block bootstrap; OpenEEmeter on the sample
data it ships for savings and their uncertainty; numpy and scipy for control charts and capability. Every case carries its inputs, so
that `server/metrics/tests/second_statistics.rs` feeds the very same floats to our own code and compares. Nothing here knows our
formulas; where the other side defines something differently, its own figure is printed and the test says what the difference is
made of.

Needs: statsmodels, scipy, arch, eemeter 3.2 (its last version with plain CalTRACK models; wants pandas below 3).
"""

import json
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")


def least_squares(rng):
    """statsmodels: coefficients, errors, residual statistics, variance of a predicted sum."""
    import statsmodels.api as sm
    from statsmodels.stats.stattools import durbin_watson
    from statsmodels.tsa.stattools import acf

    cases = []
    for n, drivers, base in [(12, 1, 1e3), (12, 2, 1e3), (24, 3, 10), (60, 1, 1e6), (90, 2, 5), (365, 4, 300), (9, 1, 1e4)]:
        spread = base * 10.0 ** -rng.integers(0, 4)
        x = base + spread * rng.random((n, drivers))
        noise = np.convolve(rng.standard_normal(n + 3), [1, 0.6, 0.3, 0.1], "valid")
        slopes = 1.0 + rng.random(drivers)
        y = 5.0 * base + x @ slopes + 0.05 * spread * noise
        after = base + spread * rng.random((n // 2, drivers))
        energy = 5.0 * base + after @ slopes * 0.9
        model = sm.OLS(y, sm.add_constant(x, has_constant="add")).fit()
        design = sm.add_constant(after, has_constant="add")
        one = design.sum(axis=0)
        s2 = model.ssr / model.df_resid
        cases.append(
            {
                "drivers": x.T.tolist(),
                "energy": y.tolist(),
                "after_drivers": after.T.tolist(),
                "after_energy": energy.tolist(),
                "params": model.params.tolist(),
                "bse": model.bse.tolist(),
                "tvalues": model.tvalues.tolist(),
                "ssr": float(model.ssr),
                "rsquared": float(model.rsquared),
                "rsquared_adj": float(model.rsquared_adj),
                "durbin_watson": float(durbin_watson(model.resid)),
                "acf1": float(acf(model.resid, nlags=1, adjusted=False, fft=False)[1]),
                "adjusted": float(model.predict(design).sum()),
                # Variance of Σ(ŷ − y): of the coefficients and of the noise of the new points.
                "variance": float(one @ model.cov_params() @ one + s2 * len(after)),
            }
        )
    return cases


def quantiles(rng):
    """scipy: Student and normal; numpy: sample quantiles of its default kind, type 7."""
    from scipy import stats

    student = [
        [parts, df, float(stats.t.ppf(0.5 + parts / 20000, df))]
        for parts in (100, 5000, 6800, 8000, 9000, 9500, 9900, 9990)
        for df in (1, 2, 3, 4, 7, 10, 29, 58, 363, 3998)
    ]
    normal = [[parts, float(stats.norm.ppf(0.5 + parts / 20000))] for parts in (100, 6800, 9000, 9500, 9990)]
    samples = []
    for n in (1, 2, 5, 100, 2000):
        values = rng.standard_normal(n)
        ps = [0.0, 0.025, 0.1, 0.5, 0.9, 0.975, 1.0]
        samples.append({"values": values.tolist(), "ps": ps, "quantiles": np.quantile(values, ps).tolist()})
    return {"student": student, "normal": normal, "samples": samples}


def proportions():
    """statsmodels: Wilson's interval and Newcombe's for the difference."""
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

    cases = []
    for before, after in [
        ((9712, 10000), (9760, 10000)),
        ((5, 10), (9, 10)),
        ((0, 50), (3, 40)),
        ((40, 40), (37, 40)),
        ((999, 1000), (990, 1000)),
        ((1, 3), (2, 3)),
    ]:
        for alpha in (0.05, 0.1):
            newcombe = confint_proportions_2indep(*after, *before, method="newcomb", alpha=alpha)
            wilson = proportion_confint(*after, alpha=alpha, method="wilson")
            cases.append(
                {
                    "before": before,
                    "after": after,
                    "parts": round(10000 * (1 - alpha)),
                    "newcombe": [float(v) for v in newcombe],
                    "wilson": [float(v) for v in wilson],
                }
            )
    return cases


class SplitMix64:
    """The published generator, so that arch draws the very starts we draw."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def below(self, n):
        return ((self.next() >> 11) * n) >> 53


def bootstrap(rng):
    """arch: its circular blocks on our generator's starts (equal replicate by replicate), on its own generator (equal
    quantiles up to chance), and its Politis–White block lengths."""
    import arch.bootstrap.base as base
    from arch.bootstrap import CircularBlockBootstrap, optimal_block_length

    def series(n, level):
        noise = np.convolve(rng.standard_normal(n + 2), [1, 0.5, 0.25], "valid")
        den = np.where(np.arange(n) % 7 == 6, 0, 430)
        num = np.where(den > 0, np.round(430 * level + 12 * noise).astype(int), 0)
        return np.column_stack([num, den])

    def ratio(x):
        return float(x[:, 0].sum() / x[:, 1].sum())

    cases = []
    own_draw = base._get_random_integers
    for n, m, block in [(28, 28, 7), (91, 84, 7), (63, 40, 4)]:
        before, after = series(n, 0.58), series(m, 0.63)
        seed = int(rng.integers(1 << 62))
        ours = SplitMix64(seed)
        base._get_random_integers = lambda _prng, upper, size=1: np.array([ours.below(upper) for _ in range(size)])
        first = CircularBlockBootstrap(block, before)
        second = CircularBlockBootstrap(block, after)
        replicates = []
        for b, a in zip(first.bootstrap(2000), second.bootstrap(2000)):
            replicates.append(ratio(a[0][0]) - ratio(b[0][0]))
        base._get_random_integers = own_draw
        draws = 10000
        independent = [
            ratio(a[0][0]) - ratio(b[0][0])
            for b, a in zip(
                CircularBlockBootstrap(block, before, seed=1).bootstrap(draws),
                CircularBlockBootstrap(block, after, seed=2).bootstrap(draws),
            )
        ]
        cases.append(
            {
                "before": before.tolist(),
                "after": after.tolist(),
                "block": block,
                "seed": seed,
                "replicates": replicates,
                "interval": np.quantile(replicates, [0.025, 0.975]).tolist(),
                "independent_interval": np.quantile(independent, [0.025, 0.975]).tolist(),
                "independent_deviation": float(np.std(independent)),
            }
        )
    lengths = []
    for n in (20, 42, 91, 365, 1000):
        for weights in ([1], [1, 0.9, 0.7, 0.5, 0.3], [1, 0, 0, 0, 0, 0, 0, 0.9], [1, -0.8]):
            values = np.convolve(rng.standard_normal(n + len(weights) - 1), weights, "valid")
            lengths.append({"values": values.tolist(), "circular": float(optimal_block_length(values)["circular"].iloc[0])})
    paired = []
    for n, block in [(28, 7), (63, 4), (91, 7)]:
        # Both series share what a day does; arch draws one set of positions for all the data it is given.
        reference, own = series(n, 0.58), series(n, 0.63)
        own[:, 0] += np.where(own[:, 1] > 0, reference[:, 0] // 3, 0)
        seed = int(rng.integers(1 << 62))
        ours = SplitMix64(seed)
        base._get_random_integers = lambda _prng, upper, size=1: np.array([ours.below(upper) for _ in range(size)])
        both = CircularBlockBootstrap(block, reference, own)
        replicates = [ratio(data[1]) - ratio(data[0]) for data, _ in both.bootstrap(2000)]
        base._get_random_integers = own_draw
        paired.append(
            {
                "reference": reference.tolist(),
                "own": own.tolist(),
                "block": block,
                "seed": seed,
                "replicates": replicates,
                "interval": np.quantile(replicates, [0.025, 0.975]).tolist(),
            }
        )
    return {"intervals": cases, "paired": paired, "lengths": lengths}


def metered():
    """OpenEEmeter on its own sample meters, with the design columns its chosen model was fitted on."""
    import eemeter

    cases = []
    for sample in ("il-electricity-cdd-hdd-daily", "il-gas-hdd-only-daily"):
        meter, temperature, about = eemeter.load_sample(sample)
        baseline, _ = eemeter.get_baseline_data(meter, end=about["blackout_start_date"], max_days=365)
        design = eemeter.create_caltrack_daily_design_matrix(baseline, temperature)
        model = eemeter.fit_caltrack_usage_per_day_model(design, fit_cdd="electricity" in sample)
        params = model.model.model_params
        reporting, _ = eemeter.get_reporting_data(meter, start=about["blackout_end_date"], max_days=365)
        results, bands = eemeter.metered_savings(model, reporting, temperature, confidence_level=0.90)
        results = results.dropna()

        columns, points = [], {}
        for kind, point in (("hdd", "heating_balance_point"), ("cdd", "cooling_balance_point")):
            chosen = f"beta_{kind}" in params
            points[f"{point}s"] = [params[point]] if chosen else []
            if chosen:
                columns.append((f"{kind}_{params[point]}", params[f"beta_{kind}"]))
        # Degree days of the reporting period at the balance points of the baseline, as its design matrices make them.
        days = eemeter.compute_temperature_features(
            reporting.index, temperature, data_quality=True, percent_hourly_coverage_per_day=0.5,
            degree_day_method="daily", use_mean_daily_values=True, **points
        )
        after = eemeter.merge_features([eemeter.compute_usage_per_day_feature(reporting, "meter_value"), days])
        names = [name for name, _ in columns]
        before = design.dropna(subset=["meter_value", *names])
        after = after.dropna(subset=["meter_value", *names]).loc[lambda d: d.index.isin(results.index)]
        day = lambda frame: [int(t.timestamp() // 86400) for t in frame.index]
        totals = model.totals_metrics
        cases.append(
            {
                "sample": sample,
                "columns": names,
                "days": day(before),
                "drivers": [before[name].tolist() for name in names],
                "energy": before["meter_value"].tolist(),
                "after_days": day(after),
                "after_drivers": [after[name].tolist() for name in names],
                "after_energy": after["meter_value"].tolist(),
                "intercept": float(params["intercept"]),
                "betas": [float(beta) for _, beta in columns],
                "r_squared_adj": float(model.r_squared_adj),
                "counterfactual": float(results["counterfactual_usage"].sum()),
                "savings": float(results["metered_savings"].sum()),
                "points": int(results.shape[0]),
                "observed_length": int(totals.observed_length),
                "observed_mean": float(totals.observed_mean),
                "rmse_adj": float(totals.rmse_adj),
                "autocorr_resid": float(totals.autocorr_resid),
                "n_prime": float(totals.n_prime),
                "fsu_band": float(bands["FSU Error Band"]),
                "ols_band": float(bands["OLS Error Band"]),
                "ols_noise": float(bands["OLS Error Band: Noise"]),
                "ols_model": float(bands["OLS Error Band: Model Error"]),
            }
        )
    return cases


def control_charts(rng):
    """numpy: means, ranges, moving ranges and s; scipy: d2 and d3 by integrating the distribution of the range."""
    from scipy.integrate import quad
    from scipy.stats import norm

    def d2_d3(n):
        mean = quad(lambda x: 1 - norm.sf(x) ** n - norm.cdf(x) ** n, -9, 9, limit=200)[0]
        # E[W²] = 2 ∫ w P(W > w) dw with P(W ≤ w) = n ∫ φ(x) (Φ(x + w) − Φ(x))^(n−1) dx, both on a fine grid.
        x, w = np.linspace(-9, 9, 1801), np.linspace(0, 12, 1201)
        inner = norm.pdf(x)[:, None] * (norm.cdf(x[:, None] + w) - norm.cdf(x)[:, None]) ** (n - 1)
        below = n * np.trapezoid(inner, x, axis=0)
        square = 2 * np.trapezoid(w * (1 - below), w)
        return float(mean), float(np.sqrt(square - mean * mean))

    constants = []
    for n in range(2, 11):
        d2, d3 = d2_d3(n)
        constants.append({"n": n, "d2": d2, "d3": d3})
    charts = []
    for n in [1, 2, 3, 5, 7, 10]:
        # Thousandths, as an integer register holds them.
        thousandths = np.rint(20000 + 15 * rng.standard_normal((120 if n == 1 else 60, n))).astype(int)
        x = thousandths / 1000.0
        ranges = np.abs(np.diff(x[:, 0])) if n == 1 else x.max(axis=1) - x.min(axis=1)
        charts.append(
            {
                "size": n,
                "thousandths": thousandths.tolist(),
                "mean": float(x.mean(axis=1).mean()),
                "mean_range": float(ranges.mean()),
                "deviation": float(x.std(ddof=1)),
            }
        )
    return {"constants": constants, "charts": charts}


def versions():
    from importlib.metadata import version

    return {name: version(name) for name in ("statsmodels", "scipy", "numpy", "arch", "eemeter", "pandas")}


def main():
    rng = np.random.default_rng(20260314)
    answer = {
        "versions": versions(),
        "least_squares": least_squares(rng),
        "quantiles": quantiles(rng),
        "proportions": proportions(),
        "bootstrap": bootstrap(rng),
        "metered": metered(),
        "control": control_charts(np.random.default_rng(20261123)),
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
