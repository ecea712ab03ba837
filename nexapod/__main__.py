"""``python -m nexapod``."""

from nexapod.cli import main

if __name__ == "__main__":
    main()
