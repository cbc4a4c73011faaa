"""Encoders of general mixings.

It is given components of all environments and gives back encoder and decoder networks with their held-out losses.
Images come first: ``image_declaration`` is what a spec says of them, ``seeing`` and ``image_code`` make components,
``image_logits`` and ``image_starts`` make starts of the pixels, ``pictures`` and ``seen_columns`` let a convolution
look.
``pairing`` finds unknown pairs; ``environment_classifier``, ``log_ratios``, ``turning``, ``sign_starts``, ``halves``,
``gaussianise`` and ``linear_contrast`` make starts; ``structured_ratio`` (with ``monotone_ratio``) or
``score_sparsity`` trains; ``recombine`` and ``restarts`` choose among restarts; ``answer`` puts what came of it in
words; ``general`` puts the stages one after another.
"""
