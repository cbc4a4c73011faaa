"""First specs to edit, as ``crlspec new`` writes them."""

from __future__ import annotations

__all__ = ["TEMPLATES"]

DESIGNED = """\
# A random model and a design of interventions. Look at it: crlspec show {file}
#   crlspec check {file}     what the theory promises
#   crlspec run {file}       sample, estimate, compare with the truth
crlspec: 1
name: {name}
latents: 4                                    # z1 ... z4; or a list of names
scm:
  graph:     {{kind: random, density: 0.5}}     # or a list of edges: [z1 -> z2, z2 -> z4]
  mechanism: {{kind: linear, weight: [0.5, 1.5]}}
  noise:     {{kind: normal, variance: [0.5, 1.5]}}
mixing: {{kind: linear, observed: 12}}          # x = G z; the estimator sees x alone
interventions:
  design: single-node                         # one environment a latent, and the observational one
  kind: hard                                  # hard: the parents are cut; soft: the mechanism changes
  noise: {{variance: {{times: 4}}}}
samples: 20000                                # per environment
"""

EQUATIONS = """\
# Every mechanism written out: distributions by their Pyro names, parents read off the equation.
#   crlspec check {file}     what the theory promises
#   crlspec run {file}       sample, estimate, compare with the truth
crlspec: 1
name: {name}
latents:
  light:  Normal(0, 1)
  dose:   Normal(0.8*light, 0.7)
  growth: Normal(1.2*dose - 0.9*light, 1)
mixing: {{kind: linear, observed: 8}}
environments:                                 # what replaces which mechanism
  control:     {{}}
  lamp:        {{light: "Normal(0, 2)"}}
  fixed_dose:  {{dose: "Normal(0, 2)"}}         # hard and stochastic: parents cut
  late_growth: {{growth: "Normal(0, 2)"}}
samples: 20000
"""

DATA = """\
# Your own data: no truth is known, so the file says what you assume, and the data may refute it.
# The folder holds a CSV file per environment: file name = environment, header = observed variables.
#   crlspec check {file}     what these assumptions buy
#   crlspec run {file}       recover latents and graph
crlspec: 1
name: {name}
latents: 4                                    # as many as there are interventions; auto counts them
data:
  path: data                                  # a folder, or a NetCDF or Zarr file
  observational: obs                          # the environment without intervention
assume:
  mixing: linear                              # what you measure are linear mixtures of the latents
  interventions:
    design: single-node                       # each environment intervenes on one latent
    kind: hard                                # hard: it cuts the influence of the parents; else soft
    targets: concealed                        # which latent each one hits is not known
"""

TEMPLATES = {"designed": DESIGNED, "equations": EQUATIONS, "data": DATA}
"""kind → text with the fields ``name`` and ``file``."""
