import math
import os
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from foolbox.attacks.base import MinimizationAttack
from foolbox.distances import l2
from safetensors.torch import save_file

from c2f import attacks, zoo
from c2f.attacks import ATTACKS
from c2f.common.files import sha256
from c2f.datasets.pictures import mean_image
from c2f.datasets.selection import stratified_subset
from c2f.experiments.classification import run as experiments
from c2f.experiments.robustness import records as attack_records
from c2f.experiments.robustness import run as attacking
from c2f.experiments.robustness.run import VerificationError, attack_run
from c2f.experiments.robustness.verify import verify
from c2f.metrics import robustness
from c2f.runs import folder
from c2f.runs import parts as runs_parts
from c2f.runs.environment import environment
from c2f.runs.folder import save_weights
from c2f.runs.parts import OutOfTime, PartialResults
from c2f.runs.record import RecordError, Run, add_run, read
from c2f.training.recipes import recipe
from c2f.zoo import samples as targets
from c2f.zoo.samples import load_sample, predictions

DATA = "fashion-mnist"  # its shipped weights, on pictures of the shipped sample
NAME = f"lenetfc--{DATA}--contrast--minimal"


@pytest.fixture(autouse=True)
def sample(few_of_the_sample):
    return few_of_the_sample(DATA, train=100, test=120)


def attack(output, name="contrast", seed=0, network="lenetfc", **more):
    return attack_run(network, DATA, seed, name, output=output, **{"pictures": 24, **more})


def files(output):
    return sorted(
        str(path.relative_to(output)) for path in output.rglob("*") if path.is_file() and "/." not in str(path)
    )


class Toy(MinimizationAttack):
    """Gives what ``make`` makes of the pictures; draws nothing."""

    distance = l2
    seed = 0

    def __init__(self, make):
        self.make = make

    def run(self, model, inputs, criterion, *, early_stop=None, picture_ids=None, **kwargs):
        return type(inputs)(self.make(inputs.raw, picture_ids))


def use(monkeypatch, make, randomised=False):
    """Put a toy in the place of the contrast attack: ``make(seed)`` gives a function of pictures and ids."""
    row = attacks.Attack("Toy", lambda seed: Toy(make(seed)), lambda seed: Toy(make(seed)), (randomised,) * 2)
    monkeypatch.setitem(ATTACKS, "contrast", row)


def noisy(seed):
    """Noise of a strength of its own for each picture and seed: most pictures are turned, some by one seed only."""

    def make(pictures, ids):
        out = []
        for picture, i in zip(pictures, ids, strict=True):
            generator = torch.Generator().manual_seed(1000 * seed + i)
            strength = 0.4 * torch.rand(1, generator=generator)
            out.append((picture + strength * torch.randn(picture.shape, generator=generator)).clamp(0, 1))
        return torch.stack(out)

    return make


# What is attacked


def test_a_subset_is_balanced_and_a_smaller_one_is_part_of_it(sample):
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 3)
    some, more = stratified_subset(labels, 12), stratified_subset(labels, 30)
    assert labels[some].bincount().tolist() in ([4, 5, 3], [5, 4, 3])  # class 2 has no more
    assert labels[more].bincount().tolist() in ([13, 14, 3], [14, 13, 3])
    assert set(some.tolist()) < set(more.tolist())
    assert some.tolist() == sorted(set(some.tolist()))
    assert torch.equal(stratified_subset(labels, 83), torch.arange(83))
    assert not torch.equal(stratified_subset(labels, 12), stratified_subset(labels, 12, seed=1))


def test_the_target_is_the_trained_network_on_test_pictures(sample):
    target = load_sample("lenetfc", DATA, 0, 20)
    assert torch.equal(target.images, sample.test.images[target.indices].float() / 255)
    assert torch.equal(target.labels, sample.test.labels[target.indices])
    assert target.labels.bincount(minlength=10).tolist() == [2] * 10
    assert target.model.mean is None
    assert target.model.weights["file"] == "lenetfc--fashion-mnist--seed0.safetensors"
    assert len(load_sample("lenetfc", DATA, 0, None).labels) == 120


