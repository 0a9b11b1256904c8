"""`python -m slmtape` is the command `slmtape`."""

from slmtape.cli import main

main()
