"""Bootstraps: what of a result comes again when the data are drawn again.

It is given a spec and its data and gives back frequencies of edges, orders and latents. ``stability`` goes
through the bootstraps, ``bootstrap`` does one, ``stability_tables`` sums them up.
"""
