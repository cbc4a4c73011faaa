"""Whole files that show every key at the top of a spec, each once at least."""

WHOLE_FILES: tuple[str, ...] = (
    """\
crlspec: 1
name: designed
latents: 4
scm:
  graph:     {kind: random, density: 0.5}
  mechanism: {kind: linear, weight: [0.5, 1.5]}
  noise:     {kind: normal, variance: [0.5, 1.5]}
mixing: {kind: linear, observed: 12}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}
conceal: [targets]
samples: 20000
scores: {kind: ratio}
estimator: {kind: lscale-i}
profiles:
  quick: {samples: 2000}
  full:  {samples: 50000, mixing.observed: 25}
""",
    """\
crlspec: 1
name: written-out
latents:
  light:  Normal(0, 1)
  dose:   Normal(0.8*light, 0.7)
  growth: Normal(1.2*dose - 0.9*light, 1)
mixing: {kind: linear, observed: 8}
environments:
  control:     {}
  lamp:        {light: "Normal(0, 2)"}
  fixed_dose:  {dose: "Normal(0, 2)"}
  late_growth: {growth: scale(2)}
samples: {control: 20000, lamp: 5000, fixed_dose: 5000, late_growth: 5000}
""",
    """\
crlspec: 1
name: screen
latents: from-environments
data: {path: cells.h5ad, environment: guide, observational: control}
assume:
  mixing: linear
  interventions: {design: single-node, kind: hard}
""",
    """\
crlspec: 1
name: bench
latents: [yaw, pitch, roll]
data: {path: tables, observational: obs}
assume:
  mixing: linear
  interventions: {design: single-node, kind: hard, targets: {e1: [yaw], e2: [pitch], e3: [roll]}}
calibrate: {labels: labels.csv, unit: degrees}
""",
    """\
crlspec: 1
name: counted
latents: auto
data: {path: tables, observational: obs}
assume:
  mixing: linear
  interventions: {design: single-node, kind: hard}
""",
)
"""Read by the reader itself whenever the tests run."""
