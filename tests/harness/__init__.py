"""A temporary cluster on loopback with one etcd and N nodes. tests/e2e, bench and demo use it."""
from .cluster import Cluster, Etcd, Node, Side
from .waiting import timed_out, wait_for
from .writer import Writer

__all__ = ["Cluster", "Etcd", "Node", "Side", "Writer", "timed_out", "wait_for"]
