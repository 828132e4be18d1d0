import cv2
import numpy as np
import pytest

from archive_restore.training import measures
from archive_restore.training.region_masks import centre
from tests.drawn import soft


def picture() -> np.ndarray:
    return soft(128, 128, seed=3)


def test_a_perfect_answer_has_no_error_and_is_as_sharp_as_the_truth():
    result = measures.measure_one(picture(), picture())
    assert result.psnr == result.psnr_hidden == 100
    assert result.l1 == result.l2 == 0
    assert result.sharp == pytest.approx(1)


def test_an_error_of_a_tenth_everywhere_is_20_db():
    truth = np.full((128, 128, 3), 100, np.uint8)
    off = np.full_like(truth, 100)
    off[32:96, 32:96] = 125.5 - 0.5
    result = measures.measure_one(off, truth)
    assert result.psnr == pytest.approx(-20 * np.log10(25 / 255), abs=1e-6)
    assert result.l1 == pytest.approx(100 * 25 / 255)
    assert result.l2 == pytest.approx(100 * (25 / 255) ** 2)


def test_errors_in_the_ring_count_over_the_64_but_not_over_the_56():
    truth = picture()
    written = truth.copy()
    written[32:36, 32:96] = 255 - written[32:36, 32:96]
    result = measures.measure_one(written, truth)
    assert result.psnr < 30
    assert result.psnr_hidden == 100


def test_errors_outside_the_written_square_do_not_count():
    written = picture()
    written[:30] = 0
    assert measures.measure_one(written, picture()).psnr == 100


def test_no_method_sees_what_the_hole_held():
    seen = []

    def spy(given: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        seen.append((given.copy(), hidden))
        return given

    measures.measure(spy, [picture()])
    given, hidden = seen[0]
    assert hidden.sum() == 56 * 56
    assert (given[hidden] == measures.mean_colour()).all()
    assert np.array_equal(given[~hidden], picture()[~hidden])


def test_a_peer_keeps_the_ring_and_fills_the_hole():
    concealed = measures.conceal(picture(), centre(128))
    for name in ("opencv-telea", "opencv-navier-stokes"):
        filled = measures.PEERS[name](concealed, centre(128))
        assert np.array_equal(filled[~centre(128)], picture()[~centre(128)])
        assert measures.measure_one(filled, picture()).psnr_hidden > 5


def test_a_blurred_answer_is_less_sharp_and_mean_fill_has_no_detail():
    blurred = picture()
    blurred[28:100, 28:100] = cv2.GaussianBlur(picture(), (0, 0), 6)[28:100, 28:100]
    assert measures.measure_one(blurred, picture()).sharp < 0.9
    flat = measures.measure(measures.PEERS["mean-fill"], [picture()])
    assert flat.sharp == 0


@pytest.mark.parametrize("shape", [(300, 200, 3), (64, 90, 3), (227, 227, 3)])
def test_photographs_of_any_size_are_judged_on_their_centre(shape: tuple[int, int, int]):
    photograph = np.zeros(shape, np.uint8)
    photograph[shape[0] // 2 - 5 : shape[0] // 2 + 5] = 255
    judged = measures.judged_picture(photograph)
    assert judged.shape == (128, 128, 3)
    assert judged[64, 64].tolist() == [255, 255, 255]
