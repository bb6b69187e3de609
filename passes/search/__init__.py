"""
Search for tables: pure numerics on NumPy arrays, no IR.

    points = samples(function, parameters, operand, result, domain)   # dialects/pwl/certificate.py
    problem = formulate(points, operand, result, Shape(entries=8))
    found = search(problem, lambda x: result.clip(function(x, *parameters)))
    certificate = certify(found.table, points, operand, result)

`README.md` has the mathematics.
"""

from lut_opt.passes.search.heuristic.genetic import GeneticConfig, GeneticSearch
from lut_opt.passes.search.heuristic.joint import JointProblem, Scale, formulate_joint
from lut_opt.passes.search.heuristic.neural import NeuralConfig
from lut_opt.passes.search.model.constraints import Constraints, Tail
from lut_opt.passes.search.model.formulate import (
    Form,
    Goal,
    Shape,
    forms,
    formulate,
    histogram_weights,
)
from lut_opt.passes.search.model.problem import Metric, Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.optimal.budget import Budget, Choice, front, meet
from lut_opt.passes.search.optimal.exact import ExactConfig
from lut_opt.passes.search.optimal.squares import MAX_POINTS, NotProvable
from lut_opt.passes.search.strategies import STRATEGIES, register, search
from lut_opt.passes.search.strategy.base import Setting, Strategy
from lut_opt.passes.search.strategy.genetic import GeneticOptions
from lut_opt.passes.search.strategy.neural import NeuralOptions

__all__ = [
    "MAX_POINTS",
    "STRATEGIES",
    "Budget",
    "Choice",
    "Constraints",
    "ExactConfig",
    "Form",
    "GeneticConfig",
    "GeneticOptions",
    "GeneticSearch",
    "Goal",
    "JointProblem",
    "Metric",
    "NeuralConfig",
    "NeuralOptions",
    "NotProvable",
    "Problem",
    "Scale",
    "SearchResult",
    "Setting",
    "Shape",
    "Strategy",
    "Tail",
    "forms",
    "formulate",
    "formulate_joint",
    "front",
    "histogram_weights",
    "meet",
    "register",
    "search",
]
