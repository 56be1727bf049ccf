#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# million.sh - numbers.sh with the million that the README promises
exec "$(dirname "$0")/numbers.sh" "${1:-${SLUICE_PROGRAM:-sluice}}" 1000000
