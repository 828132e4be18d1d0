"""Masks that go out to other programs, come back, stay, and are told back to automatic."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archive_restore.detection import Kind, Policy, Sensitivity
from archive_restore.errors import InputError, LockedError
from archive_restore.examine import ScanOptions
from archive_restore.hand_masks import MasksSummary, export_masks, import_masks, reset_masks
from archive_restore.home import MASKS_LIST, Home
from archive_restore.ledger import State, WorkerLock
from archive_restore.progress import NullProgress
from archive_restore.rescore import rescore
from archive_restore.verify import verify
from tests.restored_archive import restored_archive
from tests.scored_archive import SHAPE, ScoredArchive, block, line


@pytest.fixture
def archive(tmp_path: Path) -> ScoredArchive:
    made = ScoredArchive(tmp_path / "photos", Home(tmp_path / "home"))
    made.add("sub/a.jpg", {Kind.SCRATCH: line(5, 200)})
    made.add("b.jpg", {Kind.SPOT: block(120), Kind.DUST: line(3, 200)})
    made.add("clean.jpg", {})
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "masks"


def exported(archive: ScoredArchive, out: Path, *, every: bool = False) -> MasksSummary:
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        return export_masks(
            known, out, every=every, ledger=ledger, home=archive.home, progress=NullProgress()
        )


def imported(archive: ScoredArchive, out: Path) -> MasksSummary:
    with archive.ledger() as ledger:
        return import_masks(out, archive=None, ledger=ledger, home=archive.home, progress=NullProgress())


def reset(archive: ScoredArchive, under: bytes | None = None) -> MasksSummary:
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        return reset_masks([(known, under)], ledger=ledger, home=archive.home, progress=NullProgress())


def paint(path: Path, *, rows: slice = slice(20, 30), shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Someone replaces the mask by a bar of 10 x 60 px."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(shape, bool)
    mask[rows] = True
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return mask


def by_hand(archive: ScoredArchive) -> int:
    with archive.ledger() as ledger:
        return ledger.counts().by_hand


def test_masks_lie_at_the_paths_of_their_photographs_and_come_back_unchanged(
    archive: ScoredArchive, out: Path
) -> None:
    assert exported(archive, out).masks == 2
    assert {p.relative_to(out).as_posix() for p in out.rglob("*.png")} == {"sub/a.jpg.png", "b.jpg.png"}
    with Image.open(out / "sub" / "a.jpg.png") as image:
        assert image.mode == "L"
        assert (np.asarray(image) == 255 * archive.mask("sub/a.jpg")).all()
    told = imported(archive, out)
    assert (told.masks, told.unchanged, told.left_alone) == (0, 2, [])
    assert by_hand(archive) == 0
    assert exported(archive, out, every=True).masks == 3


def test_a_mask_that_cannot_be_read_is_named_instead_of_exported_empty(
    archive: ScoredArchive, out: Path
) -> None:
    archive.home.detected_mask("sub/a.jpg").write_bytes(b"junk")
    archive.home.detected_mask("b.jpg").unlink()
    told = exported(archive, out, every=True)
    assert told.masks == 1  # of the undamaged one, which has none
    assert {one.path: "archive-restore rescore" in one.reason for one in told.left_alone} == {
        out / "sub" / "a.jpg.png": True,
        out / "b.jpg.png": True,
    }
    assert {path.name for path in out.rglob("*.png")} == {"clean.jpg.png"}


def test_a_mask_is_imported_also_where_the_one_in_use_cannot_be_read(
    archive: ScoredArchive, out: Path
) -> None:
    exported(archive, out)
    drawn = paint(out / "b.jpg.png")
    assert imported(archive, out).masks == 1
    archive.home.edited_mask("b.jpg").write_bytes(b"junk")
    assert imported(archive, out).masks == 1
    assert (archive.mask("b.jpg") == drawn).all()


@pytest.mark.parametrize("exports", [True, False])
def test_a_mask_whose_name_another_system_spelt_otherwise_is_its_photographs(
    archive: ScoredArchive, out: Path, exports: bool
) -> None:
    composed, decomposed = "J\u00e4ger.jpg", "Ja\u0308ger.jpg"
    archive.add(composed, {Kind.SCRATCH: line(5, 200)})
    if exports:
        exported(archive, out)
        (out / f"{composed}.png").rename(out / f"{decomposed}.png")
        assert imported(archive, out).unchanged == 3
    drawn = paint(out / f"{decomposed}.png")
    told = imported(archive, out)
    assert (told.masks, told.left_alone) == (1, [])
    assert (archive.mask(composed) == drawn).all()


def test_a_mask_that_may_be_of_two_photographs_is_left_alone(archive: ScoredArchive, out: Path) -> None:
    archive.add("x.jpg", {})
    archive.add("X.jpg", {})
    paint(out / "X.JPG.png")
    [left] = imported(archive, out).left_alone
    assert "there is no photograph X.JPG" in left.reason


def test_an_edited_mask_is_used_counted_and_named_by_what_lies_under_it(
    archive: ScoredArchive, out: Path
) -> None:
    exported(archive, out)
    mask = paint(out / "b.jpg.png")  # over the stain, of which the default finds nothing
    told = imported(archive, out)
    assert (told.masks, told.unchanged, told.requeued) == (1, 1, 0)
    assert (archive.mask("b.jpg") == mask).all()
    assert by_hand(archive) == 1
    assert archive.kinds() == {"scratches": 1, "spots": 1}
    assert archive.states()["b.jpg"] is State.QUEUED  # 25 % of it, but somebody has looked
    again = imported(archive, out)
    assert (again.masks, again.unchanged) == (0, 2)


def test_what_is_painted_where_nothing_was_seen_is_damage_by_hand(archive: ScoredArchive, out: Path) -> None:
    paint(out / "clean.jpg.png")  # found by its path: it was never exported
    assert imported(archive, out).masks == 1
    assert archive.states()["clean.jpg"] is State.QUEUED
    assert archive.kinds()["by hand"] == 1


def test_an_empty_mask_takes_a_photograph_out_of_the_queue(archive: ScoredArchive, out: Path) -> None:
    paint(out / "sub" / "a.jpg.png", rows=slice(0, 0))
    imported(archive, out)
    assert set(archive.states()) == {"b.jpg"}
    assert by_hand(archive) == 1


def test_a_mask_of_zeros_and_ones_is_left_alone_and_its_photograph_stays_damaged(
    archive: ScoredArchive, out: Path
) -> None:
    exported(archive, out)
    ones = paint(out / "b.jpg.png").astype(np.uint8)
    Image.fromarray(ones).save(out / "b.jpg.png")
    before = archive.states()
    told = imported(archive, out)
    assert (told.masks, [one.path for one in told.left_alone]) == (0, [out / "b.jpg.png"])
    assert "1 of 255" in told.left_alone[0].reason
    assert archive.states() == before


def test_what_was_restored_is_queued_again_and_said(archive: ScoredArchive, out: Path) -> None:
    exported(archive, out)
    archive.restore("sub/a.jpg", "b.jpg")
    paint(out / "sub" / "a.jpg.png")
    told = imported(archive, out)
    assert (told.masks, told.unchanged, told.requeued) == (1, 1, 1)
    assert archive.states() == {"sub/a.jpg": State.QUEUED, "b.jpg": State.DONE}


def test_what_was_rejected_is_wanted_once_somebody_paints_a_mask_for_it(
    archive: ScoredArchive, out: Path
) -> None:
    archive.restore("b.jpg")
    with archive.ledger() as ledger:
        assert ledger.revert(archive.job("b.jpg"), again=False)
    paint(out / "b.jpg.png")
    assert imported(archive, out).requeued == 1
    assert archive.states()["b.jpg"] is State.QUEUED


def test_a_mask_by_hand_survives_rescore_rescan_and_renaming(archive: ScoredArchive, out: Path) -> None:
    exported(archive, out)
    mask = paint(out / "b.jpg.png")
    imported(archive, out)
    with archive.ledger() as ledger:
        ledger.mark_missing(1, [b"b.jpg"])
        assert ledger.adopt(1, b"new/name.jpg", 1, 2, "b.jpg")
        [known] = ledger.archives()
        options = ScanOptions(level=Sensitivity.HIGH, jobs=1)
        told = rescore(
            known,
            ledger=ledger,
            home=archive.home,
            options=options,
            again=True,
            dry_run=False,
            progress=NullProgress(),
        )
    assert told.by_hand == 1
    assert archive.job("new/name.jpg").sha256 == "b.jpg"
    assert (archive.mask("b.jpg") == mask).all()


def test_an_export_from_before_the_photograph_was_renamed_still_finds_it(
    archive: ScoredArchive, out: Path
) -> None:
    exported(archive, out)
    mask = paint(out / "b.jpg.png")
    with archive.ledger() as ledger:
        ledger.mark_missing(1, [b"b.jpg"])
        ledger.adopt(1, b"renamed.jpg", 1, 2, "b.jpg")
    assert imported(archive, out).masks == 1
    assert (archive.mask("b.jpg") == mask).all()


def test_an_old_export_does_not_pass_for_edited_after_a_rescore(archive: ScoredArchive, out: Path) -> None:
    exported(archive, out)
    archive.add("b.jpg", {Kind.SPOT: block(220)})  # another mask than was exported
    told = imported(archive, out)
    assert (told.masks, told.unchanged) == (0, 2)


def test_a_second_export_keeps_what_was_edited_there_and_renews_the_rest(
    archive: ScoredArchive, out: Path
) -> None:
    exported(archive, out)
    mask = paint(out / "b.jpg.png")
    archive.add("sub/a.jpg", {Kind.SCRATCH: line(9, 200)})
    told = exported(archive, out)
    assert (told.masks, [one.path.name for one in told.left_alone]) == (1, ["b.jpg.png"])
    with Image.open(out / "b.jpg.png") as kept, Image.open(out / "sub" / "a.jpg.png") as renewed:
        assert (np.asarray(kept) == 255 * mask).all()
        assert np.asarray(renewed)[9, 20] == 255
    imported(archive, out)
    assert exported(archive, out).left_alone == []


def test_a_reset_gives_the_mask_back_to_the_detectors_by_the_present_choice(
    archive: ScoredArchive, out: Path
) -> None:
    before = archive.mask("sub/a.jpg")
    for name in ("sub/a.jpg", "b.jpg"):
        paint(out / f"{name}.png")
    imported(archive, out)
    archive.restore("sub/a.jpg")
    with archive.ledger() as ledger:
        ledger.choose(1, policy=Policy(Sensitivity.HIGH).text, max_coverage=None)
    told = reset(archive, b"sub")
    assert (told.masks, told.requeued, by_hand(archive)) == (1, 1, 1)
    assert (archive.mask("sub/a.jpg") == before).all()
    assert archive.states()["sub/a.jpg"] is State.QUEUED
    reset(archive)
    assert archive.states()["b.jpg"] is State.HELD
    assert archive.kinds() == {"scratches": 1, "dust": 1, "spots": 1}
    assert reset(archive).masks == 0
    with pytest.raises(InputError, match=r"no photograph at .*nowhere\.jpg"):
        reset(archive, b"nowhere.jpg")


def test_of_several_places_one_that_is_none_keeps_all_as_they_are(archive: ScoredArchive, out: Path) -> None:
    paint(out / "b.jpg.png")
    imported(archive, out)
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        places = [(known, b"b.jpg"), (known, b"nowhere.jpg")]
        with pytest.raises(InputError):
            reset_masks(places, ledger=ledger, home=archive.home, progress=NullProgress())
    assert by_hand(archive) == 1


def test_what_was_exported_by_hand_is_taken_over_again_after_a_reset(
    archive: ScoredArchive, out: Path
) -> None:
    mask = paint(out / "b.jpg.png")
    imported(archive, out)
    exported(archive, out)
    assert (imported(archive, out).masks, imported(archive, out).unchanged) == (0, 2)
    reset(archive)
    told = imported(archive, out)
    assert (told.masks, told.unchanged) == (1, 1)  # that of the detectors is no mask by hand
    assert (archive.mask("b.jpg") == mask).all()


def test_a_mask_that_leaves_nothing_is_not_taken(archive: ScoredArchive, out: Path) -> None:
    paint(out / "b.jpg.png", rows=slice(None))
    [left] = imported(archive, out).left_alone
    assert "nothing to restore it from" in left.reason


def test_who_paints_a_mask_has_decided_on_faint_specks_until_it_is_reset(
    archive: ScoredArchive, out: Path
) -> None:
    archive.add("specks.jpg", {Kind.DUST: (slice(2, 40, 10), slice(2, 60, 10), 120)})
    paint(out / "specks.jpg.png")
    imported(archive, out)
    with archive.ledger() as ledger:
        assert ledger.unsure(1) == []
    reset(archive)
    with archive.ledger() as ledger:
        assert ledger.unsure(1) == [archive.root / "specks.jpg"]
    paint(out / "specks.jpg.png")
    imported(archive, out)
    with archive.ledger() as ledger:
        assert ledger.unsure(1) == []


def test_without_a_score_map_a_mask_by_hand_is_not_reset(archive: ScoredArchive, out: Path) -> None:
    mask = paint(out / "b.jpg.png")
    imported(archive, out)
    archive.home.score_map("b.jpg").unlink()
    [left] = reset(archive).left_alone
    assert "scan its archive" in left.reason
    assert (archive.mask("b.jpg") == mask).all()


def test_what_cannot_be_a_mask_is_named_and_the_others_go_on(archive: ScoredArchive, out: Path) -> None:
    paint(out / "b.jpg.png", shape=(60, 40))
    paint(out / "sub" / "a.jpg.png", shape=(20, 30))
    paint(out / "nowhere.jpg.png")
    Image.new("L", (60, 40)).save(out / "b.jpg.jpg")
    (out / "notes.txt").write_text("no mask")
    (out / "clean.jpg.png").write_bytes(b"no picture")
    told = imported(archive, out)
    reasons = {one.path.relative_to(out).as_posix(): one.reason for one in told.left_alone}
    assert set(reasons) == {"b.jpg.png", "sub/a.jpg.png", "nowhere.jpg.png", "b.jpg.jpg", "clean.jpg.png"}
    assert "40x60 px, its photograph 60x40 px" in reasons["b.jpg.png"]
    assert "turned" in reasons["b.jpg.png"]
    assert "30x20 px" in reasons["sub/a.jpg.png"]
    assert "turned" not in reasons["sub/a.jpg.png"]
    assert "no PNG" in reasons["b.jpg.jpg"]
    assert (told.masks, by_hand(archive)) == (0, 0)


def test_masks_go_nowhere_near_photographs(archive: ScoredArchive, out: Path) -> None:
    archive.root.mkdir()
    for folder in (archive.root, archive.root / "masks"):
        with pytest.raises(InputError):
            exported(archive, folder)
    with pytest.raises(InputError, match="holds the photographs"):
        imported(archive, archive.root)
    out.mkdir()
    (out / MASKS_LIST).write_text(json.dumps({"archive": "/elsewhere"}))
    with pytest.raises(InputError, match="masks of /elsewhere"):
        exported(archive, out)


def test_the_archive_of_masks_must_be_known(archive: ScoredArchive, out: Path) -> None:
    paint(out / "b.jpg.png")
    with archive.ledger() as ledger:
        ledger.add_archive(Path("/second"))
    with pytest.raises(InputError, match="--archive"):
        imported(archive, out)
    for text in ("no list", '{"archive": "/second"}\n7', "[" * 200_000):
        (out / MASKS_LIST).write_text(text)
        with pytest.raises(InputError, match="Remove it"):
            imported(archive, out)


@pytest.mark.parametrize("lock", ["worker.lock", "alone.lock"])
def test_masks_are_not_changed_under_a_run(archive: ScoredArchive, out: Path, lock: str) -> None:
    paint(out / "b.jpg.png")
    with WorkerLock(archive.home.root / lock), pytest.raises(LockedError):
        imported(archive, out)
    with WorkerLock(archive.home.root / lock), pytest.raises(LockedError):
        reset(archive)
    assert by_hand(archive) == 0


class Bar(NullProgress):
    """What a bar would show."""

    def start(self, description: str, total: int | None, done: int = 0) -> None:
        self.size, self.done = total, done

    def advance(self, items: int = 1) -> None:
        self.done += items


@pytest.mark.parametrize("every", [False, True])
def test_progress_counts_masks_by_hand_too(archive: ScoredArchive, out: Path, every: bool) -> None:
    exported(archive, out)
    paint(out / "b.jpg.png", rows=slice(0, 0))  # undamaged, by hand
    imported(archive, out)
    bar = Bar()
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        export_masks(known, out, every=every, ledger=ledger, home=archive.home, progress=bar)
    assert (bar.done, bar.size) == ((3, 3) if every else (2, 2))


class Killed(NullProgress):
    def advance(self, items: int = 1) -> None:
        raise KeyboardInterrupt


def test_a_folder_of_masks_that_cannot_be_opened_is_named(archive: ScoredArchive, out: Path) -> None:
    exported(archive, out)
    (out / "loop").symlink_to("loop")
    [left] = imported(archive, out).left_alone
    assert left.path == out / "loop"
    assert "cannot be opened: " in left.reason


def test_what_a_killed_export_wrote_does_not_pass_for_edited(archive: ScoredArchive, out: Path) -> None:
    class Watching(NullProgress):
        """Keeps what the list says when the second mask is reported."""

        seen = 0
        told = ""

        def advance(self, items: int = 1) -> None:
            self.seen += items
            if self.seen == 2:
                self.told = (out / MASKS_LIST).read_text()

    watching = Watching()
    with archive.ledger() as ledger:
        [known] = ledger.archives()
        export_masks(known, out, every=False, ledger=ledger, home=archive.home, progress=watching)
    head, first = watching.told.splitlines()
    name = json.loads(first)["mask"].removesuffix(".png")
    (out / MASKS_LIST).write_text(f'{head}\n{first}\n{{"mask": "hal')  # where it was killed
    other = "b.jpg" if name == "sub/a.jpg" else "sub/a.jpg"
    archive.home.detected_mask(name).write_bytes(archive.home.detected_mask(other).read_bytes())
    told = exported(archive, out)
    assert (told.masks, told.left_alone) == (2, [])
    assert len((out / MASKS_LIST).read_text().splitlines()) == 3


def test_an_import_that_was_killed_goes_on_with_the_same_command(archive: ScoredArchive, out: Path) -> None:
    exported(archive, out)
    archive.restore("sub/a.jpg", "b.jpg")
    masks = [paint(out / "sub" / "a.jpg.png"), paint(out / "b.jpg.png", rows=slice(0, 3))]
    with archive.ledger() as ledger, pytest.raises(KeyboardInterrupt):
        import_masks(out, archive=None, ledger=ledger, home=archive.home, progress=Killed())
    imported(archive, out)
    assert [
        (archive.mask(name) == mask).all() for name, mask in zip(("sub/a.jpg", "b.jpg"), masks, strict=True)
    ]
    assert set(archive.states().values()) == {State.QUEUED}
    assert by_hand(archive) == 2


def test_a_run_repaints_by_the_mask_by_hand_and_takes_back_what_has_none(tmp_path: Path) -> None:
    made = restored_archive(tmp_path)
    with made.ledger() as ledger:
        export_masks(
            ledger.archives()[0],
            tmp_path / "masks",
            every=True,
            ledger=ledger,
            home=made.home,
            progress=NullProgress(),
        )
    for name, rows in (("a.jpg", slice(10, 14)), ("sub/a.png", slice(0, 0))):
        with Image.open(tmp_path / "masks" / f"{name}.png") as image:
            shape = image.height, image.width
        paint(tmp_path / "masks" / f"{name}.png", rows=rows, shape=shape)
    with made.ledger() as ledger:
        told = import_masks(
            tmp_path / "masks", archive=None, ledger=ledger, home=made.home, progress=NullProgress()
        )
    assert (told.masks, told.unchanged, told.requeued) == (2, 2, 2)
    summary = made.run()
    assert (summary.restored, summary.taken_back, made.states()) == (1, 1, {State.DONE: 2})
    with made.ledger() as ledger:
        found = verify(ledger.archives(), ledger=ledger, home=made.home, progress=NullProgress())
    assert (found.outputs, found.faults) == (2, [])
    assert list((made.output / "sub").iterdir()) == []
