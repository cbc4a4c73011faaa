"""What an estimation leaves: the record of latents, graph, status and provenance, how it is kept, how it is judged.

It is given an Estimate and the data that it was made from, and gives back a value that goes into one NetCDF file and
comes out the same. ``canonical`` fixes signs and scales, ``record`` holds the value, ``encoder`` applies it,
``storage`` keeps it, ``evaluate`` and ``metrics`` hold it against a truth, ``texts`` and ``verdict`` put it in words.
"""
