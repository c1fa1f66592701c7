"""The command line: ``c2f train``, ``attack``, ``fetch``, ``reference``, ``run``, ``book``, ``doctor``, each with
``--help``.

Thin: each command checks its arguments, calls the package and prints what comes back.
"""

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional, UseAppendAction, arg

if TYPE_CHECKING:
    from c2f.records import Run
    from c2f.training import History

app = tyro.extras.SubcommandApp()


class _Epochs:
    """Shows epochs as they end: a moving bar where somebody watches, a line each elsewhere."""

    def __init__(self, what: str, epochs: int):
        from c2f.progress import somebody_watches

        self.what, self.epochs, self.bar = what, epochs, None
        if somebody_watches():
            from tqdm.auto import tqdm

            self.bar = tqdm(total=epochs, desc=what, unit="epoch")

    def __call__(self, history: "History") -> None:
        if not len(history):
            return
        told = f"loss {history.train_loss[-1]:.4f}, validation accuracy {history.val_accuracy[-1]:.4f}"
        if self.bar is not None:
            self.bar.update(len(history) - self.bar.n)
            self.bar.set_postfix_str(told)
        else:
            print(
                f"{self.what}: epoch {len(history)} of {self.epochs}, {told}, {history.seconds[-1]:.1f} s", flush=True
            )

    def close(self) -> None:
        """End the bar's line."""
        if self.bar is not None:
            self.bar.close()


@app.command(name="train")
def train(
    network: Positional[str],
    data: Positional[str],
    /,
    profile: str = "quick",
    seeds: tuple[int, ...] = (),
    recipe: str | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    batch_size: int | None = None,
    augmentation: str | None = None,
    merge: str = "sum_concat",
    scaler: str = "gaussian_resize",
    device: str | None = None,
    compile: bool = False,
    again: bool = False,
    output: Path = Path("output"),
) -> None:
    """Train a network on a data set, test it, and write weights, history and record; an interrupted run is resumed.

    Under torchrun the seeds are shared out: each process trains its own on its own GPU.

    Args:
        network: its name, e.g. lenetfc_td: a family (lenetfc, nin_light, nin, resnet32, resnet18) and nothing, _td,
            _td_uni or _td_rev.
        data: a data set's name (see `c2f fetch --list`) or folder:PATH with train/ and test/ in it.
        profile: quick (a few epochs) or paper (the published recipe).
        seeds: one run each; without them 0, 1, ... as many as the recipe repeats.
        recipe: another recipe than the data set's own, e.g. cifar10-aug.
        epochs: passes over the training pictures.
        lr: learning rate at the start.
        weight_decay: factor of the L2 penalty, as the paper defines it (half of torch's).
        batch_size: pictures a step.
        augmentation: none, shift_flip, pca_flip_crop or autoaugment.
        merge: how a top-down network joins scales: sum, concat or sum_concat.
        scaler: how a top-down network shrinks pictures: gaussian_resize, blur_subsample, subsample, max_pool,
            blur_pool.
        device: as torch names it (cpu, cuda:1); without it a GPU where there is one.
        compile: run through torch.compile (needs a C++ compiler; up to a third faster on a CPU, after a slow start).
        again: train seeds that the output folder already holds anew, instead of leaving them out.
        output: folder for runs/, weights/ and checkpoints/.
    """
    from c2f.experiments import find_device, recorded_run, train_run
    from c2f.recipes import recipe as find_recipe
    from c2f.zoo import run_name

    found = find_recipe(
        network,
        data,
        profile,
        recipe,
        epochs=epochs,
        lr=lr,
        weight_decay=weight_decay,
        batch_size=batch_size,
        augmentation=augmentation,
    )
    place = find_device(device)
    mine = list(seeds or range(found.repetitions))[
        int(os.environ.get("RANK", 0)) :: int(os.environ.get("WORLD_SIZE", 1))
    ]
    for seed in mine:
        name = f"{run_name(network, data)}--seed{seed}"
        if not again and recorded_run(network, data, found, seed, output, merge, scaler) is not None:
            print(f"{name}: already in {output}; --again trains it anew")
            continue
        shown = _Epochs(name, found.epochs)
        try:
            run = train_run(
                network,
                data,
                found,
                seed,
                output,
                merge=merge,
                scaler=scaler,
                device=place,
                compiled=compile,
                on_epoch=shown,
            )
        finally:
            shown.close()
        seconds = run.values["train_seconds"]
        print(
            f"{name}: test accuracy {run.values['test_accuracy']:.4f} after {seconds:.0f} s; "
            f"record and weights in {output}"
        )


