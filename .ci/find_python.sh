#!/bin/bash
# Print the first Python that the project supports (see requires-python in pyproject.toml), or say why there is none.
# PYTHON=... names the one to use. Every candidate is run: a pyenv shim exists for versions that are not active.
set -euo pipefail

in_range='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))'
candidates=("${PYTHON:-}")
if [[ -z "${PYTHON:-}" ]]; then
  candidates=(python3.12 python3.11 python3 python)
fi

for candidate in "${candidates[@]}"; do
  if "$candidate" -c "$in_range" >/dev/null 2>&1; then
    # The real path: a shim would be resolved again, by rules that may have changed.
    "$candidate" -c 'import sys; print(sys.executable)'
    exit 0
  fi
done

{
  echo "error: no usable Python. Looked for: ${candidates[*]}"
  echo "Expected Python 3.11 or 3.12 with the venv module (Debian: apt-get install python3-venv). Found:"
  for candidate in "${candidates[@]}"; do
    echo "  $candidate: $("$candidate" --version 2>&1 | head -n 1 || true)"
  done
  echo "Install one of them, or name it: PYTHON=/path/to/python3.12 make"
} >&2
exit 1
