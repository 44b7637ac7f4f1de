"""The machines that train together, and the part of this process."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

VARIABLE = "TF_CONFIG"
JOBS = ("chief", "worker", "ps")
SHARD_BYTES = 2**18  # a table is divided among servers into parts of at least this size
THREADS = 8  # a step waits for batches and variables in threads of its own, whatever the cores
PATIENCE = 60.0  # seconds that a server waits for a chief that is gone


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Machines by their jobs, as TensorFlow's variable TF_CONFIG names them.

    With parameter servers (`ps`), the chief leads: it reads the data, hands out batches and steps,
    and writes; workers and servers do what they are told. Without, all workers run the same program
    in step, and the chief, or worker 0 where there is none, is the one that writes.

    Args:
        machines: `host:port` of each, by job.
        job, index: of this process.

    >>> machines = {"worker": ["a:1", "b:1"]}
    >>> config = {"cluster": machines, "task": {"type": "worker", "index": 1}}
    >>> cluster = Cluster.of({"TF_CONFIG": json.dumps(config)})
    >>> cluster.writes, cluster.has_servers
    (False, False)
    """

    machines: Mapping[str, list[str]]
    job: str
    index: int

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None) -> Cluster | None:
        """The cluster that TF_CONFIG names; None where there is none, or one machine alone.

        Raises: ValueError for what no cluster can be.
        """
        text = (os.environ if environment is None else environment).get(VARIABLE)
        if not text:
            return None
        try:
            config = json.loads(text)
            machines = dict(config.get("cluster", {}))
            task = config.get("task", {})
            job, index = str(task.get("type", "")), int(task.get("index", 0))
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f'{VARIABLE} is JSON, {{"cluster": {{"worker": ["host:port", …]}}, "task": '
                f'{{"type": "worker", "index": 0}}}}. Received: {text!r} ({error}).'
            ) from error
        for one, hosts in machines.items():
            if not isinstance(hosts, list) or not all(map(_is_address, hosts)):
                raise ValueError(
                    f'{VARIABLE} names the machines of a job in a list, ["host:port", …], also one '
                    f"alone. Received: {one}={hosts!r}."
                )
        every = [host for hosts in machines.values() for host in hosts]
        if len(every) <= 1:
            return None
        twice = {host for host in every if every.count(host) > 1}
        if twice:
            raise ValueError(
                f"{VARIABLE} names each machine once, and several processes of one by their ports: "
                "others would wait for the one that is missing. "
                f"Received twice: {', '.join(sorted(twice))}."
            )
        unknown = [one for one in machines if one not in JOBS]
        if unknown or job not in machines or not 0 <= index < len(machines[job]):
            raise ValueError(
                f"{VARIABLE} names machines of the jobs {', '.join(JOBS)}, and which of them this "
                "one is; validation is measured by the chief, not by an evaluator. "
                f"Received: {', '.join(f'{len(h)} {j}' for j, h in machines.items())}; "
                f"this is {job or 'nobody'} {index}."
            )
        if "ps" in machines and not (machines.get("chief") and machines.get("worker")):
            raise ValueError(
                f"Beside parameter servers {VARIABLE} names a chief, which leads, and workers, "
                f"which compute. Received: {', '.join(machines)}."
            )
        return cls(machines, job, index)

    @classmethod
    def refuse(cls, command: str) -> None:
        """Raises ValueError where TF_CONFIG names a cluster, for a command that knows of none.

        Each of the machines would do all of it, and write over what the others write.
        """
        found = cls.of()
        if found is not None:
            raise ValueError(
                f"{command} trains on one machine, and {VARIABLE} names several, each of which "
                "would do the same: begin it on one of them, without this variable. Of the "
                f"commands, train takes part in a cluster. Received: {found}."
            )

    @property
    def has_servers(self) -> bool:
        """Whether variables are on parameter servers."""
        return "ps" in self.machines

    @property
    def serves(self) -> bool:
        """Whether this process does what the chief tells it, by `serve`."""
        return self.has_servers and self.job != "chief"

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes what comes of the training."""
        first = "chief" if self.machines.get("chief") else "worker"
        return (self.job, self.index) == (first, 0)

    def __str__(self) -> str:
        counts = ", ".join(f"{len(hosts)} {job}" for job, hosts in self.machines.items())
        return f"{self.job} {self.index} of a cluster of {counts}"

    def strategy(self) -> tf.distribute.Strategy:
        """The strategy of this cluster. Made before TensorFlow computes anything in this process.

        Tables of at least half a MiB are divided among the parameter servers by rows.
        """
        import tensorflow as tf

        if not self.has_servers:
            return tf.distribute.MultiWorkerMirroredStrategy()
        # A step that waits holds a thread, and so does who hands out the batches.
        tf.config.threading.set_inter_op_parallelism_threads(max(THREADS, os.cpu_count() or 1))
        partitioner = tf.distribute.experimental.partitioners.MinSizePartitioner(
            min_shard_bytes=SHARD_BYTES, max_shards=len(self.machines["ps"])
        )
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(self._spec()), rpc_layer="grpc"
        )
        return tf.distribute.ParameterServerStrategy(resolver, variable_partitioner=partitioner)

    def serve(self, patience: float = PATIENCE) -> None:
        """Does what the chief tells, until the chief has been there and is gone.

        Args:
            patience: seconds without the chief, after which it is gone: it may begin again before.
        """
        import tensorflow as tf

        config: Any = tf.compat.v1.ConfigProto()
        config.inter_op_parallelism_threads = max(THREADS, os.cpu_count() or 1)
        _server = tf.distribute.Server(  # which is there for as long as this name is
            tf.train.ClusterSpec(self._spec()), self.job, self.index, "grpc", config=config
        )
        seen: float | None = None
        while seen is None or time.monotonic() - seen < patience:
            if _is_there(self.machines["chief"][0]):
                seen = time.monotonic()
            time.sleep(min(1.0, patience / 3))

    def _spec(self) -> dict[str, list[str]]:
        return {job: list(hosts) for job, hosts in self.machines.items()}


def _is_address(one: Any) -> bool:
    """Whether it is `host:port`."""
    host, _, port = one.rpartition(":") if isinstance(one, str) else ("", "", "")
    return bool(host) and port.isdecimal()


def _is_there(address: str) -> bool:
    """Whether somebody listens at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1.0):
            return True
    except OSError:
        return False
