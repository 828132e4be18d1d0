"""`python -m archive_restore` is `archive-restore`."""

from archive_restore.cli import main

if __name__ == "__main__":
    main()
