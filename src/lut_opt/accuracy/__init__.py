"""What a network on integers is worth: measured against PyTorch, judged by what is required."""

from lut_opt.accuracy.checking import CheckError, Recipe, check
from lut_opt.accuracy.metrics import Figures
from lut_opt.accuracy.report import Accuracy, Operator
from lut_opt.accuracy.requirements import RequirementError, Requirements, Verdict

__all__ = [
    "Accuracy",
    "CheckError",
    "Figures",
    "Operator",
    "Recipe",
    "RequirementError",
    "Requirements",
    "Verdict",
    "check",
]
