"""The commands of ``nexapod``, one a file; `nexapod.cli` is the front door."""
