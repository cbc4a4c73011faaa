"""The papers behind the verdicts, as a short name and as BibTeX."""

from __future__ import annotations

PAPERS = {
    "linear": "Varıcı et al., JMLR 2025",
    "umni": "Varıcı et al., NeurIPS 2024",
    "sample-complexity": "Acartürk et al., NeurIPS 2024",
    "general": "Varıcı et al., AISTATS 2024",
    "uncoupled": "Varıcı et al., JMLR 2025",
    "contrastive": "Buchholz et al., NeurIPS 2023",
}

_JMLR = """@article{varici2025score,
  title   = {Score-based Causal Representation Learning: Linear and General Transformations},
  author  = {Var{\\i}c{\\i}, Burak and Acart{\\"u}rk, Emre and Shanmugam, Karthikeyan and Kumar, Abhishek and
             Tajer, Ali},
  journal = {Journal of Machine Learning Research},
  year    = {2025},
  note    = {arXiv:2402.00849}
}"""

CITATIONS = {
    "linear": _JMLR,
    "uncoupled": _JMLR,
    "umni": """@inproceedings{varici2024linear,
  title     = {Linear Causal Representation Learning from Unknown Multi-node Interventions},
  author    = {Var{\\i}c{\\i}, Burak and Acart{\\"u}rk, Emre and Shanmugam, Karthikeyan and Tajer, Ali},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2024}
}""",
    "sample-complexity": """@inproceedings{acarturk2024sample,
  title     = {Sample Complexity of Interventional Causal Representation Learning},
  author    = {Acart{\\"u}rk, Emre and Var{\\i}c{\\i}, Burak and Shanmugam, Karthikeyan and Tajer, Ali},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2024}
}""",
    "general": """@inproceedings{varici2024general,
  title     = {General Identifiability and Achievability for Causal Representation Learning},
  author    = {Var{\\i}c{\\i}, Burak and Acart{\\"u}rk, Emre and Shanmugam, Karthikeyan and Tajer, Ali},
  booktitle = {International Conference on Artificial Intelligence and Statistics},
  year      = {2024}
}""",
    "contrastive": """@inproceedings{buchholz2023learning,
  title     = {Learning Linear Causal Representations from Interventions under General Nonlinear Mixing},
  author    = {Buchholz, Simon and Rajendran, Goutham and Rosenfeld, Elan and Aragam, Bryon and
               Sch{\\"o}lkopf, Bernhard and Ravikumar, Pradeep},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2023}
}""",
}
