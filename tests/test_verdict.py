import numpy as np
import pytest

from archive_restore.detection.candidates import find
from archive_restore.detection.palette import palette
from archive_restore.detection.planes import pyramid
from archive_restore.detection.traits import TRAITS
from archive_restore.detection.verdict import evidence, inputs, panel, parse, verdicts


def specks(n):
    """A grey picture with `n` equal specks far from each other."""
    picture = np.full((160, 160), 100, np.uint8)
    for i in range(n):
        picture[20 + 40 * (i // 4) :, 20 + 40 * (i % 4) :][:4, :4] = 220
    planes = pyramid(picture)
    colours = palette(planes)
    return list(find(planes[0], colours)), colours


def test_a_network_worked_by_hand():
    network = parse(
        {
            "mean": [1.0, 0.0],
            "spread": [2.0, 1.0],
            "layers": [[[1.0, 0.0], [0.0, 1.0]], [0.0, -1.0], [[1.0, 1.0]], [0.5]],
        }
    )
    # Scaled (1, 0.5); rectified (1, 0); summed 1 + 0.5.
    assert network.probability(np.array([[3.0, 0.5]], np.float32)) == pytest.approx(1 / (1 + np.exp(-1.5)))


def test_the_odd_and_the_absurd_are_weighed_alike():
    network = parse({"mean": [0.0], "spread": [1.0], "layers": [[[1.0]], [0.0]]})
    odd, absurd = network.probability(np.array([[4.0], [1e9]], np.float32))
    assert odd == absurd


def test_the_shipped_judges_fit_the_traits():
    for alone, together in panel():
        assert alone.mean.shape == (len(TRAITS) + 1,)
        assert together.mean.shape == (len(TRAITS) + 1 + 4,)
        assert all(np.isfinite(matrix).all() for network in (alone, together) for matrix, _ in network.layers)


def test_spanning_traits_are_weighed_by_their_logarithm_and_polarity_comes_last():
    [found, *_], _ = specks(1)
    weighed = inputs(found)
    assert weighed[0, TRAITS.index("area")] == pytest.approx(np.log(16.1))
    assert weighed[0, TRAITS.index("tone")] == 220
    assert weighed[0, -1] == 1


def test_a_candidate_is_no_evidence_of_itself_and_the_others_are():
    def told(n):
        every, colours = specks(n)
        sure = [np.ones(len(found), np.float32) for found in every]
        return evidence(every, sure, colours)[0][0]

    lonely, one_of_two, one_of_many = told(1), told(2), told(12)
    assert lonely[1] == pytest.approx(np.log(1e-4), abs=0.01)
    assert lonely[0] < one_of_two[0] < one_of_many[0]
    assert one_of_two[1] < one_of_many[1]


def test_no_candidates_need_no_verdict():
    _, colours = specks(1)
    assert verdicts([], colours) == []
