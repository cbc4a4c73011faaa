"""Good specs that tests start from."""

DESIGNED = """latents: 3
scm:
  graph: [z1 -> z2, z2 -> z3]
  mechanism: {kind: linear, weight: [0.5, 1.5]}
  noise: {kind: normal, variance: [0.5, 1.5]}
mixing: {kind: linear, observed: 10}
interventions:
  design: single-node
  kind: hard
  noise: {variance: {times: 0.25}}
samples: 1000
"""

EQUATIONS = """latents:
  light: Normal(0, 1)
  dose: Normal(0.8*light, 0.5)
  growth: Normal(tanh(light) - 1.2*dose, 1)
environments:
  control: {}
  dark: {light: "Normal(0, 2)"}
  no_light_effect: {dose: "Normal(0, 2)"}
  weaker: {growth: "Normal(0.3*tanh(light) - 1.2*dose, 1)"}
mixing: {kind: linear, observed: 10}
"""

ASSUMED = """latents: 2
data: {path: folder, observational: obs}
assume:
  mixing: linear
  interventions:
    design: single-node
    kind: hard
"""
