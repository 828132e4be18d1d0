"""The page of `review` in a real browser: what its buttons, keys and brush do."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_restore.ledger import State
from archive_restore.photos.mask_files import read_mask
from tests.formats import HEIGHT, WIDTH
from tests.restored_archive import RestoredArchive, restored_archive
from tests.served import served

driver = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed here: pip install 'archive-restore[browser]'"
)
expect = driver.expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
"""Of browsers that the system may have."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with driver.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = own if Path(own).exists() else next(filter(None, map(shutil.which, NAMES)), None)
        if found is None:
            pytest.skip("no Chromium is installed here: playwright install chromium")
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@pytest.fixture
def archive(tmp_path: Path) -> RestoredArchive:
    return restored_archive(tmp_path)


@pytest.fixture
def page(chromium: "driver.Browser", archive: RestoredArchive) -> Iterator["driver.Page"]:
    """The page with its first photograph, a.jpg, which is shown turned by its tag. It ends without an error."""
    errors: list[str] = []
    with served(archive) as server:
        page = chromium.new_page(viewport={"width": 1200, "height": 800})
        try:
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(server.address)
            opened(page, "a.jpg")
            yield page
        finally:
            page.close()
    assert errors == []


def opened(page: "driver.Page", name: str) -> None:
    """Waits for a photograph and its pictures."""
    expect(page.locator("#name")).to_have_text(name)
    idle(page)


def idle(page: "driver.Page") -> None:
    for _ in range(400):
        if not page.evaluate("mine.busy"):
            return
        page.wait_for_timeout(25)
    pytest.fail("the page is still at work")


def standing(page: "driver.Page", words: str) -> None:
    """Waits until the piles say so."""
    expect(page.locator("#piles").get_by_text(words, exact=True)).to_be_visible()
    idle(page)


def seen(page: "driver.Page") -> str:
    """What the canvas shows."""
    return str(page.evaluate("canvas.toDataURL()"))


def stroke(page: "driver.Page") -> None:
    """A line through the middle of the stage."""
    box = page.locator("#canvas").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] - 20, middle[1])
    page.mouse.down()
    page.mouse.move(middle[0] + 20, middle[1], steps=4)
    page.mouse.up()


def mask_of(archive: RestoredArchive) -> Path:
    return archive.home.edited_mask(archive.job(b"a.jpg").sha256 or "")


def test_a_photograph_is_shown_before_and_after_with_its_mask(page: "driver.Page") -> None:
    expect(page.locator("#facts")).to_contain_text(f"{HEIGHT} x {WIDTH} px")
    shown = {side: page.click(f"[data-side={side}]") or seen(page) for side in ("before", "both", "after")}
    assert len(set(shown.values())) == 3
    page.keyboard.press("b")
    assert seen(page) == shown["before"]
    page.keyboard.press("m")
    assert seen(page) != shown["before"]
    page.keyboard.press("n")
    expect(page.locator("#fit")).to_have_text("Fit")


def test_a_photograph_cannot_be_moved_out_of_sight(page: "driver.Page") -> None:
    box = page.locator("#canvas").bounding_box()
    right, middle = box["x"] + box["width"] - 5, box["y"] + box["height"] / 2
    for _ in range(2):
        page.mouse.move(box["x"] + 5, middle)
        page.mouse.down()
        page.mouse.move(right, middle, steps=4)
        page.mouse.up()
    assert page.evaluate("view.x") <= box["width"] / 2


def test_a_double_click_looks_at_its_place(page: "driver.Page") -> None:
    page.evaluate("view.scale = fitScale() / 2")
    page.evaluate("Object.assign(view, { x: 200, y: 100, fit: true })")
    page.locator("#canvas").dblclick(position={"x": 220, "y": 130})
    stage = page.evaluate("[stageSize().w / 2, stageSize().h / 2]")
    x, y = page.evaluate(f"pixel({{ x: {stage[0]}, y: {stage[1]} }})")
    scale = page.evaluate("fitScale()") / 2
    assert (x, y) == pytest.approx((20 / scale, 30 / scale), abs=1.5)