def test_the_mean_picture_is_subtracted_inside(monkeypatch, tmp_path, sample):
    """A network trained on centred pictures (CIFAR-10's recipe) is attacked as it was trained."""
    centred = recipe("lenetfc", "cifar10", epochs=1)
    described = experiments.parameters("lenetfc", DATA, centred, "sum_concat", "gaussian_resize", sample.test)
    network = zoo.load("lenetfc", DATA).network
    weights = save_weights(tmp_path, f"lenetfc--{DATA}", 0, network, described)
    mean = mean_image(sample.train)
    path = tmp_path / "means" / f"lenetfc--{DATA}--seed0.safetensors"
    path.parent.mkdir()
    save_file({"mean": mean}, path)
    files = {"weights": weights, "means": {"file": path.name, "sha256": sha256(path)}}
    run = Run(0, {"test_accuracy": 0.1}, {"classes": list(sample.test.classes)}, environment("cpu", 1), files)
    add_run(tmp_path / "runs", f"lenetfc--{DATA}", "training", described, run)
    target = load_sample("lenetfc", DATA, 0, 30, tmp_path)
    assert target.model.mean.equal(mean)
    seen = []
    use(monkeypatch, lambda seed: lambda pictures, ids: pictures)
    victim = attacks.victim
    monkeypatch.setattr(attacks, "victim", lambda *a, **k: seen.append(victim(*a, **k)) or seen[-1])
    attack(tmp_path, weights=tmp_path, pictures=30)
    with torch.no_grad():
        logits = network(target.images - mean.float())
        without = network(target.images)
    assert torch.allclose(seen[0](target.images), logits, atol=1e-5)
    assert logits.argmax(1).tolist() != without.argmax(1).tolist()
    assert stored(tmp_path)[1].clean_prediction.tolist() == logits.argmax(1).tolist()


# A run


QUICK = dict.fromkeys(ATTACKS, "minimal") | {"salt_and_pepper": "paper", "pointwise": "paper"}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_what_is_stored_stands_when_the_network_is_asked_again(tmp_path, name):
    """Real weights, real pictures: each success is a misclassification, in bounds, at the stored distance."""
    run = attack(tmp_path, name, protocol=QUICK[name], pictures=4, restarts=1)
    found = attack_records.results("lenetfc", DATA, name, QUICK[name], 0, tmp_path)
    perturbed = attack_records.adversarial("lenetfc", DATA, name, QUICK[name], 0, tmp_path)
    target = load_sample("lenetfc", DATA, 0, 4)
    with torch.no_grad():
        before, after = (target.model.network(x).argmax(dim=1).numpy() for x in (target.images, perturbed))
    assert (found.clean_prediction == before).all()
    assert (found.adversarial_prediction[found.success] == after[found.success]).all()
    assert (after[found.success] != found.label[found.success]).all()
    assert 0 <= float(perturbed.min()) <= float(perturbed.max()) <= 1
    apart = (perturbed - target.images).double().flatten(1).numpy()[found.success]
    for norm, order in (("l0", 0), ("l1", 1), ("l2", 2), ("linf", np.inf)):
        expected = np.linalg.norm(apart, order, axis=1)
        assert getattr(found, norm)[found.success] == pytest.approx(expected, rel=1e-6), norm
    assert torch.equal(perturbed[~found.success], target.images[~found.success])
    assert verify(target, perturbed, found).holds
    assert run.details["verified"] == found.success.sum()
    assert run.values == robustness.summary(found)


def test_a_run_writes_its_record_its_results_and_its_pictures(tmp_path):
    run = attack(tmp_path)
    assert files(tmp_path) == [
        f"adversarial/{NAME}--seed0.safetensors",
        f"attacks/{NAME}--seed0.safetensors",
        f"runs/{NAME}.json",
    ]
    record = read(tmp_path / "runs" / f"{NAME}.json")
    assert record.kind == "attack"
    assert record.runs == [run]
    about = record.parameters
    assert about["recipe"] == zoo.record("lenetfc", DATA).parameters["recipe"]
    assert {key: about[key] for key in ("network", "data", "attack", "protocol", "pictures", "repetitions")} == {
        "network": "lenetfc",
        "data": DATA,
        "attack": "contrast",
        "protocol": "minimal",
        "pictures": 24,
        "repetitions": 3,
    }
    assert 0.8 < run.values["clean_accuracy"] <= 1
    assert run.details["weights"] == zoo.record("lenetfc", DATA).runs[0].files["weights"]
    assert "weights" not in run.files
    assert len(run.details["repetitions"]) == 1  # it draws no random numbers
    assert "foolbox" in run.environment["versions"]
    assert attack_records.attack_record("lenetfc", DATA, "contrast", output=tmp_path) == record


