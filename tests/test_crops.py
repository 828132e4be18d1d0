import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from archive_restore.errors import InputError
from archive_restore.training import crops, sources
from tests.drawn import soft


def photograph(height: int = 144, width: int = 200) -> np.ndarray:
    return soft(height, width, (9, 12), 3)


@pytest.mark.parametrize("seed", range(12))
def test_a_sample_is_a_function_of_its_seed_and_its_guess_is_known_outside_the_hole(seed: int):
    first = crops.sample(photograph(), 64, np.random.default_rng(seed))
    again = crops.sample(photograph(), 64, np.random.default_rng(seed))
    assert np.array_equal(first.guess, again.guess)
    assert np.array_equal(first.mask, again.mask)
    assert first.truth.shape == first.guess.shape == (64, 64, 3)
    assert crops.HOLE_SHARE[0] <= first.mask.mean() <= crops.HOLE_SHARE[1]


def test_without_ageing_the_guess_equals_the_truth_outside_the_hole():
    flat = np.full((100, 100, 3), 90, np.uint8)
    exact = 0
    for seed in range(40):
        sample = crops.sample(flat, 64, np.random.default_rng(seed))
        outside = sample.guess[~sample.mask].astype(int) - sample.truth[~sample.mask]
        exact += int(np.abs(outside).max() == 0)
    assert 3 <= exact < 40  # some scans are clean, some have grain


@pytest.mark.parametrize("shape", [(30, 200), (500, 64), (40, 40)])
def test_photographs_smaller_than_the_crop_are_enlarged(shape: tuple[int, int]):
    cut = crops.cut(photograph(*shape), 64, np.random.default_rng(0))
    assert cut.shape == (64, 64, 3)


def test_the_published_crop_takes_a_fixed_share_of_the_short_side():
    picture = np.zeros((350, 700, 3), np.uint8)
    picture[:, :350] = 255
    cut = crops.cut_scaled(picture, 128, 350, np.random.default_rng(4))
    assert cut.shape == (128, 128, 3)
    assert set(np.unique(cut)) <= {0, 255}


def test_an_archives_own_shapes_are_used():
    dot = np.ones((7, 7), bool)
    flat = [crops.draw_damage(np.random.default_rng(seed), 64, [dot]) for seed in range(60)]
    areas = [(drawn[0].opacity > 0.3).sum() for drawn in flat if len(drawn) == 1]
    assert sum(area <= 8 * 100 for area in areas) > 20


def test_real_artefacts_have_their_own_opacities():
    faint = {"dots": [np.full((9, 9), 0.4, np.float32)], "hair": [np.full((40, 3), 0.4, np.float32)]}
    drawn = [
        one
        for seed in range(150)
        for one in crops.draw_damage(np.random.default_rng(seed), 64, artefacts=faint)
        if one.kind in ("dust", "hairs")
    ]
    share = np.mean([one.opacity.max() <= 0.4 + 1e-6 for one in drawn])
    assert abs(share - crops.REAL) < 0.2


def test_much_of_the_damage_shines_through_and_most_is_opaque():
    peaks = [
        drawn.opacity.max()
        for seed in range(80)
        for drawn in crops.draw_damage(np.random.default_rng(seed), 64)
    ]
    assert 0.2 < np.mean([0.1 < peak < 0.8 for peak in peaks]) < 0.6


def test_a_sample_is_damaged_in_its_hole_and_the_network_sees_the_damage():
    random = np.random.default_rng(7)
    samples = [crops.sample(photograph(), 64, random) for _ in range(60)]
    outside = [np.abs(sample.scan.astype(int) - sample.truth)[~sample.mask].mean() for sample in samples]
    inside = [np.abs(sample.scan.astype(int) - sample.truth)[sample.mask].mean() for sample in samples]
    assert np.mean(outside) < 0.2 * np.mean(inside)
    hidden = [np.array_equal(sample.scan, sample.guess) for sample in samples]
    assert 0.03 < np.mean(hidden) < 0.35
    for sample in samples:
        assert np.array_equal(sample.guess[~sample.mask], sample.scan[~sample.mask])


def test_a_sample_of_a_deep_hole_comes_with_itself_at_half_the_resolution():
    random = np.random.default_rng(11)
    samples = [crops.sample(photograph(), 64, random) for _ in range(40)]
    deep = [sample for sample in samples if sample.coarse.weight.any()]
    assert len(deep) > 5
    for sample in deep:
        assert sample.coarse.guess.shape == sample.coarse.scan.shape == (32, 32, 3)
        assert (sample.coarse.weight[~sample.mask] == 0).all()
        known = ~sample.coarse.mask
        means = sample.guess.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
        whole = ~sample.mask.reshape(32, 2, 32, 2).any(axis=(1, 3))
        assert np.abs(sample.coarse.guess[known & whole] - means[known & whole]).max() <= 1


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), photograph()[..., ::-1])


def test_photographs_are_found_in_folders_and_in_tar_shards(tmp_path: Path):
    write(tmp_path / "a.png")
    write(tmp_path / "sub" / "b.jpg")
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        shard.add(tmp_path / "a.png", "inside/c.png")
    (tmp_path / "notes.txt").write_text("no photograph")

    found = sources.Photographs(sources.find_entries(tmp_path))

    assert len(found) == 3
    in_shard = next(i for i, entry in enumerate(found.entries) if "shard.tar" in entry.name)
    assert np.array_equal(found[in_shard], photograph())


def test_an_empty_folder_a_missing_one_and_a_broken_shard_are_named(tmp_path: Path):
    with pytest.raises(InputError, match="holds no photographs"):
        sources.find_entries(tmp_path)
    with pytest.raises(InputError, match="gone is neither"):
        sources.find_entries(tmp_path / "gone")
    (tmp_path / "x.tar").write_bytes(b"not a tar file")
    with pytest.raises(InputError, match=r"x\.tar is not a readable tar file"):
        sources.find_entries(tmp_path)


def test_a_photograph_that_cannot_be_decoded_is_named(tmp_path: Path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 nothing")
    (tmp_path / "empty.png").write_bytes(b"")
    found = sources.Photographs(sources.find_entries(tmp_path))
    for index in range(2):
        with pytest.raises(InputError, match="cannot be decoded; remove it"):
            found[index]


def test_the_cache_does_not_grow_beyond_its_limit(tmp_path: Path):
    write(tmp_path / "a.png")
    write(tmp_path / "b.png")
    found = sources.Photographs(sources.find_entries(tmp_path), cache_bytes=photograph().nbytes)
    assert found[0] is found[0]
    assert found[1] is not found[1]


def test_training_and_held_out_photographs_never_share_one(tmp_path: Path):
    entries = [sources.Entry(f"{n:03d}", tmp_path, 0, -1) for n in range(250)]
    training, held_out = sources.split(entries)
    names = {entry.name for entry in training}, {entry.name for entry in held_out}
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 250
    assert len(names[1]) == 3
    assert len(sources.split(entries[:2])[1]) == 1
