"""How many samples a spec needs, and what a number of samples can show: by simulation from the spec.

It is given a spec and gives back a Plan: rates of recovery with intervals, a number of samples. ``stand_in`` makes a
model of one's own data, ``plan`` runs the simulations, ``strengths`` and ``sample_complexity`` say what theory adds,
``report`` puts it in words.
"""
