"""No sequence of edits, moves, scans, claims, kills, finishes, reverts, retries and new masks loses work or does it
twice, and nothing that has to be held is restored."""

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from archive_restore.ledger import Job, Ledger, Queue, RegionRow, ScannedPhotograph, State, open_ledger
from archive_restore.ledger.care import TOTALS

PATHS = st.sampled_from([b"a", b"b", b"sub/a"])
CONTENTS = st.sampled_from(["damaged 1", "damaged 2", "clean", "unreadable"])
STEPS = st.sampled_from([99, 99, 99, 0, 1, 2, 3, 4])  # ledger verbs until the scan is killed
SCANNED = st.sampled_from(["damaged 1", "damaged 2", "clean"])
PIXELS = 100  # of every photograph
COVERED = st.sampled_from([0, 5, 50, 60])  # px in a mask


def regions(covered: int) -> list[RegionRow]:
    """One that covers so many px, or none."""
    return [RegionRow("dust", 0, 0, 10, 10, covered, 1.0)] if covered else []


class Killed(Exception):
    """The process is gone before its next verb."""


class Nights(RuleBasedStateMachine):
    """An archive, the folder of its outputs, and workers that may be killed between any two verbs."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
        self.ledger: Ledger = open_ledger(Path(self.folder.name) / "ledger.db", clock=lambda: self.time)
        self.ledger._connection.execute("PRAGMA synchronous = OFF")  # the kills here are no power cuts
        self.archive = self.ledger.add_archive(Path("/photos"))
        self.disk: dict[bytes, tuple[str, int]] = {}  # path: content, time of the last change
        self.outputs: dict[Path, int] = {}  # path: the job that wrote it last
        self.holding: list[Job] = []  # leases of the worker that runs now
        self.dead: list[Job] = []  # leases that are lost
        self.copies: Counter[str] = Counter()  # the most copies of a content that a scan met
        self.covered = {"damaged 1": 5, "damaged 2": 5, "clean": 0}  # px in the mask, by content
        self.allowed: dict[str, int] = {}  # px in the mask when somebody released it, by content
        self.by_hand: set[str] = set()  # contents with a mask that somebody painted
        self.limit = 12  # px of a mask, beyond which it is held
        self.scanned: dict[bytes, str] | None = None  # the archive as the last whole scan left it
        self.clock = 0

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    @initialize()
    def first_evening(self) -> None:
        self.write(b"a", "damaged 1")
        self.write(b"b", "damaged 2")
        self.scan(99)

    # the user

    @rule(path=PATHS, content=CONTENTS)
    def write(self, path: bytes, content: str) -> None:
        self.clock += 1
        self.disk[path] = content, self.clock

    @rule(path=PATHS, to=PATHS)
    def rename(self, path: bytes, to: bytes) -> None:
        if path in self.disk:
            self.disk[to] = self.disk.pop(path)

    @rule(path=PATHS, other=PATHS)
    def exchange(self, path: bytes, other: bytes) -> None:
        if path in self.disk and other in self.disk:
            self.disk[path], self.disk[other] = self.disk[other], self.disk[path]

    @rule(path=PATHS)
    def remove(self, path: bytes) -> None:
        self.disk.pop(path, None)

    # scan

    @rule(killed_after=STEPS)
    def scan(self, killed_after: int) -> None:
        contents = {path: content for path, (content, _) in self.disk.items()}
        self.copies |= Counter(contents.values())
        self.scanned = None
        try:
            self._scan(killed_after)
        except Killed:
            return
        self.scanned = contents

    def _scan(self, killed_after: int) -> None:
        steps = iter(range(killed_after))

        def step() -> None:
            if next(steps, None) is None:
                raise Killed

        known = self.ledger.known_files(self.archive)
        changed = [path for path, (_, time) in self.disk.items() if path in known]
        changed = [path for path in changed if known[path].modified_ns != self.disk[path][1]]
        gone = [path for path, file in known.items() if path not in self.disk and not file.missing]
        same = [path for path in self.disk if path in known and path not in changed]
        step()
        self.ledger.mark_missing(self.archive, [*gone, *(p for p in changed if not known[p].missing)])
        step()
        self.ledger.mark_found([known[path].file_id for path in same if known[path].missing])
        for path in sorted(set(self.disk) - set(same)):
            content, time = self.disk[path]
            step()
            if content == "unreadable":
                self.ledger.record_failure(self.archive, path, 1, time, "unreadable")
            elif not self.ledger.adopt(self.archive, path, 1, time, content):
                covered = self.covered[content]
                photograph = ScannedPhotograph(path, 1, time, content, "jpeg", 10, 10, "normal", covered)
                self.ledger.record(self.archive, photograph, regions(covered))

    # run

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        for _ in range(limit):
            for queue in Queue:
                jobs = self.ledger.claim(
                    "worker", 1, queue=queue
                )  # one name for all: a process id comes back
                for job in jobs:
                    assert job.id not in self.outputs.values(), (
                        "its restored photograph is on the disk already"
                    )
                    assert not self.has_to_be_held(job.sha256)
                    assert job.id not in {held.id for held in self.holding}
                    assert job.sha256 not in {held.sha256 for held in self.holding}
                    assert self.scanned is None or self.scanned.get(job.relative) == job.sha256
                    assert (job.crashes > 0) == (queue is Queue.SUSPECT)
                self.holding += jobs

    @rule(seconds=st.sampled_from([1, 40, 4000, -86400]))
    def time_passes(self, seconds: int) -> None:
        """Or the clock is set back."""
        self.time += timedelta(seconds=seconds)

    @precondition(lambda self: self.holding)
    @rule()
    def postpone(self) -> None:
        job = self.holding.pop()
        assert self.ledger.postpone(job, "the share did not answer", timedelta(seconds=30))
        self.dead.append(job)
        due = self.ledger.next_due(self.archive)
        waiting = {
            one.id for one in self.ledger.jobs(state=State.QUEUED)
        }  # it may be missing, or held by now
        assert due is not None or job.id not in waiting

    @rule(data=st.data(), again=st.booleans())
    def revert(self, data: st.DataObject, again: bool) -> None:
        done = self.ledger.jobs(state=State.DONE)
        if not done:
            return
        job = data.draw(st.sampled_from(done))
        self.outputs = {path: writer for path, writer in self.outputs.items() if writer != job.id}
        assert self.ledger.revert(job, again=again)
        assert not self.ledger.revert(job, again=again)

    @rule(data=st.data())
    def review(self, data: st.DataObject) -> None:
        looked_at = self.ledger.jobs(also_missing=True)
        if not looked_at:
            return
        job = data.draw(st.sampled_from(looked_at))
        assert self.ledger.accept(job) == (job.state is State.DONE)
        waits = job.state in (State.QUEUED, State.HELD) and job.output is None
        assert self.ledger.leave_alone(job) == waits
        assert not self.ledger.leave_alone(job)

    @precondition(lambda self: self.holding)
    @rule(data=st.data(), written=st.booleans())
    def finish(self, data: st.DataObject, written: bool) -> None:
        job = self.holding.pop(data.draw(st.integers(0, len(self.holding) - 1)))
        output = Path("/photos-restored") / job.relative.decode()
        assert self.ledger.write_intent(job, f"output of {job.id}", output)
        if written:
            self.outputs[output] = job.id
            assert self.ledger.finish(job, output=output, output_sha256=f"output of {job.id}", model=None)
        else:
            assert self.ledger.fail(job, "disk gone")

    @rule()
    def whole_night(self) -> None:
        """Everything is scanned and restored, so that the rules after it meet finished work."""
        self.scan(99)
        self.time += timedelta(hours=1)
        while True:
            self.claim(9)
            if not self.holding:
                break
            for job in self.holding:  # duplicates wait until the first is done
                output = Path("/photos-restored") / job.relative.decode()
                twin = self.ledger.twin(job)
                assert twin is None or twin.sha256 == job.sha256
                self.outputs[output] = job.id
                assert self.ledger.finish(
                    job,
                    output=output,
                    output_sha256=f"output of {job.id}",
                    model=None,
                    linked=None if twin is None else "linked",
                )
            self.holding = []
        assert self.ledger.counts().states[State.QUEUED] == 0

    @precondition(lambda self: self.holding)
    @rule()
    def give_back(self) -> None:
        job = self.holding.pop()
        assert self.ledger.release(job)
        self.dead.append(job)

    @precondition(lambda self: self.holding)
    @rule(data=st.data(), written=st.booleans())
    def kill_and_recover(self, data: st.DataObject, written: bool) -> None:
        """A kill between intent and finish, before or after the rename, then the next worker's start."""
        job = data.draw(st.sampled_from(self.holding))
        output = Path("/photos-restored") / job.relative.decode()
        self.ledger.write_intent(job, f"output of {job.id}", output)
        if written:
            self.outputs[output] = job.id
        self.dead += self.holding
        self.holding = []
        for lease in self.ledger.leased():
            place, intended = lease.intended_output, lease.intended_sha256
            if place and intended and intended == f"output of {self.outputs.get(place)}":
                self.ledger.finish(lease, output=place, output_sha256=intended, model=None)
            else:
                self.ledger.release(lease, crashed=True)
        self.dead_workers_speak()

    @rule()
    def dead_workers_speak(self) -> None:
        self.claim(3)  # what they held is held by somebody of the same name
        for job in self.dead:
            assert not self.ledger.write_intent(job, "late")
            assert not self.ledger.finish(job, output=Path("/late"), output_sha256="late", model=None)
            assert not self.ledger.fail(job, "late")
            assert not self.ledger.release(job)
            assert not self.ledger.postpone(job, "late", timedelta(seconds=30))

    @rule()
    def retry(self) -> None:
        self.ledger.retry()

    # masks

    def has_to_be_held(self, content: str | None) -> bool:
        covered = self.covered.get(content or "", 0)
        large = covered > self.limit and covered > self.allowed.get(content or "", 0)
        return large and content not in self.by_hand

    def remask(self, content: str, covered: int, *, by_hand: bool, again: bool) -> None:
        """As rescore, import and reset tell it; they refuse to while a run is at work."""
        if content not in {photograph.sha256 for photograph in self.ledger.masked(self.archive)}:
            return
        known = self.ledger.masked_content(self.archive, content)
        assert known is not None
        assert (known.covered, known.by_hand) == (self.covered[content], content in self.by_hand)
        done = {job.id for job in self.ledger.jobs(state=State.DONE) if job.sha256 == content}
        assert done <= (set(self.outputs.values()) if known.restored else set())
        if known.restored and not again:
            return
        requeued = self.ledger.remask(
            known.id, policy="0.5", covered=covered, regions=regions(covered), by_hand=by_hand, again=again
        )
        assert requeued >= len(done)  # and those of missing files
        stays = {
            row["id"] for row in self.ledger._connection.rows("SELECT id FROM jobs WHERE state = 'done'")
        }
        self.outputs = {path: writer for path, writer in self.outputs.items() if writer in stays}
        self.covered[content] = covered
        (self.by_hand.add if by_hand else self.by_hand.discard)(content)

    @precondition(lambda self: not self.holding)
    @rule(content=SCANNED, covered=COVERED, again=st.booleans())
    def rescore(self, content: str, covered: int, again: bool) -> None:
        if content not in self.by_hand:
            self.remask(content, covered, by_hand=False, again=again)

    @rule(content=SCANNED, covered=COVERED)
    def import_mask(self, content: str, covered: int) -> None:
        """Perhaps after a run was killed, whose leases nobody has taken back."""
        killed, self.holding = self.holding, []
        self.dead += killed
        for leased in {job.sha256 for job in killed} | {content}:
            assert leased is not None
            if self.ledger.masked_content(self.archive, leased) is not None:
                self.remask(leased, covered, by_hand=True, again=True)
        for job in self.ledger.leased():  # of files that are missing: the next run releases them
            self.ledger.release(job, crashed=True)

    @precondition(lambda self: not self.holding)
    @rule(content=SCANNED)
    def reset_mask(self, content: str) -> None:
        if content in self.by_hand:
            self.remask(content, 5 if content.startswith("damaged") else 0, by_hand=False, again=True)

    @rule()
    def release_what_is_held(self) -> None:
        waiting = [job.sha256 for job in self.ledger.jobs(state=State.HELD)]
        assert self.ledger.allow(self.archive) >= len(waiting)
        self.allowed |= {content: self.covered[content] for content in waiting if content}
        assert self.ledger.jobs(state=State.HELD) == []

    @rule(share=st.sampled_from([0.02, 0.12, 0.55, 1.0]))
    def choose(self, share: float) -> None:
        self.ledger.choose(self.archive, policy=None, max_coverage=share)
        self.limit = round(PIXELS * share)

    # what must hold after every step

    @invariant()
    def large_masks_are_held_and_no_others(self) -> None:
        for job in self.ledger.jobs():
            if job.state in (State.QUEUED, State.HELD):
                assert (job.state is State.HELD) == self.has_to_be_held(job.sha256)

    @invariant()
    def finished_work_is_never_forgotten(self) -> None:
        done = {row["id"] for row in self.ledger._connection.rows("SELECT id FROM jobs WHERE state = 'done'")}
        assert done == set(self.outputs.values())

    @invariant()
    def only_the_living_hold_leases(self) -> None:
        assert {job.id for job in self.ledger.leased()} == {job.id for job in self.holding}

    @invariant()
    def totals_are_what_a_count_of_the_rows_gives(self) -> None:
        for what, disagree in TOTALS.items():
            assert self.ledger._connection.rows(disagree) == [], what

    @invariant()
    def a_content_that_moved_is_not_a_new_photograph(self) -> None:
        rows = self.ledger._connection.rows(
            "SELECT sha256, count(*) AS count FROM files JOIN photographs ON photographs.id = photograph_id "
            "GROUP BY sha256"
        )
        assert all(row["count"] <= self.copies[row["sha256"]] for row in rows)

    @invariant()
    def after_a_scan_every_damaged_photograph_has_one_job(self) -> None:
        if self.scanned is None:
            return
        known = self.ledger.jobs()
        jobs = {job.relative: (job.sha256, job.state) for job in known}
        outputs = {row["job_id"] for row in self.ledger._connection.rows("SELECT job_id FROM outputs")}
        # Its restored photograph is outdated, or somebody said that it is to be left alone.
        kept = {job.relative for job in known if job.id in outputs or job.state is State.REJECTED}
        assert {path: content for path, (content, _) in jobs.items()} == {
            path: None if content == "unreadable" else content
            for path, content in self.scanned.items()
            if content == "unreadable" or self.covered[content] or path in kept
        }
        assert all((content is None) <= (state is State.FAILED) for content, state in jobs.values())


TestNights = Nights.TestCase
TestNights.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
