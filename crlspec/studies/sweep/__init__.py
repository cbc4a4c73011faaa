"""Many runs: seeds × settings, a row per run, means with standard errors, resumable.

It is given a spec or a table and gives back one row a run, kept in a file as they come. ``cases`` lists the runs,
``run`` goes through them, ``one_run`` does one, ``rows`` keeps the rows, ``summary`` makes the table.
"""
