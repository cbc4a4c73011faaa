"""What a recovered graph and a recovered model can be asked, and where they can be taken.

It is given a record of results and gives back answers: sets, effects with errors, counterfactuals, comparisons, files
for other programs. ``graph_questions`` and ``model_questions`` are the methods that a Result carries; each calls one
file, and those about the model pass ``judging`` and ``fitting`` first, which choose and fit the mechanisms.
"""
