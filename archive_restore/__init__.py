"""archive-restore: restores damaged photographs in an archive and touches nothing but the damage."""

__version__ = "0.1.0"
