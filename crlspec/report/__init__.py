"""The page: everything that draws a result or writes HTML.

It is given a record, and the model that made the data where it is known, and gives back one file that needs nothing
else. ``report`` calls ``facts`` and ``score_facts`` for the numbers, ``sections``, ``account`` and ``evidence``
for the parts, ``charts``, ``pictures``, ``images`` and ``traversals`` for the drawings, and ``page`` with
``style`` in the end.
"""