def test_the_batches_change_nothing(tmp_path):
    whole = attack(tmp_path / "whole", "blended_uniform", pictures=12, restarts=2)
    parts = attack(tmp_path / "parts", "blended_uniform", pictures=12, restarts=2, batch_size=5)
    assert parts.values == whole.values
    assert parts.files["attacks"] == whole.files["attacks"]
    assert parts.files["adversarial"] == whole.files["adversarial"]


def test_of_the_repetitions_the_nearest_success_counts(tmp_path, monkeypatch, sample):
    use(monkeypatch, noisy, randomised=True)
    run = attack(tmp_path, pictures=100, restarts=3)
    best = attack_records.results("lenetfc", DATA, "contrast", output=tmp_path)
    singles = []
    for seed in range(3):
        use(monkeypatch, lambda _, seed=seed: noisy(seed))
        attack(tmp_path / f"{seed}", pictures=100)
        singles.append(attack_records.results("lenetfc", DATA, "contrast", output=tmp_path / f"{seed}"))
    assert np.array_equal(best.l2, np.min([single.l2 for single in singles], axis=0))
    assert [r["success_rate"] for r in run.details["repetitions"]] == [robustness.success_rate(s) for s in singles]
    assert len({robustness.success_rate(r) for r in (*singles, best)}) > 1
    chosen = np.argmin([single.l2 for single in singles], axis=0)
    for norm in robustness.NORMS:
        assert np.array_equal(getattr(best, norm), np.choose(chosen, [getattr(s, norm) for s in singles]))


class Killed(BaseException):
    pass


def test_a_killed_run_goes_on_and_ends_as_if_unbroken(tmp_path, monkeypatch):
    calls = []

    def counted(seed, fatal=()):
        def make(pictures, ids):
            calls.append(tuple(ids))
            if len(calls) in fatal:
                raise Killed
            return noisy(seed)(pictures, ids)

        return make

    use(monkeypatch, counted, randomised=True)
    unbroken = attack(tmp_path / "unbroken", batch_size=10, restarts=2)
    assert len(calls) == 6
    calls.clear()
    use(monkeypatch, lambda seed: counted(seed, fatal=(4,)), randomised=True)
    with pytest.raises(Killed):  # in the second search of the second batch
        attack(tmp_path, batch_size=10, restarts=2)
    assert [path.split("/")[0] for path in files(tmp_path) if "unbroken" not in path] == ["checkpoints"] * 3
    calls.clear()
    use(monkeypatch, counted, randomised=True)
    resumed = attack(tmp_path, batch_size=10, restarts=2)
    assert len(calls) == 3  # what is finished is not searched again
    assert (resumed.values, resumed.files["attacks"]) == (unbroken.values, unbroken.files["attacks"])
    assert not list((tmp_path / "checkpoints").iterdir())


def test_checkpoints_of_another_attack_and_damaged_ones_are_left_aside(tmp_path, monkeypatch):
    expected = attack(tmp_path / "alone", batch_size=10)
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    part = {"perturbed": torch.zeros(10, 1, 28, 28), "l2": torch.ones(10), "refuted": torch.ones(10).bool()}
    for first in (0, 10):
        PartialResults(checkpoints / f"{NAME}--seed0", {"of": "another"}).get(f"{first}-{first + 9}-0", lambda: part)
    _, damaged = sorted(checkpoints.iterdir())
    damaged.write_bytes(damaged.read_bytes()[:1000])
    found = attack(tmp_path, batch_size=10)
    assert found.files["attacks"] == expected.files["attacks"]
    assert os.listdir(checkpoints) == []


