"""Photographs and masks in, restored photographs out."""

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archive_restore.cores import usable_cores
from archive_restore.errors import DeviceError, WeightsError
from archive_restore.networks import eight_bits, winograd
from archive_restore.networks.devices import failing_in_words, free_unused, half_precision, out_of_memory
from archive_restore.networks.ensemble import WAYS, SelfEnsemble
from archive_restore.networks.weights import LoadedModel
from archive_restore.restoring.fractions import Picture, Sample
from archive_restore.restoring.grain import match_grain
from archive_restore.restoring.levels import Cut, Level, Painting, coarse_to_fine
from archive_restore.restoring.scheduler import Outcome, Scheduler
from archive_restore.restoring.texture import match_texture
from archive_restore.restoring.toning import in_its_tone
from archive_restore.restoring.windows import Shape

Key = TypeVar("Key")
Batched = TypeVar("Batched", bound=np.generic)

CPU_BATCH = 8
"""Windows of full size, for one core: what it works on stays in its cache. Where two cores of an EPYC 9004 took 4.1 ms
a window of 128 px in batches of 4 side by side, they took 4.5 in batches of 16; working on every batch together, 5.4 in
batches of 16 and 5.9 in those of 5."""

GPU_BATCH = 256
"""Windows of full size in a pass, nearly as many px as 128 windows of 128 px have; more did not make a large GPU
faster. Where each is shown in eight ways, four of them share a pass, so 64 windows are a batch."""

MPS_BATCH = 64
"""The same of a GPU that shares its memory with everything else, and computes in float32."""

GPU_LANES = 2
"""Of a CUDA GPU: one batch is copied to it while it works on another."""

GPU_BYTES_PER_WINDOW = 32 << 20
"""Of free GPU memory, generously; a window of 80 px needs some 8 MiB at 16 bits. Too much is not fatal."""

MAX_PIXELS_IN_FLIGHT = 30_000_000
"""px of the photographs that are being restored side by side. One takes 3 to 12 bytes a pixel; one with fractions
takes, and counts, four times as much."""

CHEAP_PX = 3_000_000
"""px of windows that any scale of a photograph is worth on a CPU with half precision: two cores of an EPYC 9004 take
little more than a second (`tests.benchmarks.speed`)."""

CHEAP_SHARE = 0.4
"""px of windows for each px of a large photograph: with 12 megapixels, 3 % of them scratched, two cores of a Xeon with
AMX take six seconds in all (`tests.benchmarks.speed`); with 0.6 they took eight."""

IN_FULL_PRECISION = 6
"""A CPU that computes neither in half precision nor in bytes takes so many times as long for a window, and is worth as
many fewer. On the development set that costs 0.01 dB."""

IN_BYTES = 2
"""The same of one that computes in bytes: a Xeon does. That an EPYC, which is slower in bfloat16, shows its windows
less often than it would there costs nothing that the development set shows."""

PATIENCE = 64
"""Batches that must fit before a halved one is doubled again, and twice as many each time that it was halved."""

WAIT_SECONDS = 5.0
"""Before a single window is tried once more, which another program left no room for."""

MAX_CUTTERS = 8
"""Threads that cut windows out; a modern GPU takes windows faster than one thread makes first guesses."""

LANES_A_CUTTER = 4
"""On a CPU, where a core that shows every window once to the network takes four times as long as one that cuts it."""


