"""What the documents are to reach, group by group, and which of them Ghostscript shows better."""

from collections.abc import Sequence

from benchmarks.table import Row, ratio

_SLACK = 0.003
"""Of CER: Tesseract reads a good page a little better or worse from run to run of the same text."""

GOALS = {
    "text": "line time at most Ghostscript's",
    "scans": "line time at most 1/5, CER at most 0.01",
    "slides": "line time at most 1/5, CER at most 0.01",
    "tables": "CER no worse",
    "forms": "CER no worse",
    "photographs": "line time shorter, SSIM better",
    "papers": "CER no worse",
}
_LINE_TIME = {"text": 1.0, "scans": 0.2, "slides": 0.2, "photographs": 1.0}
_ERRORS = {"scans": 0.01, "slides": 0.01}


def by_group(rows: Sequence[Row]) -> list[Row]:
    summary: list[Row] = []
    for group in dict.fromkeys(str(row["group"]) for row in rows):
        of_it = [row for row in rows if row["group"] == group]
        ours, theirs = _mean(of_it, "s"), _mean(of_it, "s gs")
        error, likeness, other = _mean(of_it, "CER"), _mean(of_it, "SSIM"), _mean(of_it, "SSIM gs")
        times = ratio(ours, theirs)
        met = [
            times is None or times <= _LINE_TIME.get(group, float("inf")),
            error is None or error <= _ERRORS.get(group, 1.0),
            group != "photographs" or likeness is None or other is None or likeness > other,
            not less_legible(of_it),
        ]
        summary.append(
            {
                "group": group,
                "documents": len(of_it),
                "s": _rounded(ours, 1),
                "s gs": _rounded(theirs, 1),
                "x gs": times,
                "CER": _rounded(error, 4),
                "CER gs": _rounded(_mean(of_it, "CER gs"), 4),
                "SSIM": _rounded(likeness, 3),
                "SSIM gs": _rounded(other, 3),
                "goal": GOALS[group],
                "met": "yes" if all(met) else "NO",
            }
        )
    return summary


def less_legible(rows: Sequence[Row]) -> list[str]:
    """Documents that read worse than Ghostscript's, or photographs that look less like themselves."""
    worse = []
    for row in rows:
        error, other = _number(row, "CER"), _number(row, "CER gs")
        if error is not None and other is not None and error > other + _SLACK:
            worse.append(f"{row['document']} (CER {error} against {other})")
        looks, better = _number(row, "SSIM"), _number(row, "SSIM gs")
        if looks is not None and better is not None and looks < better:
            worse.append(f"{row['document']} (SSIM {looks} against {better})")
    return worse


def _mean(rows: Sequence[Row], column: str) -> float | None:
    values = [value for row in rows if (value := _number(row, column)) is not None]
    return sum(values) / len(values) if values else None


def _number(row: Row, column: str) -> float | None:
    value = row[column]
    return None if value is None else float(value)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
