"""`python -m tfrec_recall.cli` is `tfrec-recall`."""

from tfrec_recall.cli.application import main

main()
