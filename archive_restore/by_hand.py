"""The mask of one photograph taken over from whoever painted it, and given back to the detectors.

The caller holds the locks of runs and of scans.
"""

from dataclasses import replace

from archive_restore.detection import PAINTED, Policy
from archive_restore.errors import StorageError, printable
from archive_restore.home import Home
from archive_restore.ledger import Ledger, MaskedPhotograph
from archive_restore.masking import Masked, Masking, masked
from archive_restore.painting import Painted
from archive_restore.photos.mask_files import write_mask


def take_over(painted: Painted, photograph: MaskedPhotograph, ledger: Ledger, home: Home) -> int:
    """The mask is the one in use from now on.

    Returns
    -------
    The restored files that are queued again.

    Raises
    ------
    StorageError
        It cannot be kept.
    """
    # First the ledger: killed in between, the file still differs, and the same command goes on.
    requeued = ledger.remask(
        photograph.id,
        policy=PAINTED,
        covered=painted.covered,
        regions=painted.regions,
        by_hand=True,
        again=True,
    )
    write_mask(home.edited_mask(photograph.sha256), painted.mask)
    return requeued


def give_back(
    photograph: MaskedPhotograph, policy: Policy, ledger: Ledger, home: Home, *, decided: bool = False
) -> int | None:
    """The mask becomes what the detectors make of the photograph by a policy.

    Parameters
    ----------
    decided : somebody looked at it and chose the policy for it, so that it is not unsure any more

    Returns
    -------
    The restored files that are queued again. None, changing nothing, if there is no score map to make it from: then
    the next scan reads the photograph.

    Raises
    ------
    StorageError
        A mask cannot be written, or removed.
    """
    edited = home.edited_mask(photograph.sha256)
    # What is not in use may be written at once.
    task = Masking(photograph, policy, home, write=edited.exists())
    result = masked(task)
    if not isinstance(result, Masked):
        ledger.read_again(photograph.id)
        return None
    requeued = ledger.remask(
        photograph.id,
        policy=policy.text,
        covered=result.covered,
        regions=result.regions,
        unsure=result.unsure and not decided,
        again=result.changed,
    )
    if not task.write:  # only now: killed in between, what was restored is queued with the mask of before
        masked(replace(task, write=True))
    try:
        edited.unlink(missing_ok=True)  # last: as long as it is there, the same command finds it
    except OSError as error:
        raise StorageError(
            f"Cannot remove {printable(edited)}: {error.strerror}. Correct that, then try again."
        ) from error
    return requeued
