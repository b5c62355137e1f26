"""The configuration files of a private Slurm cluster on loopback (Slurm 22.05)."""

import dataclasses
import socket


@dataclasses.dataclass(frozen=True)
class NodeGroup:
    """A partition and its nodes, all alike. The sizes are what Slurm is told, not what the machine has."""

    partition: str
    nodes: int = 1
    cores: int = 4
    mem_mib: int = 4000
    gpus: int = 0
    gpu_model: str = ""
    max_time: str = "2:00:00"

    def node_names(self, cluster):
        return [f"{cluster}-{self.partition}-{i}" for i in range(1, self.nodes + 1)]


@dataclasses.dataclass(frozen=True)
class Ports:
    controller: int
    database: int
    nodes: list


def slurm_conf(name, directory, ports, groups, options):
    """slurm.conf as text. `options` replaces or adds lines (None removes one)."""
    settings = {
        "ClusterName": name,
        "SlurmctldHost": f"{socket.gethostname().split('.')[0]}(127.0.0.1)",
        "SlurmctldPort": ports.controller,
        "SlurmdParameters": "config_overrides",
        "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={directory}/munge-run/munge.sock",
        "CredType": "cred/munge",
        "SlurmUser": "slurm",
        "SlurmdUser": "root",
        "StateSaveLocation": f"{directory}/state",
        "SlurmdSpoolDir": f"{directory}/spool/%n",
        "SlurmctldPidFile": f"{directory}/run/slurmctld.pid",
        "SlurmdPidFile": f"{directory}/run/slurmd-%n.pid",
        "SlurmctldLogFile": f"{directory}/log/slurmctld.log",
        "SlurmdLogFile": f"{directory}/log/slurmd-%n.log",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": 1,
        "SwitchType": "switch/none",
        "MpiDefault": "none",
        "ReturnToService": 2,
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "sched_interval=2,bf_interval=2,batch_sched_delay=0",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "DefMemPerCPU": 100,
        "GresTypes": "gpu",
        "MinJobAge": 300,
        "KillWait": 2,
        "SlurmctldTimeout": 30,
        "SlurmdTimeout": 60,
        "MessageTimeout": 10,
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": "127.0.0.1",
        "AccountingStoragePort": ports.database,
        # AuthInfo does not cover the connection to slurmdbd: without this it tries the machine's own munge socket.
        "AccountingStoragePass": f"{directory}/munge-run/munge.sock",
        "AccountingStorageEnforce": "associations,limits",
        "AccountingStorageTRES": "gres/gpu",
        "AccountingStoreFlags": "job_comment",
    }
    settings.update(options)
    lines = [f"{key}={value}" for key, value in settings.items() if value is not None]
    node_ports = iter(ports.nodes)
    for number, group in enumerate(groups):
        gres = f" Gres=gpu:{group.gpu_model}:{group.gpus}" if group.gpus else ""
        for node in group.node_names(name):
            lines.append(f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={next(node_ports)} "
                         f"CPUs={group.cores} Boards=1 SocketsPerBoard=1 CoresPerSocket={group.cores} "
                         f"ThreadsPerCore=1 RealMemory={group.mem_mib}{gres} State=UNKNOWN")
        lines.append(f"PartitionName={group.partition} Nodes={','.join(group.node_names(name))} "
                     f"Default={'YES' if number == 0 else 'NO'} MaxTime={group.max_time} State=UP")
    return "\n".join(lines) + "\n"


def gres_conf(name, directory, groups):
    """gres.conf: cards are device nodes made for the purpose, since GRES with File= wants them."""
    lines = []
    for group in groups:
        if group.gpus:
            files = f"{directory}/spool/card[0-{group.gpus - 1}]" if group.gpus > 1 else f"{directory}/spool/card0"
            lines += [f"NodeName={node} Name=gpu Type={group.gpu_model} File={files}" for node in group.node_names(name)]
    return "".join(line + "\n" for line in lines)


def slurmdbd_conf(directory, ports, database_port, database, password):
    return "\n".join([
        "AuthType=auth/munge",
        f"AuthInfo=socket={directory}/munge-run/munge.sock",
        "DbdHost=localhost",
        "DbdAddr=127.0.0.1",
        f"DbdPort={ports.database}",
        "SlurmUser=slurm",
        f"LogFile={directory}/log/slurmdbd.log",
        f"PidFile={directory}/run/slurmdbd.pid",
        "StorageType=accounting_storage/mysql",
        "StorageHost=127.0.0.1",  # localhost would mean the machine's own MariaDB socket
        f"StoragePort={database_port}",
        f"StorageLoc={database}",
        f"StorageUser={database}",
        f"StoragePass={password}",
    ]) + "\n"


def accounts_file(name, accounts):
    """What `sacctmgr load` reads: the cluster, its scheduler accounts and their users, in one go."""
    lines = [f"Cluster - '{name}'", "Parent - 'root'"]
    lines += [f"Account - '{account}':Description='{account}':Organization='{account}'" for account in accounts]
    for account, users in accounts.items():
        lines.append(f"Parent - '{account}'")
        lines += [f"User - '{user}':DefaultAccount='{account}'" for user in users]
    return "\n".join(lines) + "\n"
