"""Imported first, for its effect: numeric libraries share the cores as they do below the command line."""

from archive_restore.cores import share_cores

share_cores()
