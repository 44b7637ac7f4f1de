"""What the models' training has in common: the softmax, the choice to foretell, hard negatives."""
