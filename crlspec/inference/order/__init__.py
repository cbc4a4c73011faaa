"""The causal order of linear mixings.

It is given score differences, or the moments of Gaussian environments, and gives back an order with encoder rows.
``knowledge`` says which orders are left by what is known. ``peeling`` peels from the roots by ranks,
``sinks_gaussian`` and ``sinks_scores`` find sinks for ``signature``, which peels from the other end with unknown
targets, and ``signature_search`` chooses among what it finds. ``told`` says which targets are known, of all
environments or some, and ``told_tests`` tests those. ``known_signature`` serves exact scores of known ones,
and ``reversals`` lists the orders that are tried next.
"""