def test_near_the_deadline_no_batch_is_begun(tmp_path, monkeypatch):
    with pytest.raises(OutOfTime):
        attack(tmp_path, deadline=time.monotonic() - 1)
    assert files(tmp_path) == []
    clock, calls = SimpleNamespace(now=0.0), []
    monkeypatch.setattr(
        runs_parts, "time", SimpleNamespace(monotonic=lambda: clock.now, perf_counter=lambda: clock.now)
    )

    def slow(seed):
        def make(pictures, ids):
            calls.append(len(ids))
            clock.now += 2
            return pictures

        return make

    use(monkeypatch, slow)
    with pytest.raises(OutOfTime, match=r"--seed0 stopped before .*; run it again to go on"):
        attack(tmp_path, batch_size=6, deadline=5)
    assert calls == [6, 6]  # the third would have ended at 6
    run = attack(tmp_path, batch_size=6)
    assert calls == [6] * 4
    assert run.environment["seconds"] == 8  # both sittings


def test_what_is_there_is_left_out_until_asked_for_or_until_the_weights_change(tmp_path, monkeypatch):
    searches, search = [], attacking._search
    monkeypatch.setattr(attacking, "_search", lambda *arguments: searches.append(1) or search(*arguments))
    first = attack(tmp_path)
    assert attack(tmp_path) == first
    assert len(searches) == 1
    assert attack(tmp_path, again=True).files["attacks"] == first.files["attacks"]
    assert len(searches) == 2

    arrays = tmp_path / "attacks" / first.files["attacks"]["file"]
    arrays.write_bytes(arrays.read_bytes()[:-1])
    assert attack(tmp_path).files["attacks"] == first.files["attacks"]  # damaged: made anew
    assert attack_records.results("lenetfc", DATA, "contrast", output=tmp_path).success.any()

    trained = zoo.record("lenetfc", DATA)
    other = tmp_path / "retrained"
    weights = save_weights(other, trained.name, 0, zoo.load("lenetfc", DATA, 1).network, trained.parameters)
    add_run(
        other / "runs",
        trained.name,
        "training",
        trained.parameters,
        Run(0, {"x": 1}, trained.runs[0].details, environment("cpu", 1), {"weights": weights}),
    )
    anew = attack(tmp_path, weights=other)
    assert anew.details["weights"] == weights
    assert anew.files["attacks"] != first.files["attacks"]


def test_two_seeds_share_a_record(tmp_path):
    attack(tmp_path, seed=0)
    attack(tmp_path, seed=1)
    assert read(tmp_path / "runs" / f"{NAME}.json").seeds == [0, 1]
    first, second = (attack_records.results("lenetfc", DATA, "contrast", seed=s, output=tmp_path) for s in (0, 1))
    assert np.array_equal(first.picture, second.picture)
    assert not np.array_equal(first.l2, second.l2)


def test_a_whole_test_set_has_a_record_of_its_own(tmp_path, sample):
    attack(tmp_path)
    attack(tmp_path, pictures=None)
    whole = attack_records.results("lenetfc", DATA, "contrast", output=tmp_path, whole_test_set=True)
    assert len(whole) == 120
    part = attack_records.results("lenetfc", DATA, "contrast", output=tmp_path)
    assert np.array_equal(whole[part.picture].l2, part.l2)  # a picture's result is its own


# What must never pass in silence


