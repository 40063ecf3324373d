#!/bin/bash
# A grid on several nodes of Slurm: Ray on all of them for as long as the job lasts, and one driver on the first.
#
#   sbatch slurm-ray.sh grid.toml
#
# Two minutes before the time limit the driver is interrupted: it lets the runs under way write their checkpoints,
# and the job is queued again and goes on from them.
#SBATCH --job-name=srhm-ray
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --mem-per-cpu=2G
#SBATCH --time=12:00:00
#SBATCH --signal=B:INT@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=srhm-%j.out
set -euo pipefail

grid=${1:?usage: sbatch slurm-ray.sh GRID.toml}
store=${SRHM_STORE:-runs/all.sqlite}

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
# The address of the head inside the cluster; where nodes have several networks, set SRHM_HEAD_ADDRESS to the private
# one. Ray listens there, and lets in whoever has the token, which is drawn anew for every job.
address=${SRHM_HEAD_ADDRESS:-$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')}
port=${SRHM_RAY_PORT:-$((20000 + SLURM_JOB_ID % 10000))}
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN
export RAY_ADDRESS="$address:$port"
gpus=${SLURM_GPUS_ON_NODE:-0}

driver=
stop() {
    trap - EXIT
    # The steps with Ray: they end with the job, and at once when it is done.
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null || true
    wait || true
}
interrupt() {
    echo "The time limit is near: the runs under way write their checkpoints."
    interrupted=1
    if [ -n "$driver" ]; then kill -INT "$driver" 2>/dev/null || true; fi
}
interrupted=
trap stop EXIT
trap interrupt INT

RAY_ADDRESS='' srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
    ray start --head --node-ip-address="$address" --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" \
    --num-gpus="$gpus" --include-dashboard=false --disable-usage-stats --block &

for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 --nodelist="$node" --overlap \
        ray start --address="$RAY_ADDRESS" --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="$gpus" \
        --disable-usage-stats --block &
done

# The head takes some seconds until it answers; workers ask for it again and again by themselves.
for _ in $(seq "${SRHM_RAY_TRIES:-60}"); do
    if timeout 20 ray status --address="$RAY_ADDRESS" >/dev/null 2>&1; then break; fi
    sleep 2
done

# Bash starts what runs in the background with SIGINT ignored; with job control it does not.
set -m
srhm grid "$grid" --on ray --store "$store" &
driver=$!
set +m
# A trapped signal ends `wait`, but not the driver; once it has ended, `wait` still tells its exit status.
while kill -0 "$driver" 2>/dev/null; do
    wait "$driver" || true
done
code=0
wait "$driver" || code=$?
if [ -n "$interrupted" ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
