import hashlib
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import filters, morphology, segmentation

from c2f.cam.refine import FOCAL_SCOPES, MERGE_TYPES, RefineOptions, refine, steps
from tests.oracles import high_res_cam_pipeline as oracle
from tests.oracles.top_down import TOLERANCE, difference

OPTIONS = {0: RefineOptions(), 2: RefineOptions(focal_scope="local", maxima_areas="small", merge_alpha=0.7)}


def scene(seed, size=64, low_size=8, shift=0.0):
    """Maps of one bump with noise: low (1, h, w), high (1, H, W)."""
    rng = np.random.default_rng(seed)
    row, column = rng.uniform(0.25, 0.75, 2)

    def bump(n):
        y, x = (np.arange(n)[:, None] + 0.5) / n - row, (np.arange(n)[None, :] + 0.5) / n - column
        return 1 / (1 + (y * y + x * x) / 0.03) + 0.05 * rng.random((n, n)), y * y + x * x < 0.02

    (low, _), (high, disc) = bump(low_size), bump(size)
    return (torch.tensor(a, dtype=torch.float32)[None] for a in (low + shift, high + 0.5 * disc))


def refined(low, high, **options):
    pictures = torch.full((len(high), 3, *high.shape[1:]), 7, dtype=torch.uint8)
    return refine(pictures, low, high, RefineOptions(**({"hole_area": 21} | options)))


@pytest.fixture(scope="module")
def published():
    """Ours for the oracle's cases."""
    made = {}
    for case, options in OPTIONS.items():
        low, high = oracle.low_map(case), oracle.high_map(case)
        facts = next(f for f in oracle.facts()["pipeline"] if f["name"].startswith(f"c{case}_"))
        for what, array in (("low", low), ("high", high)):
            assert hashlib.sha256(array.tobytes()).hexdigest() == facts["sha"][what]
        maps = [torch.from_numpy(a)[None] for a in (low, high)]
        made[case] = facts, refine(torch.full((1, 3, 224, 224), 9, dtype=torch.uint8), *maps, options)
    return made


@pytest.mark.parametrize("case", OPTIONS)
class TestThePublishedCode:
    def test_masks_are_the_same_bits(self, published, case):
        facts, ours = published[case]
        for name in ("roi", "segmented", "edge_mask", "full_segment"):
            assert np.array_equal(getattr(ours, name)[0].numpy(), oracle.mask(case, name)), name
            assert getattr(ours, name).sum() == facts[f"{name}_count"]
        assert torch.equal(ours.roi_edges, ours.edge_mask & ours.roi)

    def test_maps_are_equal(self, published, case):
        facts, ours = published[case]
        for name in ("blurred", "low_resized", "edges", "merged"):
            made = getattr(ours, name)[0].double()
            assert difference(made[::4, ::4], oracle.arrays()[f"pp{case}.{name}_stride4"]) < TOLERANCE
            summary = [made.mean(), made.std(correction=0), made.min(), made.max()]
            np.testing.assert_allclose(summary, facts[name], rtol=TOLERANCE, atol=1e-7)
        assert np.array_equal(ours.low[0], oracle.arrays()[f"pp{case}.low"])
        assert difference(ours.bounds[0], facts["bounds"]) < TOLERANCE

    def test_focal_points_are_the_same(self, published, case):
        facts, ours = published[case]
        points = ours.focal_points[0].tolist()
        assert sorted(points) == sorted(oracle.arrays()[f"pp{case}.focal_points_xy"].tolist())
        assert len(points) == facts["n_focal"]

    def test_their_filter_gives_their_mask_from_our_merged_map(self, published, case):
        facts, ours = published[case]
        merged = ours.merged.numpy()
        threshold = np.sort(merged, axis=None)[int(0.85 * merged.size)]
        assert threshold == pytest.approx(facts["percentage_threshold_on_raw_merged"], abs=1e-12)
        assert np.array_equal(steps.keep_threshold(merged, threshold)[0], oracle.mask(case, "result_keep"))

    def test_ours_keeps_the_share_that_was_asked_for(self, published, case):
        _, ours = published[case]
        assert ours.kept.sum() == round(0.15 * 224 * 224)
        assert ours.merged[ours.kept].min() >= ours.merged[~ours.kept].max()
        assert torch.equal(ours.result, 9 * ours.kept[:, None].expand(1, 3, 224, 224).to(torch.uint8))