def test_claims_that_are_none_count_as_not_found_and_are_told(tmp_path, monkeypatch):
    """Foolbox's call believes the model it asks; the plain network decides."""
    use(monkeypatch, lambda seed: lambda pictures, ids: (pictures + 0.9).clamp(0, 1))
    plain = attack(tmp_path / "honest")
    assert plain.values["success_rate"] > 50

    class Contrary(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.one_hot(torch.zeros(len(x)).long(), 10).float() * 2  # class 0, whatever it sees

    victim = attacks.victim
    monkeypatch.setattr(attacks, "victim", lambda network, mean, device: victim(Contrary(), mean, device))
    use(monkeypatch, lambda seed: lambda pictures, ids: pictures)
    run = attack(tmp_path)
    assert run.values["success_rate"] == 0
    assert run.details["verified"] == 0
    assert run.details["refuted"] == run.details["repetitions"][0]["refuted"] > 15
    assert verify(load_sample("lenetfc", DATA, 0, 24), *stored(tmp_path)).holds


def test_a_success_on_the_very_border_that_another_batch_takes_back_is_none(tmp_path, monkeypatch):
    honest = attack(tmp_path / "honest")
    border = int(np.flatnonzero(stored(tmp_path / "honest")[1].success)[0])
    calls, ask = [], attacking.predictions

    def last_digits(network, images, mean, device):
        calls.append(len(images))
        found = ask(network, images, mean, device)
        if len(calls) == 3:  # before the attack, after the only search, and once more at the end
            found[border] = load_sample("lenetfc", DATA, 0, 24).labels[border]
        return found

    monkeypatch.setattr(attacking, "predictions", last_digits)
    run = attack(tmp_path)
    assert (run.details["refuted"], run.details["verified"]) == (1, honest.details["verified"] - 1)
    perturbed, results = stored(tmp_path)
    assert (results.adversarial_prediction[border], results.l2[border]) == (-1, math.inf)
    assert torch.equal(perturbed[border], load_sample("lenetfc", DATA, 0, 24).images[border])


def stored(output):
    args = ("lenetfc", DATA, "contrast", "minimal", 0, output)
    return attack_records.adversarial(*args), attack_records.results(*args)


@pytest.mark.parametrize("bad", [1.0001, -0.5, math.nan])
def test_pictures_out_of_bounds_are_refused_and_nothing_is_recorded(tmp_path, monkeypatch, bad):
    use(monkeypatch, lambda seed: lambda pictures, ids: pictures.index_fill(3, torch.tensor([5]), bad))
    expected = r"outputs hold NaN" if math.isnan(bad) else r"Toy gave pictures with values outside \[0, 1\] or NaN"
    with pytest.raises((VerificationError, ValueError), match=expected):
        attack(tmp_path)
    assert files(tmp_path) == []


def test_every_false_line_of_stored_results_is_seen(tmp_path):
    attack(tmp_path)
    target = load_sample("lenetfc", DATA, 0, 24)
    perturbed, results = stored(tmp_path)
    assert verify(target, perturbed, results).holds
    turned, standing = (np.flatnonzero(mask) for mask in (results.success, ~results.success))
    i, j = int(turned[0]), int(standing[0])

    def changed(index, value):
        copy = perturbed.clone()
        copy[index] = value
        return verify(target, copy, results)

    assert changed(i, target.images[i]).refuted == 1
    assert changed(i, 0.999 * perturbed[i]).distance > 1e-4
    assert changed(i, torch.nan).outside == 1
    assert changed(j, 0.99 * perturbed[j]).touched == 1
    assert not any(v.holds for v in (changed(i, target.images[i]), changed(i, 0.999 * perturbed[i]), changed(j, -1)))
    after = results.adversarial_prediction.copy()
    after[i] = next(c for c in range(10) if c not in (after[i], results.label[i]))
    lied = robustness.Results(**{**vars(results), "adversarial_prediction": after})
    assert verify(target, perturbed, lied).other_class == 1


def test_results_that_do_not_stand_are_not_recorded(tmp_path, monkeypatch):
    save = robustness.save

    def shrink(results, path, about):
        save(robustness.Results(**{**vars(results), "l2": 0.99 * results.l2}), path, about)

    monkeypatch.setattr(robustness, "save", shrink)
    with pytest.raises(VerificationError, match=rf"the stored results of {NAME} do not stand: .*distance=0\.01"):
        attack(tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_network_that_gets_nothing_right_and_an_attack_that_finds_nothing(tmp_path, monkeypatch):
    use(monkeypatch, lambda seed: lambda pictures, ids: pictures)
    run = attack(tmp_path / "found-nothing")
    assert run.values["success_rate"] == run.values["points_lost"] == 0
    assert "l2_at_50" not in run.values
    assert stored(tmp_path / "found-nothing")[1].l2.max() == math.inf

    load = targets.zoo.load

    def never_right(*arguments):
        model = load(*arguments)
        model.network.head.register_forward_hook(lambda module, args, logits: -logits)
        return model

    monkeypatch.setattr(targets.zoo, "load", never_right)
    run = attack(tmp_path / "nothing-right", pictures=50)
    assert run.values["clean_accuracy"] < 0.2
    assert run.details["refuted"] == 0


# Bad input


def no_work(*arguments, **options):
    pytest.fail("work was begun")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "lenetfc_dt"}, "unknown network 'lenetfc_dt'; did you mean 'lenetfc_td'"),
        ({"name": "contrst"}, "unknown attack 'contrst'; did you mean 'contrast'"),
        ({"protocol": "papre"}, "unknown protocol 'papre'; did you mean 'paper'"),
        ({"pictures": 0}, "pictures must be a whole number of at least 1, not 0"),
        ({"pictures": 121}, "pictures is 121 but the test set of fashion-mnist has 120: give at most that, or all"),
        ({"restarts": 0}, "restarts must be a whole number of at least 1, not 0"),
        ({"batch_size": -3}, "batch_size must be a whole number of at least 1, not -3"),
        ({"seed": 9}, r"lenetfc--fashion-mnist has no weights of seed 9; seeds there: \[0, 1.*`c2f train lenetfc"),
        ({"network": "nin"}, r"there is no record .*nin--fashion-mnist\.json; make it with `c2f train nin fashion"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(tmp_path, monkeypatch, changes, message):
    monkeypatch.setattr(attacking, "_search_all", no_work)
    with pytest.raises(ValueError, match=message):
        attack(tmp_path, **changes)
    assert files(tmp_path) == []


def test_other_parameters_in_the_same_folder_are_refused_before_any_work(tmp_path, monkeypatch):
    attack(tmp_path)
    monkeypatch.setattr(attacking, "_search_all", no_work)
    with pytest.raises(RecordError, match="pictures 24 there and 30 here; choose another folder"):
        attack(tmp_path, pictures=30)
    with pytest.raises(RecordError, match="repetitions 3 there and 1 here; choose another folder"):
        attack(tmp_path, restarts=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match="Choose another folder"):
        attack(tmp_path / "file", name="shifts")


def test_what_is_missing_or_damaged_is_told_with_the_remedy(tmp_path):
    ask = {"attack": "contrast", "output": tmp_path}
    command = (
        r"make it with `c2f attack lenetfc fashion-mnist --attacks contrast --protocol minimal --seeds {} --output"
    )
    with pytest.raises(RecordError, match=rf"there is no record .*{NAME}\.json; " + command.format(0)):
        attack_records.results("lenetfc", DATA, **ask)
    run = attack(tmp_path)
    with pytest.raises(RecordError, match=r"has no attacks of seed 4; seeds there: \[0\]; " + command.format(4)):
        attack_records.results("lenetfc", DATA, seed=4, **ask)
    for kind, read_it in (("attacks", attack_records.results), ("adversarial", attack_records.adversarial)):
        path = tmp_path / kind / run.files["attacks"]["file"]
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(RecordError, match=r"is not the record's \(sha256 differs\): restore the file, or make it"):
            read_it("lenetfc", DATA, **ask)
        path.unlink()
        with pytest.raises(RecordError, match=r"seed0\.safetensors is missing; " + command.format("0 --again")):
            read_it("lenetfc", DATA, **ask)


def test_the_remedy_of_a_shipped_record_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "SHIPPED", tmp_path)
    with pytest.raises(RecordError, match=r"--pictures all --output output` and give the folder 'output'$"):
        attack_records.results("lenetfc", DATA, "contrast", whole_test_set=True)


def test_predictions_leave_the_pictures_and_the_network_as_they_are(sample):
    target = load_sample("lenetfc", DATA, 0, 20)
    before = target.images.clone()
    first = predictions(target.model.network, target.images, target.model.mean)
    assert torch.equal(first, predictions(target.model.network, target.images, target.model.mean))
    assert torch.equal(before, target.images)
