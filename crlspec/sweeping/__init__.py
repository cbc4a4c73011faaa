"""Many runs: seeds × settings, a row per run, means with standard errors, resumable."""
