"""``c2f run``, ``verify``, ``book`` and ``doctor``."""

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from c2f.cli.app import app


@app.command(name="run")
def run(
    chapter: Positional[str],
    /,
    parameter: Annotated[UseAppendAction[tuple[str, ...]], arg(aliases=["-p"], metavar="NAME=VALUE")] = (),
    profile: str = "quick",
    notebook: Path | None = None,
) -> None:
    """Execute one chapter with papermill; unknown, missing and ill-typed parameters are refused.

    Args:
        chapter: its number or name, e.g. 2 or 02-bottom-up-against-top-down.
        parameter: one parameter, name=value, before the profile's; may be given several times.
        profile: quick, paper, smallest, or the path of a YAML file like those in book/profiles.
        notebook: where the executed notebook goes; without it output/CHAPTER.PROFILE.ipynb.
    """
    from c2f.book import chapters, execute
    from c2f.common.cores import use_spare_cores

    use_spare_cores()
    found = chapters.find(chapter)
    done = execute.run(found, chapters.from_text(found, parameter), profile, notebook)
    print(f"{done.chapter}: {done.seconds:.0f} s, {done.peak_mib:.0f} MiB; {done.output}")


@app.command(name="verify")
def verify(
    chapter: Positional[str], /, *, notebook: Path | None = None, profile: str = "quick", tolerance: float = 0.01
) -> None:
    """Run an executed chapter again, as it was run, and tell cell by cell whether it says the same.

    Compared are printed text, tables, findings, the texts of figures, and what the exercises' solutions print; not the
    pictures themselves. Ends with exit status 1 where a cell is different.

    Args:
        chapter: its number or name, e.g. 2 or 02-bottom-up-against-top-down.
        notebook: the executed notebook, of c2f run or from a page's download button; without it the book's own.
        profile: of the book's own.
        tolerance: by how much of the larger one two numbers may differ and still count as near.
    """
    from c2f.book import chapters
    from c2f.book.verify import Verdict, executed_notebook, verify

    found = chapters.find(chapter)
    executed = notebook or executed_notebook(found, profile)
    print(f"{found.name}: comparing with {executed}", flush=True)
    done = verify(found, executed, Path("output") / f"{found.name}.verify.ipynb", tolerance)
    for cell in done.cells:
        print(f"{cell.verdict.name.lower():9s} {cell.cell}")
        if cell.verdict is not Verdict.SAME:
            print(f"          then: {cell.before}\n          now:  {cell.after}")
    print(f"{done} (tolerance {tolerance:g}); {done.output}")
    if not done.same:
        raise SystemExit(1)


@app.command(name="book")
def book(
    *,
    profile: str = "quick",
    force: bool = False,
    jobs: int | None = None,
    nice: bool = False,
    readme: bool = False,
    pdf: bool = False,
) -> None:
    """Execute every chapter that has changed, build the HTML, check it, and say where to open it.

    Args:
        profile: quick, paper or smallest: a file in book/profiles.
        force: execute unchanged chapters too.
        jobs: how many chapters are executed at a time; without it as many as cores and memory allow, one with a GPU.
        nice: let other processes go first.
        readme: write what each chapter cost, now or when it was executed, into the README's table, and the project's
            address into its line of git clone.
        pdf: print the book, without the pages of the package, to one PDF too; takes Chromium.
    """
    from c2f.book import pdf as pdfs
    from c2f.book.build import build
    from c2f.book.chapters import ROOT
    from c2f.book.profiles import QUICK
    from c2f.book.readme import write_address, write_costs
    from c2f.book.site import read_site
    from c2f.common.checks import positive_int
    from c2f.common.cores import be_nice

    def fill(pages: Path) -> None:
        from c2f.reference.pages import fill  # brings torch, for which chapters that have not changed need not wait

        fill(pages)

    if jobs is not None:
        positive_int(jobs, "jobs", maximum=100)
    if readme and profile != QUICK:
        raise ValueError(f"the README tells what chapters cost in the profile {QUICK}, not in {profile}")
    if pdf:
        pdfs.browser()
    if nice:
        be_nice()
    built = build(profile, force=force, jobs=jobs, said=lambda line: print(line, flush=True), fill=fill)
    report = built.report
    sphinx = f"of which Sphinx {built.sphinx_seconds:.0f} s" if built.sphinx_seconds else "the pages unchanged"
    print(f"{report.pages} pages, {report.figures} figures, {built.seconds:.0f} s, {sphinx}")
    site = read_site(ROOT / "_config.yml")
    if readme:
        write_costs(ROOT / "README.md", built.executed)
        write_address(ROOT / "README.md", site)
    for line in site.missing:
        print(line)
    if pdf:
        output = built.index.parents[1] / "coarse-to-fine.pdf"
        print(f"{output}: {pdfs.make_pdf(built.index.parent, ROOT / '_toc.yml', output) / 1e6:.0f} MB", flush=True)
    print(f"Open {built.index.as_uri()}")


@app.command(name="doctor")
def doctor(
    data: Positional[str | None] = None, /, *, require: str = "", speed: bool = False, forget: bool = False
) -> None:
    """Tell what this machine can run and what is missing, with the remedy for each thing; or what is in a data set.

    Ends with exit status 1 if nothing can run, or what is required is missing.

    Args:
        data: look at this data set instead: counts, sizes, modes, broken files, what is passed over, pictures that are
            there twice. A name, folder:PATH, or the path of a folder of class folders.
        require: what must be there, with commas between: data (the paper profile's data sets), cuda (a GPU that torch
            computes on), disk (room for results).
        speed: tell instead how long steps of training were measured to take here, by which engines are chosen.
        forget: forget these; they are measured again where they are needed.
    """
    if speed or forget:
        _speed(forget)
        return
    if data is not None:
        from c2f.datasets.checkup import checkup

        print("\n".join(checkup(data)))
        return
    from c2f.book.doctor import REQUIREMENTS, examine
    from c2f.common.checks import choose

    required = [choose(name.strip(), REQUIREMENTS, "requirement") for name in require.split(",")] if require else []
    diagnosis = examine()
    for finding in diagnosis.findings:
        mark = "!!" if finding.stops else "ok"
        print(f"{mark} {finding.what:22s} {finding.detail}")
        if finding.remedy:
            print(f"   {'':22s} -> {finding.remedy}")
    print(diagnosis.verdict)
    unmet = diagnosis.unmet(required)
    for finding in unmet:
        wanted = finding.lacks or "the package"
        print(f"c2f doctor: {wanted} is required; {finding.what}: {finding.detail}", file=sys.stderr)
    if unmet:
        raise SystemExit(1)


def _speed(forget: bool) -> None:
    from c2f.training import speed

    known = speed.remembered()
    if not known:
        print(f"nothing was measured yet (it would stand in {speed.speed_file()})")
    for what, seconds in sorted(known.items()):
        print(what)
        for engine, value in sorted(seconds.items(), key=lambda entry: entry[1]):
            print(f"   {engine:24s} {1000 * value:8.1f} ms{'' if engine == 'compiling' else ' a step'}")
    if forget:
        speed.forget()
        print("forgotten")
