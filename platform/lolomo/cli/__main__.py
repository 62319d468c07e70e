"""`python -m lolomo.cli`: the command line without the installed script."""

from lolomo.cli import main

main()
