"""The `review` workflow: photographs before and after in the browser, and what a person says of them."""

from archive_restore.review.desk import Desk, Verdicts
from archive_restore.review.server import Server

__all__ = ["Desk", "Server", "Verdicts"]