def _told(name: str, run: "Run") -> str:
    """Say in a line what an attack did."""
    values = run.values
    if "success_rate" not in values:
        return f"{name}: no picture was classified correctly, so there was nothing to attack"
    median = f"{values['median_l2']:.3f}" if "median_l2" in values else "not reached"
    refuted = f"; {run.details['refuted']} claims refuted" if run.details["refuted"] else ""
    return (
        f"{name}: accuracy {100 * values['clean_accuracy']:.1f} %, of that {values['success_rate']:.1f} % turned, "
        f"median L2 {median}; {run.details['verified']} verified{refuted}"
    )


@app.command(name="attack")
def attack(
    network: Positional[str],
    data: Positional[str],
    /,
    attacks: tuple[str, ...] = (),
    protocol: str = "minimal",
    pictures: int | Literal["all"] = 1000,
    repetitions: int = 3,
    seeds: tuple[int, ...] = (0,),
    batch_size: int | None = None,
    weights: Path | None = None,
    test_data: str | None = None,
    device: str | None = None,
    again: bool = False,
    output: Path = Path("output"),
) -> None:
    """Attack a trained network, verify and record what was found; an interrupted run goes on where it stopped.

    Args:
        network: its name, e.g. lenetfc_td.
        data: the data set that it was trained on.
        attacks: their names, e.g. contrast shifts; without them all ten of the paper.
        protocol: minimal (the smallest perturbation that a correct search finds) or paper (as the published runs
            searched).
        pictures: how many test pictures, as many of each class as there are, or all.
        repetitions: searches with other random numbers, of which the best counts for each picture.
        seeds: of the trainings whose weights are attacked.
        batch_size: pictures searched at once, 250 or on a GPU 2000 unless given; changes no result.
        weights: the folder that `c2f train` wrote; without it the weights that come with the book.
        test_data: a data set of the same classes whose test pictures are attacked, e.g. fashion-mnist-sample; without
            it those of data.
        device: as torch names it; without it a GPU where there is one.
        again: attack anew what the output folder already holds.
        output: folder for runs/, attacks/ (results picture by picture) and adversarial/ (the perturbed pictures).
    """
    from c2f import attacks as table
    from c2f.attack_records import attack_name
    from c2f.attacking import attack_run
    from c2f.experiments import find_device

    count = None if pictures == "all" else pictures
    chosen = attacks or tuple(table.names())
    for name in chosen:
        table.build(name, protocol)  # all names are checked before the first attack
    place = find_device(device)
    for seed in seeds:
        for name in chosen:
            run = attack_run(
                network,
                data,
                seed,
                name,
                protocol,
                output=output,
                pictures=count,
                repetitions=repetitions,
                batch_size=batch_size,
                weights=weights,
                test_data=test_data,
                device=place,
                again=again,
            )
            print(_told(f"{attack_name(network, data, name, protocol, count is None)}--seed{seed}", run), flush=True)
    print(f"records and results picture by picture in {output}")


@app.command(name="fetch")
def fetch(names: Positional[tuple[str, ...]] = (), /, list: bool = False) -> None:
    """Download and unpack data sets ahead of time, or list them; C2F_DATA moves the folder, C2F_OFFLINE=1 forbids it.

    Args:
        names: the data sets.
        list: show every data set, its licence, its size and whether it is there.
    """
    from c2f import datasets

    if not names and not list:
        raise ValueError("name the data sets to fetch, or give --list")
    for name in names:
        datasets.info(name)  # all names are checked before the first download
    for name in names:
        print(f"{name}: {datasets.fetch(name)}")
    if list:
        print(f"data root: {datasets.data_root()} (C2F_DATA moves it)")
        for row in datasets.table():
            size = f"{row.size / 1e6:.0f} MB" if row.size else "-"
            print(f"{row.name:27s} {'there' if row.present else '-':6s} {size:>8s}  {row.licence}")


