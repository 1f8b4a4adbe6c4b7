"""Who belongs to a cluster, though not all carry its mark."""

import os
import signal
import subprocess

from serve_app.launching.processes import MARK, Family, end


def test_a_child_that_lost_the_mark_is_known_when_its_parent_is_gone() -> None:
    command = ["sh", "-c", "env -i sleep 3600 & echo $!; wait"]
    marked = os.environ | {MARK: "known-before"}
    with subprocess.Popen(command, env=marked, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        family = Family("known-before")
        assert {parent.pid, child} <= set(family.alive())

        parent.kill()
        parent.wait()
        assert family.alive() == [child]
        end(family)
        assert family.alive() == []


def test_another_cluster_is_not_of_the_family() -> None:
    marked = os.environ | {MARK: "another"}
    with subprocess.Popen(["sleep", "3600"], env=marked) as other:
        assert Family("known-before").alive() == []
        other.send_signal(signal.SIGKILL)
