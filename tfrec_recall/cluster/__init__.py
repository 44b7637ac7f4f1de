"""Training by several machines: which part this process has, by the variable TF_CONFIG."""

from tfrec_recall.cluster.cluster import Cluster

__all__ = ["Cluster"]
