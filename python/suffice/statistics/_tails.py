"""Logarithms of tail probabilities, exact where the probability itself underflows."""

from __future__ import annotations

import math

import numpy as np

from suffice.statistics.results import Floats

_TINY = 1e-280  # above it the logarithm of the probability itself is as good


def chi2_logsf(x: float, df: float) -> float:
    """Log of P(chi-squared with `df` > x).

    Far out by Legendre's continued fraction of the incomplete gamma function.
    """
    from scipy import special

    a, z = df / 2.0, x / 2.0
    sf = float(special.gammaincc(a, z))
    if sf > _TINY:
        return math.log(sf)
    # Q(a, z) = exp(-z) z^a / Gamma(a) * 1 / (z + 1 - a - 1(1 - a) / (z + 3 - a - ...)), by Lentz.
    b = z + 1.0 - a
    c, d = 1e300, 1.0 / b
    h = d
    for i in range(1, 10_000):
        step = -i * (i - a)
        b += 2.0
        d = 1.0 / (step * d + b)
        c = b + step / c
        h *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return -z + a * math.log(z) - math.lgamma(a) + math.log(h)


def two_sided_normal(z: float) -> float:
    """Log of P(|Z| > |z|)."""
    from scipy import special

    return min(0.0, math.log(2.0) + float(special.log_ndtr(-abs(z))))


def two_sided_t(t: float, df: float) -> float:
    """Log of P(abs(T) > abs(t)) of Student's t; normal for infinite `df`."""
    from scipy import special

    if math.isinf(df):
        return two_sided_normal(t)
    log_x = -2.0 * math.log(math.hypot(1.0, t / math.sqrt(df)))
    x = math.exp(log_x)
    p = float(special.betainc(df / 2.0, 0.5, x))
    if p > _TINY and x > _TINY:
        return min(0.0, math.log(p))
    # I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) * F(a + b, 1; a + 1; x), and x is small here.
    a, b = df / 2.0, 0.5
    series = float(special.hyp2f1(a + b, 1.0, a + 1.0, x))
    scale = a * log_x + b * math.log1p(-x) - math.log(a) - float(special.betaln(a, b))
    return scale + math.log(series)


def studentized_range_logsf(q: Floats, k: int) -> Floats:
    """Log of P(range of `k` independent standard normals > q), for each q.

    ``P = k * integral of phi(z) (Phi(z)^(k-1) - (Phi(z) - Phi(z - q))^(k-1)) dz``; the difference
    is formed without cancellation and summed by the trapezoidal rule, whose error is beyond double
    precision for such integrands.
    """
    from scipy import special

    flat = np.asarray(q, np.float64).reshape(-1)
    out = np.zeros(len(flat))
    for index, value in enumerate(flat):
        if value <= 0.0:
            continue
        step = 1.0 / 64.0
        z = np.arange(-10.0, value + 10.0, step)
        log_cdf = special.log_ndtr(z)
        log_ratio = special.log_ndtr(z - value) - log_cdf
        ratio = np.minimum(np.exp(log_ratio), 1.0 - 1e-16)
        with np.errstate(divide="ignore", under="ignore"):
            gap = np.log(-np.expm1((k - 1) * np.log1p(-ratio)))
        gap = np.where(log_ratio < -30.0, math.log(k - 1) + log_ratio, gap)
        terms = -0.5 * z * z - 0.5 * math.log(2.0 * math.pi) + (k - 1) * log_cdf + gap
        out[index] = math.log(k * step) + float(special.logsumexp(terms))
    return np.minimum(out, 0.0).reshape(np.shape(q))
