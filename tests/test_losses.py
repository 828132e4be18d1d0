import math

import pytest
import torch

from archive_restore.networks import losses


def test_the_ring_of_the_written_square_weighs_ten_times():
    weights = losses.ring_weights(6, overlap=2)[0, 0]
    assert weights.tolist() == [
        [10, 10, 10, 10, 10, 10],
        [10, 10, 10, 10, 10, 10],
        [10, 10, 1, 1, 10, 10],
        [10, 10, 1, 1, 10, 10],
        [10, 10, 10, 10, 10, 10],
        [10, 10, 10, 10, 10, 10],
    ]


def test_the_published_weights_count_56_by_56_once_and_the_rest_ten_times():
    weights = losses.ring_weights(64, overlap=4)
    assert weights.sum().item() == 56 * 56 + 10 * (64 * 64 - 56 * 56)


def test_weighted_squared_error_by_hand():
    written = torch.tensor([[[[1.0, 0.0], [0.0, 3.0]]]])
    truth = torch.zeros(1, 1, 2, 2)
    weights = torch.tensor([[[[10.0, 1.0], [1.0, 1.0]]]])
    assert losses.weighted_squared_error(written, truth, weights).item() == pytest.approx((10 + 9) / 4)


def test_the_hole_error_ignores_what_is_outside_the_hole():
    written = torch.full((1, 3, 2, 2), 5.0)
    truth = torch.zeros(1, 3, 2, 2)
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    written[..., 0, 0] = 0.5
    expected = losses.LOG_WEIGHT * math.log1p(0.25 / losses.NEGLIGIBLE)
    assert losses.hole_log_error(written, truth, mask).item() == pytest.approx(expected)


def test_six_decibels_are_worth_the_same_everywhere():
    def costs(error: float) -> float:
        written = torch.full((1, 3, 8, 8), error)
        return losses.hole_log_error(written, torch.zeros_like(written), torch.ones(1, 1, 8, 8)).item()

    gained = losses.LOG_WEIGHT * math.log(4)
    assert costs(1.6) - costs(0.8) == pytest.approx(gained, rel=0.01)
    assert costs(0.8) - costs(0.4) == pytest.approx(gained, rel=0.03)


def test_what_is_smaller_than_grain_costs_next_to_nothing():
    written = torch.full((1, 3, 8, 8), 0.1 * math.sqrt(losses.NEGLIGIBLE))
    assert losses.hole_log_error(written, torch.zeros_like(written), torch.ones(1, 1, 8, 8)).item() < 2e-3


def test_a_hole_counts_as_the_square_root_of_its_area():
    truth = torch.zeros(2, 1, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, 0, 0, 0] = 1
    mask[1] = 1
    written = torch.zeros(2, 1, 4, 4)
    written[0] = 1.0
    expected = losses.LOG_WEIGHT * math.log1p(1 / losses.NEGLIGIBLE) / (1 + 4)
    assert losses.hole_log_error(written, truth, mask).item() == pytest.approx(expected)


def test_an_empty_mask_gives_zero_and_not_nan():
    ones = torch.ones(1, 3, 4, 4)
    assert losses.hole_log_error(ones, -ones, torch.zeros(1, 1, 4, 4)).item() == 0


def test_the_joint_loss_is_0999_and_0001():
    joint = losses.joint(torch.tensor(2.0), torch.tensor(30.0))
    assert joint.item() == pytest.approx(0.999 * 2 + 0.001 * 30)


def test_an_undecided_discriminator_costs_ln_2():
    logits = torch.zeros(4)
    assert losses.judged_real(logits).item() == pytest.approx(math.log(2))
    assert losses.judged_fake(logits).item() == pytest.approx(math.log(2))


def test_judging_right_is_cheap_and_judging_wrong_is_dear_and_finite():
    sure = torch.tensor([60.0])
    assert losses.judged_real(sure).item() < 1e-6
    assert losses.judged_fake(sure).item() == pytest.approx(60.0)


def test_judgements_are_the_binary_cross_entropy_of_the_published_sigmoid():
    logits = torch.tensor([-1.5, 0.3, 2.0])
    probability = torch.sigmoid(logits)
    expected_real = torch.nn.functional.binary_cross_entropy(probability, torch.ones(3))
    expected_fake = torch.nn.functional.binary_cross_entropy(probability, torch.zeros(3))
    assert losses.judged_real(logits).item() == pytest.approx(expected_real.item(), rel=1e-5)
    assert losses.judged_fake(logits).item() == pytest.approx(expected_fake.item(), rel=1e-5)


def test_patches_without_a_hole_do_not_count():
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8, :8] = 1
    weights = losses.patches_with_holes(mask, (1, 1, 2, 2))
    assert weights.tolist() == [[[[1, 0], [0, 0]]]]
    logits = torch.tensor([[[[0.0, 50.0], [50.0, 50.0]]]])
    assert losses.judged_fake(logits, weights).item() == pytest.approx(math.log(2))


def test_feature_matching_is_the_mean_difference_and_sends_no_gradient_to_the_truth():
    written = torch.tensor([1.0, 3.0], requires_grad=True)
    truth = torch.tensor([0.0, 0.0], requires_grad=True)
    loss = losses.feature_matching([written, written], [truth, truth])
    assert loss.item() == pytest.approx(2.0)
    loss.backward()
    assert truth.grad is None
    assert written.grad is not None


def test_verdicts_are_told_in_full_precision() -> None:
    logits = torch.tensor([0.3, -2.7], dtype=torch.bfloat16)
    for judged in (losses.judged_real, losses.judged_fake):
        assert judged(logits).dtype == torch.float32
