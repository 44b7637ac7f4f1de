"""How rows become batches, pass after pass, on one machine and on several."""