class Restorer:
    """A generator on its device. Owns precision, memory layout, batches and their inverse.

    Parameters
    ----------
    model : its module is moved to `device` and rounded to the precision that it computes in there, to bytes where that
        is faster (`networks.eight_bits`), and else given fewer multiplications where these are slow
        (`networks.winograd`)
    device : see `networks.devices.choose_device`
    batch_size : windows of full size at once, and more of smaller ones; None to choose by the device
    grain : draw the texture and the grain that the restored holes lack (see `texture.match_texture` and
        `grain.match_grain`)
    opaque : believe nothing under the masks: they hide what is to go, whether it is damage or not
    thorough : restore each window eight times, turned and mirrored, and keep the mean; None as `thoroughness` has it
    note : told, in a sentence, when a batch did not fit and smaller ones are used until many have fitted; in any thread
    after_batch : told the number of windows after each batch, in the thread that restores
    """

    def __init__(
        self,
        model: LoadedModel,
        device: torch.device,
        batch_size: int | None = None,
        *,
        opaque: bool = False,
        grain: bool = True,
        thorough: bool | None = None,
        note: Callable[[str], None] = lambda message: None,
        after_batch: Callable[[int], None] = lambda windows: None,
    ) -> None:
        self.card = model.card
        self.device = device
        self.window = _side(model, "window")
        self.context = _side(model, "context")
        self._halves = bool(getattr(model.module, "halves", True))
        self.opaque = opaque
        self.grain = grain
        self._note = note
        self._after_batch = after_batch
        self._in_bytes = bool(model.card.ranges) and eight_bits.pays(device)
        self._precision = None if self._in_bytes else half_precision(device)
        self._thorough = thoroughness(thorough, device)
        # As many as torch would let share a batch, which heeds OMP_NUM_THREADS.
        self._lanes = {"cpu": torch.get_num_threads(), "cuda": GPU_LANES}.get(device.type, 1)
        threads = self._lanes // LANES_A_CUTTER if device.type == "cpu" else usable_cores()
        self._cutters = max(1, min(MAX_CUTTERS, threads))
        self._resizing = Lock()
        self._fitting, self._patience = 0, PATIENCE  # batches
        module = SelfEnsemble(model.module, together=device.type != "cpu").eval()
        with failing_in_words(device):
            self.batch_size = batch_size or _default_batch_size(device, thorough=bool(self._thorough))
            self._module = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self._in_bytes:
            eight_bits.with_eight_bits(model.network, model.card.ranges)
        elif self._precision is not None:
            _round_weights(self._module, self._precision)
        elif winograd.pays(device):
            winograd.with_fewer_multiplications(self._module)
        self._largest = self.batch_size

    def restore(self, pixels: NDArray[Sample], mask: NDArray[np.bool_]) -> NDArray[Sample]:
        """One photograph.

        Parameters
        ----------
        pixels : (H, W) or (H, W, 3), RGB, uint8 or, of deeper samples, float32 of 0 to 255
        mask : (H, W) bool, True = damaged; not all of it

        Returns
        -------
        Like `pixels`, equal to it outside the mask.
        """
        ((_, outcome),) = self.restore_many([(None, pixels, mask)])
        if isinstance(outcome, Exception):
            raise outcome
        return self.finish(pixels, outcome.astype(pixels.dtype, copy=False), mask)

    def finish(
        self, pixels: NDArray[Sample], restored: NDArray[Sample], mask: NDArray[np.bool_]
    ) -> NDArray[Sample]:
        """The last touch to what `restore_many` gave; needs no device and may run in any thread.

        Parameters and result are those of `toning.in_its_tone`, then of `texture.match_texture` and of
        `grain.match_grain`, which are left out where `grain` is False.
        """
        toned = in_its_tone(pixels, restored, mask)
        return match_grain(pixels, match_texture(toned, mask), mask) if self.grain else toned

    def restore_many(
        self,
        photographs: Iterable[tuple[Key, Picture, NDArray[np.bool_]]],
        *,
        max_pixels: int = MAX_PIXELS_IN_FLIGHT,
    ) -> Iterator[tuple[Key, Outcome]]:
        """Many photographs, whose windows share batches. They still want to go through `finish`.

        Parameters
        ----------
        photographs : (key, pixels, mask) as for `restore`; drawn one by one as there is room
        max_pixels : px of the photographs in flight from which on no further one is drawn

        Yields
        ------
        (key, restored pixels), or (key, exception) for a photograph that could not be restored, in the order
        in which they are finished.

        Raises
        ------
        DeviceError
            The device fails, or not even one window fits into its memory.
        """
        scheduler: Scheduler[Key] = Scheduler(
            self._write,
            room=self._room,
            ways=self._ways,
            max_pixels=max_pixels,
            cutters=self._cutters,
            lanes=self._lanes,
            enter_lane=self._enter_lane,
            after_batch=self._after_batch,
        )
        yield from scheduler.run(
            (key, self._painting(pixels, mask), mask.size * pixels.itemsize)
            for key, pixels, mask in photographs
        )

    def _enter_lane(self) -> None:
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # of this lane

    def _painting(self, pixels: Picture, mask: NDArray[np.bool_]) -> Painting:
        """The levels of one photograph; what is wrong with it comes up inside, as its own failure."""
        _check(pixels, mask)
        scan = None if self.opaque else pixels
        painting = coarse_to_fine(
            pixels, mask, size=self.window, context=self.context, halves=self._halves, scan=scan
        )
        return (yield from painting)

    def _room(self, shape: Shape) -> int:
        """Windows of a shape that go through the network at once: they have as many pixels as a batch of full ones."""
        return max(1, self.batch_size * self.window**2 // (shape[0] * shape[1]))

    def _ways(self, level: Level) -> int:
        """In how many ways the windows of a level are shown to the network."""
        slower = IN_BYTES if self._in_bytes else 1 if self._precision is not None else IN_FULL_PRECISION
        return ways_of(self._thorough, level.area, level.pixels, slower=slower)

    def _write(self, cuts: list[Cut], ways: int) -> NDArray[np.float32]:
        """The windows, all of one shape, as the generator writes them, (B, H, W, 3) float32, 0 to 255."""
        guesses = np.stack([cut.guess for cut in cuts])
        holes = np.stack([cut.hole for cut in cuts])
        scans = np.stack([cut.scan for cut in cuts])
        parts: list[NDArray[np.float32]] = []
        done, waited = 0, False
        while done < len(cuts):
            size = self.batch_size
            some = slice(done, done + self._room(holes.shape[1:]))
            written = self._if_it_fits(guesses[some], holes[some], scans[some], ways)
            if written is not None:
                parts.append(written)
                done += len(written)
                waited = False
                self._fitted()
            elif size > 1:
                self._shrink(size)
            elif not waited:
                waited = True
                free_unused(self.device)
                time.sleep(WAIT_SECONDS)
            else:
                raise DeviceError(
                    f"The memory of {self.device} does not hold a single window. Close other programs that use "
                    "it, or run with --device cpu."
                )
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _if_it_fits(
        self, guesses: Picture, holes: NDArray[np.bool_], scans: Picture, ways: int
    ) -> NDArray[np.float32] | None:
        """What `_through_network` gives; None if the memory does not hold the batch. By then it is free again, which
        it is not while the error is handled, whose traceback knows every tensor."""
        with failing_in_words(self.device):
            try:
                return self._through_network(guesses, holes, scans, ways)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
        return None

    def _shrink(self, size: int) -> None:
        """Half the batch for now, where no other lane has come to that since it was `size`."""
        free_unused(self.device)
        with self._resizing:
            if self.batch_size < size:
                return
            self.batch_size = size // 2
            self._fitting, self._patience = 0, 2 * self._patience
            self._note(f"{self.device} is out of memory; going on with batches of {size // 2} windows.")

    def _fitted(self) -> None:
        """Twice the batch again, where many have fitted since it was halved: another program may be gone."""
        with self._resizing:
            self._fitting += 1
            if self.batch_size < self._largest and self._fitting >= self._patience:
                self.batch_size, self._fitting = min(self._largest, 2 * self.batch_size), 0

    @torch.inference_mode()
    def _through_network(
        self, guesses: Picture, holes: NDArray[np.bool_], scans: Picture, ways: int
    ) -> NDArray[np.float32]:
        """Guesses and scans (B, H, W, 3) and holes (B, H, W) bool to (B, H, W, 3) float32, 0 to 255."""
        count = len(guesses)
        if self.device.type == "cuda":
            guesses, holes, scans = _filled_up(guesses), _filled_up(holes), _filled_up(scans)
        guess, scan = (self._to_device(pictures) for pictures in (guesses, scans))
        hole = torch.from_numpy(holes).to(self.device)[:, None].float()
        with torch.autocast(self.device.type, self._precision, enabled=self._precision is not None):
            written: Tensor = self._module(guess, hole, scan, ways=ways)
        samples = written.float().add(1.0).mul(127.5).clamp(0.0, 255.0).permute(0, 2, 3, 1)
        return samples[:count].cpu().numpy()

    def _to_device(self, pictures: Picture) -> Tensor:
        """(B, H, W, 3) to (B, 3, H, W) in [-1, 1]."""
        planes = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).contiguous()
        return planes.float().div_(127.5).sub_(1.0)


