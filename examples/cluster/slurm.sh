#!/usr/bin/env bash
# sbatch examples/cluster/slurm.sh          a run in 32 tasks, then one that merges them
#SBATCH --job-name=cfr
#SBATCH --array=0-31
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=4
#SBATCH --time=01:00:00
# SIGTERM comes two minutes before the time is over; the task ends with 75 and is queued again.
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
OUT=${OUT:-/shared/cfr/run}
DATA=${DATA:-imagenet:/shared/imagenet}

# In the background, so that the shell hears the signal and hands it on.
# A task that is queued again for a node that died finds the lock of its former self there.
cfr attack --dataset "$DATA" --batch 16 --take-over --out "$OUT" &
work=$!
trap 'kill -TERM $work' TERM
wait $work
code=$?
# The signal ended the first wait, not the work.
while kill -0 $work 2>/dev/null; do wait $work; code=$?; done

if [ $code -eq 75 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
  exit 0
fi
# When all are done: sbatch --dependency=afterok:JOBID --wrap "cfr merge $OUT"
exit $code
