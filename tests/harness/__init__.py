"""A throw-away cluster on loopback: one etcd, N nodes. Shared by tests/e2e, bench and demo."""
from .cluster import Cluster, Etcd, Node, Side, wait_for
from .writer import Writer

__all__ = ["Cluster", "Etcd", "Node", "Side", "Writer", "wait_for"]
