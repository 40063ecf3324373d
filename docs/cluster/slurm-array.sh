#!/bin/bash
# A grid as a job array: every task runs its share of the grid and keeps it in a store of its own, so nothing has to
# listen on a network and no two tasks write one file.
#
#   sbatch slurm-array.sh grid.toml
#
# A task that is preempted or reaches its time limit goes on where it was when the array is submitted again: runs
# that the store holds are not repeated, and interrupted ones continue from their checkpoints.
#SBATCH --job-name=srhm
#SBATCH --array=1-64
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=12:00:00
#SBATCH --signal=INT@120
#SBATCH --requeue
#SBATCH --output=logs/%A_%a.out
# Slurm opens the output file before the script runs: make the folder logs/ first.
set -euo pipefail

grid=${1:?usage: sbatch slurm-array.sh GRID.toml}
runs=${SRHM_RUNS:-runs}
mkdir -p "$runs"

# Shares are counted from 1, and so is the array. Slurm sends its signal to steps, and srun makes this one.
srun srhm grid "$grid" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --store "$runs/shard-$SLURM_ARRAY_TASK_ID.sqlite" \
    --workers "$SLURM_CPUS_PER_TASK"

# When all tasks have ended, join the stores into one:
#
#   srhm merge runs/all.sqlite runs/shard-*.sqlite
