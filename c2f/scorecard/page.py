"""The scorecard's tables in Markdown, made from the claims and the records."""

from collections.abc import Sequence
from pathlib import Path

from c2f.book.chapters import chapters
from c2f.reference.short import FOLDERS
from c2f.scorecard.claims import CLAIMS, Claim
from c2f.scorecard.verdict import AGAINST, FOR, NOT_TRIED, OPEN, Finding, Verdict

_FEW = 2
"""So many findings stand in the table; of more it says how many are for the claim."""


def table(paper: str, folders: Sequence[Path] = FOLDERS) -> str:
    """Return the claims of ``paper`` with their verdicts, and below them the numbers of each, folded.

    Raises:
        c2f.runs.record.RecordError: a damaged record.
    """
    rows = ["| | The paper's claim | Verdict | Paper | Ours, with 95 % interval |", "|---|---|---|---|---|"]
    numbers = []
    for place, claim in enumerate((claim for claim in CLAIMS if claim.paper == paper), start=1):
        findings = claim.findings(folders)
        verdict, missing = claim.verdict(findings), claim.missing(folders)
        rows.append(
            f"| {place} | {claim.says} | **{verdict.word}**{f', {verdict.why}' * bool(verdict.why)} "
            f"| {claim.number or 'no number'} | {_ours(findings, verdict, missing)} |"
        )
        numbers.append(_numbers(place, claim, findings, missing))
    return "\n".join([*rows, "", *numbers])


def _ours(findings: Sequence[Finding], verdict: Verdict, missing: str) -> str:
    if verdict.word == NOT_TRIED:
        return missing or "not recorded yet: `c2f reference --list`"
    if len(findings) <= _FEW:
        return "; ".join(f"{one.number}: {one.what}{_of(one)}" for one in findings)
    counts = verdict.counts
    rest = [f"{counts[AGAINST]} against", f"{counts[OPEN]} cannot be told"]
    kept = [text for text, count in zip(rest, (counts[AGAINST], counts[OPEN]), strict=True) if count]
    return f"{counts[FOR]} of {len(findings)} for it" + "".join(f", {text}" for text in kept)


def _of(one: Finding) -> str:
    return f", {one.over}" if one.over else ""


def _numbers(place: int, claim: Claim, findings: Sequence[Finding], missing: str) -> str:
    """Return all that is known of a claim, folded: its findings, its rule and how it is measured again."""
    title = f"{place}. {claim.says}"
    lines = [f"Stands in: {claim.place}. Counts as so: {claim.rule}, with its whole interval."]
    if findings:
        rows = ["| what | ours | over | trained, attacked | says | device and commit |", "|---|---|---|---|---|---|"]
        for one in findings:
            rule = one.rule or claim.rule
            said = f"{rule.judge(one.found)} ({rule})"
            rows.append(f"| {one.what} | {one.number} | {one.over} | {one.about} | {said} | {one.where} |")
        lines += ["", *rows]
    if missing:
        lines += ["", f"More of it is {missing}."]
    lines += ["", f"Measured again by `c2f {claim.again}`; explained in {{doc}}`{_file(claim)}`."]
    return "\n".join([f":::{{dropdown}} {title}", *lines, ":::", ""])


def _file(claim: Claim) -> str:
    return next(chapter.name for chapter in chapters() if chapter.name[3:] == claim.chapter)
