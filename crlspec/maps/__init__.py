"""Encoders and decoders as plain values: linear maps, and networks without torch.

They are given arrays of numbers and give back latents for observations, or observations for latents; nothing here
knows of causality. ``plain`` evaluates networks in numpy, ``maps`` puts offsets, links and names of shapes around
them.
"""
