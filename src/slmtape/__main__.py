"""`python -m slmtape` is the command `slmtape`."""

from slmtape.cli import main

if __name__ == "__main__":  # processes that this one spawns import it as well
    main()
