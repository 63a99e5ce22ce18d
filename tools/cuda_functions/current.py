"""The report as headers, judgements and hooks make it today."""

from pathlib import Path

from tools.cuda_functions.headers import WHEELS, functions
from tools.cuda_functions.hooks import hooks
from tools.cuda_functions.judgements import JUDGEMENTS, judgements_of, read_judgements
from tools.cuda_functions.report import render

REPORT = Path(__file__).resolve().parents[2] / "docs" / "cuda-functions.md"


def current_report() -> str:
    """Raises ValueError if a function was not judged, or twice."""
    versions = {version: functions(version) for version in WHEELS}
    judgements = read_judgements(JUDGEMENTS.read_text())
    judged = {}
    for function in sorted(frozenset().union(*versions.values())):
        lines = judgements_of(function, judgements)
        if len(lines) != 1:
            raise ValueError(f"{JUDGEMENTS.name} has {len(lines)} judgements of {function} instead of one")
        judged[function] = lines[0]
    families = list(dict.fromkeys(line.family for line in judgements))
    return render(families, judged, frozenset(hooks()), versions)
