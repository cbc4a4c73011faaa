"""Is the declared design what the data show?

Each check is given the data of a Problem, or its coordinates, and gives back what it measured, or raises DataError
where the data contradict the design. ``rank`` and ``observation_noise`` come before the scores of a linear mixing,
``latent_count`` before that where the number of latents is left to the data.
"""
