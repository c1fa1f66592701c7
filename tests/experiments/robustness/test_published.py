from c2f import networks
from c2f.experiments.robustness import published


def test_every_row_has_every_task_and_known_names():
    for table in (published.L2_AT_50, published.POINTS_LOST):
        tasks = {(data, family) for data, family, _ in table}
        assert len(tasks) == 8
        assert len(table) == 8 * len({attack for _, _, attack in table})
        assert {family for _, family in tasks} <= set(networks.names("classifier"))


def test_a_number_stands_where_it_was_read():
    assert published.L2_AT_50["fashion-mnist", "lenetfc", "contrast"] == published.Pair(2.0, 3.3)
    assert published.L2_AT_50["cifar10", "nin", "additive_gaussian"] == published.Pair(3, 3.2, approximate=True)
    assert published.POINTS_LOST["mnist", "nin_light", "single_pixel"] == published.Pair(1.7, 0.4)