class TestSteps:
    def test_percentiles(self):
        values = np.random.default_rng(2019).random((1, 12, 12))
        wanted = oracle.facts()["unit"]["percentile_a12"]
        roi = steps.region_of_interest(values, 85)
        assert np.array_equal(roi, values > wanted["85"])
        bounds = steps.edge_bounds(values, np.ones_like(roi))
        np.testing.assert_allclose(bounds[0], [wanted["25"], wanted["75"]], rtol=1e-12)

    def test_a_bound_of_0_is_replaced_by_the_whole_pictures(self):
        edges = np.arange(16.0).reshape(1, 4, 4)
        edges[0, 0] = 0
        roi = np.zeros((1, 4, 4), dtype=bool)
        roi[0, 0] = True
        assert np.array_equal(steps.edge_bounds(edges, roi), [np.percentile(edges, (25, 75))])

    def test_regions_do_not_grow_over_corners(self):
        edges = np.zeros((1, 6, 6))
        edges[0, 1, 1] = edges[0, 2, 2] = 1
        grown = steps.grow_regions(edges, np.array([[0.5, 1.0]]), [np.array([[1, 1]])])
        assert np.array_equal(grown[0], oracle.facts()["unit"]["rg_diag_not_connected"])

    def test_points_are_x_then_y(self):
        edges = np.zeros((1, 3, 4))
        edges[0, 1, 3] = 1
        bounds = np.array([[1.0, 1.0]])
        assert steps.grow_regions(edges, bounds, [np.array([[3, 1]])]).sum() == 1
        assert steps.grow_regions(edges, bounds, [np.array([[1, 2]])]).sum() == 0

    @settings(max_examples=60)
    @given(
        hnp.arrays(np.int8, (2, 6, 7), elements=st.integers(0, 3)),
        st.integers(0, 5),
        st.integers(0, 6),
    )
    def test_regions_are_floods(self, edges, y, x):
        points = [np.array([[x, y], [0, 0]]), np.array([[x, y]])]
        grown = steps.grow_regions(edges, np.array([[1, 2], [2, 3]]), points)
        for one, mask, (lower, upper), seeds in zip(edges, grown, [(1, 2), (2, 3)], points, strict=True):
            band = (lower <= one) & (one <= upper)
            floods = [
                segmentation.flood(band, (row, column), connectivity=1) for column, row in seeds if band[row, column]
            ]
            assert np.array_equal(mask, np.any([np.zeros_like(band), *floods], axis=0))

    @pytest.mark.parametrize("area", [1, 254, 255, 256, 257])
    def test_holes_below_256_pixels_are_filled(self, area):
        mask = np.ones((2, 40, 40), dtype=bool)
        mask[0, 5:35, 3:33].flat[:area] = False
        mask[1].flat[:area] = False  # at the border
        left = (~steps.fill_holes(mask, 256)).sum(axis=(1, 2))
        assert left.tolist() == [oracle.facts()["unit"]["hole_area_remaining"][str(area)]] * 2

    def test_local_maxima_above_the_middle(self):
        unit = oracle.facts()["unit"]
        low = np.array([unit["local_maxima_in"]])
        maxima = np.array(unit["local_maxima_out"], dtype=bool)
        middle = (5 + 2) / 2
        xy = steps.local_focal_points(low, (4, 4), "large")[0]
        assert sorted(map(tuple, xy.tolist())) == sorted((x, y) for y, x in np.argwhere(maxima & (low[0] > middle)))
        for shift in (-10, 10):  # theirs takes every pixel when all values are negative
            assert np.array_equal(steps.local_focal_points(low + shift, (4, 4), "large")[0], xy)

    def test_maxima_become_blocks_or_their_skeletons(self):
        low = np.zeros((1, 4, 4))
        low[0, 1, 2] = 1
        large = steps.local_focal_points(low, (32, 64), "large")[0]
        assert large.min(axis=0).tolist() == [32, 8]
        assert large.max(axis=0).tolist() == [47, 15]
        small = steps.local_focal_points(low, (32, 64), "small")[0]
        block = np.zeros((32, 64), dtype=bool)
        block[large[:, 1], large[:, 0]] = True
        assert 0 < len(small) < 16
        assert sorted(map(tuple, small.tolist())) == sorted(
            (x, y) for y, x in np.argwhere(morphology.skeletonize(block, method="zhang"))
        )

    @pytest.mark.parametrize("size", [8, 12, 16, 24])
    def test_small_cells_have_a_focal_point_too(self, size):
        low = np.random.default_rng(0).random((1, 4, 4))
        assert len(steps.local_focal_points(low, (size, size), "small")[0])

    def test_sobel_and_blur_are_those_of_the_libraries(self):
        maps = np.random.default_rng(0).random((2, 20, 30)).astype(np.float32)
        assert steps.sobel(maps).dtype == steps.blur(maps, 5).dtype == np.float32
        for one, edges, blurred in zip(maps, steps.sobel(maps), steps.blur(maps, 5), strict=True):
            assert difference(edges, filters.sobel(one)) < 1e-6
            assert difference(blurred, ndimage.uniform_filter(one, 5)) < 1e-6

    @settings(max_examples=60)
    @given(
        hnp.arrays(np.float64, (2, 5, 6), elements=st.sampled_from([0, 0.25, 0.5, 1])),
        hnp.arrays(np.float64, (2, 5, 6), elements=st.sampled_from([0, 0.5, 1])),
        st.floats(0, 100),
    )
    def test_the_share_kept_is_exact_and_the_highest(self, merged, ties, percentage):
        kept = steps.keep_percentage(merged, percentage, ties)
        assert kept.sum(axis=(1, 2)).tolist() == [round(percentage / 100 * 30)] * 2
        for mask, value, tie in zip(kept, merged, ties, strict=True):
            order = sorted(range(30), key=lambda i: (-value.flat[i], -tie.flat[i], i))
            assert set(np.flatnonzero(mask)) == set(order[: mask.sum()])