def _round_weights(module: nn.Module, precision: torch.dtype) -> None:
    """Rounds the weights of the convolutions, in place, as autocast would round them again for every batch."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.to(precision)


def _check(pixels: Picture, mask: NDArray[np.bool_]) -> None:
    if (
        pixels.dtype not in (np.uint8, np.float32)
        or pixels.ndim not in (2, 3)
        or pixels.shape[2:] not in ((), (3,))
    ):
        raise ValueError(
            f"a picture is (H, W) or (H, W, 3), uint8 or float32, not {pixels.shape} {pixels.dtype}"
        )
    if mask.dtype != np.bool_ or mask.shape != pixels.shape[:2]:
        raise ValueError(
            f"the mask of a picture {pixels.shape} is (H, W) bool, not {mask.shape} {mask.dtype}"
        )
    if mask.all():
        raise ValueError("all of the picture is masked, so there is nothing to restore it from")


def _filled_up(batch: NDArray[Batched]) -> NDArray[Batched]:
    """A batch (B, ...), its last window repeated up to the next power of two: each new size costs a GPU's
    library a search for new kernels. (A CPU has none, and pays for every window.)"""
    missing = (1 << (len(batch) - 1).bit_length()) - len(batch)
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch


def thoroughness(wish: bool | None, device: torch.device) -> bool | None:
    """Whether windows are restored eight times: as the user wishes, else always on a GPU, and on a CPU (None) as
    often as is cheap. On the development set it is worth 0.2 dB (`tests.benchmarks.restoration`)."""
    return True if wish is None and device.type != "cpu" else wish


def ways_of(thorough: bool | None, windows: int, picture: int, *, slower: int = 1) -> int:
    """In how many ways the windows of one scale of a picture are shown to the network: 1, 2, 4 or 8.

    Parameters
    ----------
    thorough : all ways or one; None for as many as are cheap
    windows, picture : px of the windows together, and of the picture at that scale
    slower : times as long a window takes as with half precision
    """
    if thorough is not None:
        return len(WAYS) if thorough else 1
    cheap = max(CHEAP_PX, CHEAP_SHARE * picture)
    return next((ways for ways in (len(WAYS), 4, 2) if slower * ways * windows <= cheap), 1)


def _default_batch_size(device: torch.device, *, thorough: bool) -> int:
    """Windows of full size that are restored at once, each shown to the network in all ways if `thorough`."""
    if device.type == "cpu":
        return CPU_BATCH
    in_a_pass = MPS_BATCH
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        fitting = max(1, free // (GPU_LANES * GPU_BYTES_PER_WINDOW))
        in_a_pass = int(min(GPU_BATCH, 1 << (fitting.bit_length() - 1)))
    return max(1, in_a_pass // (len(WAYS) // 2)) if thorough else in_a_pass


def _side(model: LoadedModel, name: str) -> int:
    """The module's `window` or `context`, px."""
    value = getattr(model.module, name, None)
    if not isinstance(value, int):
        raise WeightsError(
            f"The model {model.card.name} ({model.card.architecture}) cannot restore whole photographs: it has no "
            f"{name}. Choose another with --model, or leave it out."
        )
    return value
