"""How many samples a spec needs, and what a number of samples can show: by simulation from the spec."""
