"""The joint likelihood of all environments.

It is given coordinates and a start (order and encoder rows) and gives back refined rows, a graph and p-values.
``refine`` is the way in: ``order_search`` and ``gaussian`` (closed form) or ``flexible`` (networks) fit an order,
``graph_search`` prunes it, ``edge_tests`` and ``ranks`` test its edges, ``noise_scale`` asks whether noise has
one size.
"""