def test_buttons_and_keys_decide_and_the_next_one_is_opened(
    page: "driver.Page", archive: RestoredArchive
) -> None:
    page.get_by_role("button", name="Accept", exact=True).click()
    opened(page, "sub/a.png")
    page.keyboard.press("r")
    opened(page, "a.tif")
    standing(page, "Accepted 1")
    standing(page, "Rejected 1")
    assert archive.states() == {State.DONE: 2, State.REJECTED: 1}
    assert archive.job(b"a.jpg").accepted_at is not None
    page.get_by_role("button", name="Rejected 1").click()
    opened(page, "sub/a.png")
    page.keyboard.press("a")
    standing(page, "Waiting 1")
    expect(page.locator("#empty")).to_have_text("Nothing is rejected.")


def test_a_key_that_is_kept_down_decides_on_one_photograph(
    page: "driver.Page", archive: RestoredArchive
) -> None:
    page.keyboard.down("a")
    opened(page, "sub/a.png")
    page.keyboard.down("a")  # as the system repeats it
    idle(page)
    page.keyboard.up("a")
    standing(page, "Accepted 1")
    assert archive.job(b"sub/a.png").accepted_at is None


def test_what_is_painted_is_saved(page: "driver.Page", archive: RestoredArchive) -> None:
    page.keyboard.press("e")
    stroke(page)
    stroke(page)
    page.keyboard.press("Control+z")
    assert page.evaluate("paint.strokes.length") == 1
    page.get_by_role("button", name="Save mask").click()
    standing(page, "Waiting 1")
    mask = read_mask(mask_of(archive), (HEIGHT, WIDTH))
    assert mask[HEIGHT // 2 - 1 : HEIGHT // 2 + 2, WIDTH // 2].any()
    assert archive.job(b"a.jpg").state is State.QUEUED


def test_a_second_finger_paints_nothing(page: "driver.Page") -> None:
    page.keyboard.press("e")
    for kind in ("pointerdown", "pointermove", "pointerup"):
        page.locator("#canvas").dispatch_event(
            kind, {"pointerId": 1, "isPrimary": False, "clientX": 600, "clientY": 400, "bubbles": True}
        )
    assert page.evaluate("paint.strokes.length") == 0
    stroke(page)
    assert page.evaluate("paint.strokes.length") == 1


def test_what_is_painted_is_left_only_by_who_says_so(page: "driver.Page", archive: RestoredArchive) -> None:
    page.keyboard.press("e")
    page.keyboard.press("x")
    stroke(page)
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.locator("#list").get_by_text("a.tif").click()
    assert page.evaluate("paint.strokes.length") == 1
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.locator("#list").get_by_text("a.tif").click()
    opened(page, "a.tif")
    assert ["not saved" in one for one in asked] == [True, True]
    assert not mask_of(archive).exists()


def test_what_has_changed_meanwhile_is_told_and_shown(page: "driver.Page", archive: RestoredArchive) -> None:
    with archive.ledger() as ledger:
        ledger.accept(archive.job(b"a.jpg"))
    page.keyboard.press("r")
    expect(page.locator("#message")).to_contain_text("not any more what you saw")
    standing(page, "Accepted 1")
    expect(page.get_by_role("button", name="Look again")).to_be_visible()
    assert archive.job(b"a.jpg").state is State.DONE
    # The message takes room from the stage: the canvas has as many pixels as it is shown with.
    page.wait_for_timeout(200)
    assert page.evaluate("[canvas.width, canvas.height]") == page.evaluate(
        "[canvas.clientWidth, canvas.clientHeight]"
    )


def test_what_cannot_be_shown_cannot_be_accepted(page: "driver.Page", archive: RestoredArchive) -> None:
    output = archive.job(b"sub/a.png").output
    assert output is not None
    output.unlink()
    page.keyboard.press("j")
    opened(page, "sub/a.png")
    expect(page.locator("#empty")).to_contain_text(output.name)
    assert page.locator("#verdicts button").all_inner_texts() == ["Reject"]
    page.keyboard.press("a")
    idle(page)
    standing(page, "Accepted 0")


def test_the_keyboard_stays_where_it_was(page: "driver.Page") -> None:
    focused = "document.activeElement.textContent"
    page.focus('#list [tabindex="0"]')
    page.keyboard.press("ArrowDown")
    opened(page, "sub/a.png")
    assert "sub/a.png" in page.evaluate(focused)
    page.focus("[data-verdict=accept]")
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    opened(page, "a.tif")
    assert page.evaluate(focused) == "Accept"
    page.focus("#edit")
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "Damage"
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "Edit mask"
