"""The papers behind theorems and methods: a short name, and BibTeX."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CONTRASTIVE", "GENERAL", "LINEAR", "ROPES", "SAMPLE_COMPLEXITY", "UMNI", "UNCOUPLED", "Paper"]


class Paper(NamedTuple):
    """A paper by a short name, and as BibTeX."""

    name: str
    bibtex: str


LINEAR = UNCOUPLED = Paper(
    "Varıcı et al., JMLR 2025",
    """@article{varici2025score,
  title   = {Score-based Causal Representation Learning: Linear and General Transformations},
  author  = {Var{\\i}c{\\i}, Burak and Acart{\\"u}rk, Emre and Shanmugam, Karthikeyan and Kumar, Abhishek and
             Tajer, Ali},
  journal = {Journal of Machine Learning Research},
  year    = {2025},
  note    = {arXiv:2402.00849}
}""",
)

UMNI = Paper(
    "Varıcı et al., NeurIPS 2024",
    """@inproceedings{varici2024linear,
  title     = {Linear Causal Representation Learning from Unknown Multi-node Interventions},
  author    = {Var{\\i}c{\\i}, Burak and Acart{\\"u}rk, Emre and Shanmugam, Karthikeyan and Tajer, Ali},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2024}
}""",
)

SAMPLE_COMPLEXITY = Paper(
    "Acartürk et al., NeurIPS 2024",
    """@inproceedings{acarturk2024sample,
  title     = {Sample Complexity of Interventional Causal Representation Learning},
  author    = {Acart{\\"u}rk, Emre and Var{\\i}c{\\i}, Burak and Shanmugam, Karthikeyan and Tajer, Ali},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2024}
}""",
)

GENERAL = Paper(
    "Varıcı et al., AISTATS 2024",
    """@inproceedings{varici2024general,
  title     = {General Identifiability and Achievability for Causal Representation Learning},
  author    = {Var{\\i}c{\\i}, Burak and Acart{\\"u}rk, Emre and Shanmugam, Karthikeyan and Tajer, Ali},
  booktitle = {International Conference on Artificial Intelligence and Statistics},
  year      = {2024}
}""",
)

ROPES = Paper(
    "Kulkarni et al., 2025",
    """@misc{kulkarni2025ropes,
  title  = {{ROPES}: Robotic Pose Estimation via Score-based Causal Representation Learning},
  author = {Kulkarni, Pranamya and Datta, Puranjay and Var{\\i}c{\\i}, Burak and Acart{\\"u}rk, Emre and
            Shanmugam, Karthikeyan and Tajer, Ali},
  year   = {2025},
  note   = {arXiv:2510.20884}
}""",
)

CONTRASTIVE = Paper(
    "Buchholz et al., NeurIPS 2023",
    """@inproceedings{buchholz2023learning,
  title     = {Learning Linear Causal Representations from Interventions under General Nonlinear Mixing},
  author    = {Buchholz, Simon and Rajendran, Goutham and Rosenfeld, Elan and Aragam, Bryon and
               Sch{\\"o}lkopf, Bernhard and Ravikumar, Pradeep},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2023}
}""",
)