@app.command(name="reference")
def reference(
    *,
    budget: float | None = None,
    only: tuple[str, ...] = (),
    list: bool = False,
    output: Path | None = None,
    device: str | None = None,
    compile: bool = False,
    pack: Path | None = None,
    unpack: Path | None = None,
) -> None:
    """Run what is missing of the book's reference runs, in order of value; stop and go on at any time.

    On a borrowed machine without a network: run with --output DIR and --pack FILE there, bring FILE home, and merge
    it with --unpack FILE. Unfinished runs travel too, as checkpoints.

    Args:
        budget: seconds after which nothing new is begun; an epoch that would not end in time is not begun either.
        only: names of pieces, or how several begin, e.g. lenetfc_td--mnist.
        list: show the pieces and which of them are done, and run nothing.
        output: the folder of runs/, weights/, attacks/ and checkpoints/; without it the book's own, data.
        device: as torch names it; without it a GPU where there is one. Without a GPU the pieces that need one are
            left out.
        compile: run through torch.compile.
        pack: write all of the output folder's results into this tar file at the end.
        unpack: first merge the results in this tar file into the output folder.
    """
    from c2f import reference as runs
    from c2f.experiments import find_device
    from c2f.zoo import SHIPPED

    folder = output or SHIPPED
    deadline = None if budget is None else time.monotonic() + budget
    place = find_device(device)
    chosen = runs.select(only, gpu=place.startswith("cuda"))
    if unpack is not None:
        print(f"{runs.unpack(unpack, folder)} runs merged into {folder}")
    if list:
        for piece in chosen if only else runs.pieces():
            where = "GPU" if piece.gpu else "CPU"
            state = "done" if piece.done(folder) else "-"
            cost = "" if piece.minutes is None else f", about {piece.minutes:g} min"
            print(f"{piece.name:44s} {state:5s} {where}{cost}")
        return

    def told(piece: str, history: "History") -> None:
        if len(history):
            accuracy = f"validation accuracy {history.val_accuracy[-1]:.4f}"
            print(f"{piece}: epoch {len(history)}, {accuracy}, {history.seconds[-1]:.1f} s", flush=True)

    if unpack is None or budget is not None or only:
        settings = runs.Settings(
            folder, place, compile, deadline, told, lambda name, run: print(_told(name, run), flush=True)
        )
        finished, missing = runs.run(chosen, settings)
        print(f"finished {len(finished)}, still missing {len(missing)}{': ' + ', '.join(missing) if missing else ''}")
    if pack is not None:
        print(f"{runs.pack(folder, pack)} files in {pack}")


@app.command(name="run")
def run(
    chapter: Positional[str],
    /,
    parameter: Annotated[UseAppendAction[tuple[str, ...]], arg(aliases=["-p"], metavar="NAME=VALUE")] = (),
    profile: str = "quick",
    output: Path | None = None,
) -> None:
    """Execute one chapter with papermill; unknown, missing and ill-typed parameters are refused.

    Args:
        chapter: its number or name, e.g. 2 or 02-bottom-up-against-top-down.
        parameter: one parameter, name=value, before the profile's; may be given several times.
        profile: quick, paper, smallest, or the path of a YAML file like those in book/profiles.
        output: the executed notebook; without it output/CHAPTER.PROFILE.ipynb.
    """
    from c2f import chapters, execute

    found = chapters.find(chapter)
    done = execute.run(found, chapters.from_text(found, parameter), profile, output)
    print(f"{done.chapter}: {done.seconds:.0f} s, {done.peak_mib:.0f} MiB; {done.output}")


@app.command(name="book")
def book(*, profile: str = "quick", force: bool = False) -> None:
    """Execute every chapter that has changed, build the HTML, check it, and say where to open it.

    Args:
        profile: quick, paper or smallest: a file in book/profiles.
        force: execute unchanged chapters too.
    """
    from c2f.book import build

    built = build(profile, force=force, said=lambda line: print(line, flush=True))
    report = built.report
    print(
        f"{report.pages} pages, {report.figures} figures, {built.seconds:.0f} s, "
        f"of which Sphinx {built.sphinx_seconds:.0f} s"
    )
    print(f"Open {built.index.as_uri()}")


@app.command(name="doctor")
def doctor() -> None:
    """Tell what this machine can run and what is missing, with the remedy for each thing."""
    from c2f.doctor import examine

    diagnosis = examine()
    for finding in diagnosis.findings:
        mark = "!!" if finding.stops else "ok"
        print(f"{mark} {finding.what:22s} {finding.detail}")
        if finding.remedy:
            print(f"   {'':22s} -> {finding.remedy}")
    print(diagnosis.verdict)
    if not diagnosis.can("all"):
        raise SystemExit(1)


def main() -> None:
    """Run the command line; a bad argument or file gives one message and exit status 2, never a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for chatty in ("papermill", "traitlets"):  # they tell of temporary files and of sockets closed late
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        app.cli(prog="c2f", description=__doc__)
    except KeyboardInterrupt:
        raise SystemExit("c2f: interrupted; run the same command again to go on") from None
    except (ValueError, OSError, ImportError, RuntimeError, ArithmeticError, MemoryError) as error:
        print(f"c2f: {error or type(error).__name__}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
