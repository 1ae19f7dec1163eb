#!/usr/bin/env bash
# The CUDA tests and measurements on a machine with a card, which needs its driver, cuBLAS and cuFFT, and no .NET.
#
#   tests/gpu.sh publish FILE.tar.gz   here: everything in one archive (linux-x64)
#   tests/gpu.sh run                   here, on a machine with a card: publishes, unpacks and runs
#
# There: tar xzf FILE.tar.gz && edifice-gpu/run.sh [NAME]    all tests (those whose name contains NAME), then the measurements.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly largest=$((60 * 1024 * 1024))

publish() {
  local archive=$1 folder
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' RETURN
  dotnet publish tests/GpuProgram -c Release -r linux-x64 --self-contained -p:PublishReadyToRun=false -p:DebugType=none \
    -o "$folder/edifice-gpu/program" -nodeReuse:false -v quiet
  # Tests find the golden files by the solution beside them.
  mkdir -p "$folder/edifice-gpu/tests"
  cp -r tests/Golden "$folder/edifice-gpu/tests/"
  : >"$folder/edifice-gpu/Edifice.Engine.sln"
  cat >"$folder/edifice-gpu/run.sh" <<'RUN'
#!/bin/sh
# All tests (those whose name contains $1), then the measurements.
cd "$(dirname "$0")" || exit 1
program/edifice-gpu test "${1-}"
status=$?
[ $status -eq 2 ] || program/edifice-gpu bench
exit $status
RUN
  chmod +x "$folder/edifice-gpu/run.sh"
  tar -C "$folder" -czf "$archive" edifice-gpu
  local size
  size=$(stat -c %s "$archive")
  printf '%s: %d bytes\n' "$archive" "$size"
  [ "$size" -le "$largest" ] || { echo "more than $largest bytes" >&2; return 1; }
}

case ${1-} in
publish)
  publish "${2:?the archive to write}"
  ;;
run)
  place=$(mktemp -d)
  trap 'rm -rf "$place"' EXIT
  publish "$place/edifice-gpu.tar.gz"
  tar -C "$place" -xzf "$place/edifice-gpu.tar.gz"
  "$place/edifice-gpu/run.sh" "${2-}"
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
