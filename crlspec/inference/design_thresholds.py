"""The numbers by which the declared design is held against the data, before an estimator runs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DesignThresholds"]


@dataclass(frozen=True)
class DesignThresholds:
    """Of the tests in :mod:`crlspec.inference.checks`. Every number is a convention; that the tests keep their levels
    and see what they are for is held by tests/inference/checks.

    Cells and columns:

    huge           size of a cell above which squares and their products leave the range of numbers
    towers         so many times the middle deviation of its column from the median is an outlier ...
    alone          ... where it lies so many times as far as the next one: it decides every moment
    suspect        deviations of a few rows from which on a column is looked at closely
    repeats        share of equal values among a few rows from which on the steps of a column are measured
    coarse         steps of a rounded column, in deviations, from which on answers suffer
    negligible     those below which none does

    Rows:

    duplicates     share of repeated or shared rows up to which they are a note; more, and every test counts rows that
                   say nothing new
    copies         probability below which two independent samples agree as well as two environments called copies
    dependent      probability of any finding of dependent rows where all are independent
    rows           rows below which dependence is not tested
    effective      effective rows a dimension below which nothing can be relied on
    settled_rows   a variance is to be known as well as from so many normal rows ...
    settled_share  ... or from this share of the rows there are, in most environments
    extreme        share of that bound which no environment may fall below

    Space of the latents:

    singular       share of the pooled variance below which that of a direction is rounding
    exact          share of the variance that may lie off the space by rounding alone
    unexact        share from which on the other environment is not linear, or noisy, by itself
    sensors        so many times the edge of what noise leaves off the space is no noise
    one_sensor     share of what lies off that may be left without a sensor which is named as the one that changed
    one_gain       relative change of how it reads the latents, beyond a gain, up to which that gain is named
    one_offset     share of an offset that one sensor has to explain to be named

    Environments:

    normal         p-value of normality below which no check is made that is right for normal latents alone
    surely         p-value of normality up to which only overwhelming evidence counts, at level ``strict``
    targets        level of the tests of targets, all environments together ...
    strict         ... where latents may not be normal
    disturbs       N ρ² above which noise of share ρ on the observations shows in differences of precisions
    effect         level at which an environment has to be told from the control
    mechanism      probability that a change of noise alone passes as one of a mechanism
    curved         p-value below which components that are not normal depend on each other beyond correlations
    control        p-value, all together, from which on another environment is said to fit as control
    both_ways      level at which both directions of a change are seen before means are tested along the others
    along          level at which the variance along a direction is said to have changed
    changed        level at which a direction, or the mean, has changed before two environments are compared
    same           squared cosine between directions (the squared correlation of what they read) above which they are
                   one ...
    blur           ... where sampling error takes less than this off it
    leading        the same where only the leading directions can be compared
    mean_alone     p-value of equal covariances above which an environment moved its mean alone
    alike          p-value above which two environments cannot be told from each other ...
    far            ... while their distance from the control is so many times what chance gives
    odd            level below which an environment is not normal, all together
    sound          p-value above which the other environments are normal
    mixture        p-value above which a mixture with the control explains an environment ...
    gain           ... where it gains so much twice the log likelihood, beside 2 log N: mixtures also follow samples
                   of nonlinear mechanisms ...
    mixed          ... and at least this share of rows is of either kind
    """

    huge: float = 1e100
    towers: float = 1e4
    alone: float = 20.0
    suspect: float = 10.0
    repeats: float = 0.02
    coarse: float = 0.3
    negligible: float = 0.05

    duplicates: float = 0.01
    copies: float = 1e-8
    dependent: float = 1e-3
    rows: int = 40
    effective: int = 20
    settled_rows: float = 100.0
    settled_share: float = 0.1
    extreme: float = 0.1

    singular: float = 1e-10
    exact: float = 1e-9
    unexact: float = 1e-6
    sensors: float = 1.5
    one_sensor: float = 0.02
    one_gain: float = 0.02
    one_offset: float = 0.99

    normal: float = 1e-3
    surely: float = 0.05
    targets: float = 1e-3
    strict: float = 1e-8
    disturbs: float = 0.05
    effect: float = 0.01
    mechanism: float = 0.01
    curved: float = 1e-6
    control: float = 0.01
    both_ways: float = 1e-6
    along: float = 1e-3
    changed: float = 1e-5
    same: float = 0.9
    blur: float = 0.1
    leading: float = 0.97
    mean_alone: float = 1e-2
    alike: float = 0.05
    far: float = 20.0
    odd: float = 1e-4
    sound: float = 0.05
    mixture: float = 0.01
    gain: float = 50.0
    mixed: float = 0.02
