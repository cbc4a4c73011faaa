"""Soft interventions: ancestors, by what stays invariant.

It is given score differences and coordinates and gives back a closure with encoder rows. ``gaussian`` serves Gaussian
latents; ``invariance`` any others, by ``invariance_test`` on orders that ``held_out`` ranks; ``full_rank`` the exact
graph of sufficiently nonlinear models.
"""
