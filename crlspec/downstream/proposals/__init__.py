"""What to measure next: which further rows, or which further environment, would decide an undecided result.

It is given a result and gives back a Next. ``candidates`` lists what could be measured, ``gaussian_latents`` draws
what it would show from the fitted model, ``trial`` solves again with it, ``propose`` ranks, ``words`` tells.
"""
