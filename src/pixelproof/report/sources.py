"""The works that pages name, each written once."""

from __future__ import annotations

from dataclasses import dataclass

from pixelproof.report.section import Section, part


@dataclass(frozen=True)
class Source:
    """``where`` and when it appeared; ``link`` as it is written, ``arXiv:1906.06026v1`` or ``doi:10.1145/…``."""

    authors: str
    title: str
    where: str = ""
    link: str = ""

    @property
    def address(self) -> str:
        kind, _, place = self.link.partition(":")
        return f"https://arxiv.org/abs/{place}" if kind == "arXiv" else f"https://doi.org/{place}"


def source_section(*works: tuple[Source, str], title: str = "Sources") -> Section:
    """Each work with what was taken from it."""
    return Section("sources", title, [part("sources", works)])


ATHALYE = Source(
    "A. Athalye, N. Carlini and D. Wagner",
    "Obfuscated Gradients Give a False Sense of Security",
    "ICML 2018",
    "arXiv:1802.00420",
)
CARLINI = Source(
    "N. Carlini, A. Athalye, N. Papernot, W. Brendel, J. Rauber, D. Tsipras, I. Goodfellow, A. Madry and A. Kurakin",
    "On Evaluating Adversarial Robustness",
    "2019",
    "arXiv:1902.06705",
)
CHAPARRO = Source(
    "M. A. Chaparro Quiñones",
    "Robustness Analysis of Deep Neural Networks for Computer Vision",
    "master’s thesis, Tallinn University of Technology, 2020",
)
ENGSTROM = Source(
    "L. Engstrom, B. Tran, D. Tsipras, L. Schmidt and A. Madry",
    "Exploring the Landscape of Spatial Robustness",
    "ICML 2019",
    "arXiv:1712.02779",
)
HENDRYCKS = Source(
    "D. Hendrycks and T. Dietterich",
    "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
    "ICLR 2019",
    "arXiv:1903.12261",
)
JANKOVIC = Source(
    "A. Jankovic and R. Mayer",
    "An Empirical Evaluation of Adversarial Examples Defences, Combinations and Robustness Scores",
    "IWSPA 2022",
    "doi:10.1145/3510548.3519370",
)
KOTYAN = Source(
    "S. Kotyan and D. V. Vargas",
    "Adversarial Robustness Assessment: Why both L0 and L∞ Attacks Are Necessary",
    "2020",
    "arXiv:1906.06026v3",
)
SU = Source(
    "J. Su, D. V. Vargas and K. Sakurai",
    "One Pixel Attack for Fooling Deep Neural Networks",
    "IEEE Transactions on Evolutionary Computation 23 (5), 2019, 828–841",
)
TEKWANI = Source(
    "K. Tekwani and M. Parmar",
    "Critical Checkpoints for Evaluating Defence Models Against Adversarial Attack and Robustness",
)
TRAMER = Source(
    "F. Tramèr, N. Carlini, W. Brendel and A. Mądry",
    "On Adaptive Attacks to Adversarial Example Defenses",
    "NeurIPS 2020",
    "arXiv:2002.08347",
)
VARGAS = Source(
    "D. V. Vargas and S. Kotyan",
    "Model Agnostic Dual Quality Assessment for Adversarial Machine Learning and an Analysis of Current Neural "
    "Networks and Defenses",
    "2019",
    "arXiv:1906.06026v1",
)
WANG = Source(
    "Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli",
    "Image Quality Assessment: From Error Visibility to Structural Similarity",
    "IEEE Transactions on Image Processing 13 (4), 2004",
)
WENG = Source(
    "T.-W. Weng et al.",
    "Evaluating the Robustness of Neural Networks: An Extreme Value Theory Approach",
    "ICLR 2018",
    "arXiv:1801.10578",
)
WILSON = Source(
    "E. B. Wilson",
    "Probable Inference, the Law of Succession, and Statistical Inference",
    "Journal of the American Statistical Association 22 (158), 1927, 209–212",
)
