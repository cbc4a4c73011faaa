"""Tests of a declared design against the data: what an estimator takes for granted, one assumption a file.

``design.checks_of`` is given a Problem and gives back a tuple of ``Check``: what was measured, against what it
was held, whether that passes, is a note, leaves the answer undecided or refutes the design, and what would mend
it. ``cells`` and ``duplicates`` read the table, then ``Moments`` are taken once, then ``rows``, ``singular``,
``heavy_tails``, ``sensors`` and ``effect`` hold for any latents and ``one_target``, ``control``, ``same_target``
and ``mixture`` for linear-Gaussian ones; ``goodness``, ``order_margin`` and ``freeing`` judge a model once it is
fitted. Before all this ``fitting`` asks whether the rows fit into memory, and ``latent_count`` counts latents that
nobody counted. ``rank`` and ``observation_noise`` are asked by the estimators of linear mixings themselves, and
raise DataError.
"""
