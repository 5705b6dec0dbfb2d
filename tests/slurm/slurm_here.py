"""A Slurm of two nodes on this host, from Debian's packages; to be used by root.

apt-get install --no-install-recommends slurm-wlm slurmctld slurmd slurm-client munge

`python tests/slurm/slurm_here.py FOLDER` keeps one running until it is interrupted, and says how to talk to it.
"""

import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "sinfo", "scancel")
CONFIGURATION = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=5
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=8000 Gres=gpu:1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=8000 Gres=gpu:1
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""
# Any device file stands for a GPU: jobs get CUDA_VISIBLE_DEVICES.
GPUS = "NodeName=n1 Name=gpu File=/dev/tty0\nNodeName=n2 Name=gpu File=/dev/tty1\n"


def lacking() -> str:
    """What this host lacks for a Slurm of its own; empty if nothing."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None]
    if missing:
        return f"no {', '.join(missing)}"
    return "" if os.geteuid() == 0 else "needs root"


class Slurm:
    """A controller and two nodes, n1 and n2, whose files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._daemons = folder, list[subprocess.Popen[bytes]]()
        for name in ("munge", "state", "log", "spool-n1", "spool-n2"):
            (folder / name).mkdir(parents=True)
        # munged refuses a folder that others may write.
        (folder / "munge").chmod(0o755)
        host = platform.node().split(".")[0]
        text = CONFIGURATION.format(folder=folder, host=host, ports=_free_ports(3))
        (folder / "slurm.conf").write_text(text)
        (folder / "gres.conf").write_text(GPUS)
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
        self.environment["PATH"] += ":/usr/sbin"

    def start(self) -> None:
        """Start all daemons, and wait until both nodes are idle."""
        files = [f"--{name}-file={self.folder}/munge/{name}" for name in ("key", "pid", "log", "seed")]
        self._daemon("munged", "--foreground", "--force", f"--socket={self.folder}/munge/socket", *files)
        self.wait_for(lambda: (self.folder / "munge" / "socket").exists(), "munged")
        self._daemon("slurmctld", "-D")
        for node in ("n1", "n2"):
            self._daemon("slurmd", "-D", "-N", node)
        self.wait_for(lambda: self.ask("sinfo", "--noheader", "--format=%D %t") == "2 idle", "the nodes")

    def _daemon(self, *command: str) -> None:
        with (self.folder / "log" / f"{command[0]}.out").open("ab") as log:
            self._daemons.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints; its error if it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        return (done.stdout or done.stderr).strip()

    def submit(self, script: Path, *options: str) -> str:
        """The number of a new job, which runs in the folder of the script."""
        command = ["sbatch", "--parsable", f"--chdir={script.parent}", *options, str(script)]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()

    def jobs(self, job: str) -> list[str]:
        """The states of what is left of a job: RUNNING, PENDING, ..."""
        return self.ask("squeue", "--noheader", "--array", f"--jobs={job}", "--format=%T").splitlines()

    def wait_for(self, condition: object, what: str, seconds: float = 600) -> None:
        """Wait until a condition holds. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: {self.ask('squeue')}\n{self.ask('sinfo')}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Cancel all jobs, and stop the daemons."""
        self.ask("scancel", "--state=PENDING")
        self.ask("scancel", "--state=RUNNING")
        end = time.monotonic() + 20
        while self.ask("squeue", "--noheader") and time.monotonic() < end:
            time.sleep(0.2)
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def main() -> int:
    """Keep a Slurm running."""
    if lacking():
        print(f"cannot start a Slurm here: {lacking()}", file=sys.stderr)
        return 2
    slurm = Slurm(Path(sys.argv[1]).absolute())
    try:
        slurm.start()
        print(f"export SLURM_CONF={slurm.folder}/slurm.conf; sbatch, squeue, scontrol requeue JOB, ...; Ctrl-C ends it")
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        slurm.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
