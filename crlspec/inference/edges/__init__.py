"""Tests of an edge once the latents are known.

It is given latents of all environments, or score differences in their basis, and gives back strengths and p-values.
``scores`` tests a linear mixing's score differences; ``leave_one_out`` and ``classifier`` test recovered latents of
GSCALE-I, behind a link and in general, the latter by ``classifier_model`` and ``classifier_tests``.
"""
