"""Many solves: sweeps over seeds and settings, simulations of power, bootstraps.

Each study is given a spec, and data where there are any, and gives back tables with a row for every solve.
``sweep`` is the base: ``power`` simulates through it, ``stability`` resamples beside it.
"""