class TestPipeline:
    @pytest.mark.parametrize("scope", FOCAL_SCOPES)
    def test_a_batch_is_its_pictures_one_by_one(self, scope):
        maps = [list(scene(seed)) for seed in range(4)]
        maps[2][1] = torch.full((1, 64, 64), 0.5)
        low, high = (torch.cat(each) for each in zip(*maps, strict=True))
        together = refined(low, high, focal_scope=scope, merge_type="multiply")
        for i in range(4):
            alone = refined(low[i : i + 1], high[i : i + 1], focal_scope=scope, merge_type="multiply")
            for field in fields(alone):
                assert torch.equal(getattr(alone, field.name)[0], getattr(together, field.name)[i]), field.name

    @pytest.mark.parametrize("scope", FOCAL_SCOPES)
    @pytest.mark.parametrize("areas", ["small", "large"])
    @pytest.mark.parametrize("merge_type", MERGE_TYPES)
    @pytest.mark.parametrize("shift", [0.0, -5.0])
    def test_every_setting_keeps_its_share(self, scope, areas, merge_type, shift):
        low, high = scene(3, shift=shift)
        for share in (0, 1, 30, 100):
            made = refined(
                low, high, focal_scope=scope, maxima_areas=areas, merge_type=merge_type, filter_percentage=share
            )
            assert made.kept.sum() == round(share / 100 * 64 * 64)
            assert 0 <= made.merged.min() <= made.merged.max() <= 1

    def test_threshold_is_of_the_scaled_merged_map(self):
        low, high = scene(1)
        made = refined(low, high, filter_type="threshold", filter_threshold=0.4)
        scaled = (made.merged - made.merged.min()) / (made.merged.max() - made.merged.min())
        assert torch.equal(made.kept, scaled > 0.4)
        assert not refined(low, high, filter_type="threshold", filter_threshold=1).kept.any()

    def test_a_low_map_without_a_positive_value_leaves_the_segment(self):
        low, high = scene(1, shift=-5)
        made = refined(low, high)
        assert torch.equal(made.merged, made.full_segment.double())
        assert 0 < made.full_segment.sum() < 64 * 64
        usual = refined(low + 5, high)
        assert torch.equal(usual.merged > usual.merged.min(), usual.merged > 0)
        assert not torch.equal(usual.merged, made.merged)

    @pytest.mark.parametrize("shift", [0.0, -5.0])
    @pytest.mark.parametrize("segment", [False, True])
    def test_blank_and_full_segments_leave_the_low_map(self, segment, shift):
        low = next(scene(1, shift=shift)).numpy()
        for merge_type in MERGE_TYPES:
            merged = steps.merge(np.full((1, 64, 64), segment), low, merge_type, 0.5)
            assert (merged.min(), merged.max()) == (0, 1)
            assert np.corrcoef(merged.ravel(), np.kron(low[0], np.ones((8, 8))).ravel())[0, 1] > 0.95

    def test_a_constant_high_map_leaves_the_low_map(self):
        low, _ = scene(1)
        made = refined(low, torch.full((1, 64, 64), 0.3))
        assert made.full_segment.all()
        assert not made.edge_mask.any()
        assert not made.edges.any()
        assert made.merged.isfinite().all()
        assert made.merged.max() == 1
        assert made.kept.sum() == round(0.15 * 64 * 64)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_types(self, dtype):
        low, high = (x.to(dtype) for x in scene(1))
        made = refined(low.requires_grad_(), high.requires_grad_())
        assert made.blurred.dtype == made.low_resized.dtype == torch.promote_types(dtype, torch.float32)
        assert made.low is low

    def test_rectangles(self):
        low, high = scene(1)
        low, high = low[:, :4], high[:, :32]
        assert refined(low, high).result.shape == (1, 3, 32, 64)
        assert len(refined(low, high).focal_points[0]) == round((32 * 64) ** 0.25)

    def test_pictures_may_hold_anything(self):
        low, high = scene(1)
        pictures = torch.full((1, 1, 64, 64), torch.nan)
        made = refine(pictures, low, high)
        assert torch.equal(made.result.isnan(), made.kept[:, None])

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    def test_on_a_gpu(self):
        low, high = (x.cuda() for x in scene(1))
        made = refined(low, high)  # pictures on the CPU
        assert made.merged.is_cuda
        assert not made.result.is_cuda
        assert torch.equal(made.kept.cpu(), refined(low.cpu(), high.cpu()).kept)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"roi_percentile": 100}, r"roi_percentile must be a number in \[0, 100\).*it is 100"),
            ({"roi_percentile": float("nan")}, "it is nan"),
            ({"focal_scope": "globl"}, "unknown focal_scope 'globl'; did you mean 'global'"),
            ({"maxima_areas": "medium"}, "There are: small, large"),
            ({"merge_type": "merge"}, "unknown merge_type 'merge'"),
            ({"merge_alpha": 1.5}, "merge_alpha .*1.5"),
            ({"merge_alpha": True}, "merge_alpha .*True"),
            ({"filter_type": None}, "unknown filter_type None"),
            ({"filter_percentage": -1}, "filter_percentage .*-1"),
            ({"filter_threshold": 60}, "filter_threshold .*60"),
            ({"filter_threshold": "0.6"}, "filter_threshold .*'0.6'"),
            ({"blur_size": 4}, "blur_size must be odd.*4"),
            ({"blur_size": 0}, "blur_size"),
            ({"hole_area": -1}, "hole_area"),
            ({"hole_area": 2.5}, "hole_area .*2.5"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            RefineOptions(**options)
        with pytest.raises(ValueError, match=message):
            replace(RefineOptions(), **options)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda p, low, high: (p, low[0], high), r"low must be \(N, h, w\).*x\[None\]"),
            (lambda p, low, high: (p, low, high[:, None]), r"high must be \(N, H, W\), .*\(1, 1, 64, 64\)"),
            (lambda p, low, high: (p[:0], low[:0], high[:0]), "N at least 1"),
            (lambda p, low, high: (p, low.numpy(), high), "low must be a tensor .*ndarray"),
            (lambda p, low, high: (p[..., :32], low, high), r"do not fit.*of the picture's size"),
            (lambda p, low, high: (p, low.repeat(2, 1, 1), high), "do not fit"),
            (lambda p, low, high: (p[..., :8, :8], high, low), "are they exchanged"),
            (lambda p, low, high: (p, low, high.int()), "high must be raw maps of a float type, not torch.int32"),
            (lambda p, low, high: (p, low / 0, high), "not finite in low map 0 of 1"),
            (lambda p, low, high: (p, low, high * torch.nan), "not finite in high map 0 of 1"),
            (lambda p, low, high: (p, torch.zeros_like(low), high), "no region of interest in low map 0 of 1"),
            (lambda p, low, high: (p, (low > low.median()).float(), high), "percentile 85.*lower roi_percentile"),
        ],
    )
    def test_maps(self, change, message):
        low, high = scene(0)
        with pytest.raises(ValueError, match=message):
            refine(*change(torch.zeros(1, 3, 64, 64), low, high))

    def test_the_pictures_at_fault_are_named(self):
        low, high = (x.repeat(4, 1, 1) for x in scene(0))
        low[1] = low[3] = 2
        with pytest.raises(ValueError, match="low maps 1, 3 of 4"):
            refined(low, high)

    def test_options_by_another_type(self):
        low, high = scene(0)
        with pytest.raises(ValueError, match=r"RefineOptions\(...\), not 'local'"):
            refine(torch.zeros(1, 3, 64, 64), low, high, "local")
