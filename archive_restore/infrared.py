"""The score maps of a photograph's pages, with a film scanner's infrared where there is one."""

from pathlib import Path

import numpy as np

from archive_restore.detection import ScoreMap, Verifier, score
from archive_restore.detection.infrared import Verdict, look, with_infrared
from archive_restore.photos.codecs import Photograph
from archive_restore.photos.infrared import infrared_of
from archive_restore.photos.rendering import views


def score_pages(
    photograph: Photograph,
    verifier: Verifier | None,
    companion: Path | None = None,
    *,
    thorough: bool | None = None,
) -> tuple[list[ScoreMap], Verdict | None]:
    """The score map of each page, and what its infrared turned out to be; None without one.

    Parameters
    ----------
    photograph : decoded
    verifier : decides where infrared does not; None: the heuristics do
    companion : the infrared file beside it
    thorough : whether large pages are looked at closely, see `detection.score`

    Returns
    -------
    A page that is itself the infrared of another has a map without damage.
    """
    shown = views(photograph)
    channels = {channel.of: channel for channel in infrared_of(photograph, companion)}
    seen = {
        number: look(channel.plane, shown[number], marked=channel.marked)
        for number, channel in channels.items()
    }
    kept = {number: said for number, said in seen.items() if said.verdict is not Verdict.OTHER}
    infrared_pages = {channels[number].page for number in kept}
    maps = []
    for number, view in enumerate(shown):
        if number in infrared_pages:
            maps.append(ScoreMap(*(np.zeros(view.shape[:2], np.uint8) for _ in range(2))))
            continue
        found = score(view, verifier, thorough=thorough)
        maps.append(with_infrared(found, view, kept[number]) if number in kept else found)
    verdicts = [said.verdict for said in seen.values()]
    if companion is not None and not any(channel.beside for channel in channels.values()):
        verdicts.append(Verdict.UNFIT)
    return maps, min(verdicts, key=list(Verdict).index, default=None)
