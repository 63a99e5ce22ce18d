"""Writes docs/cuda-functions.md anew: `make cuda-functions`."""

from tools.cuda_functions.current import REPORT, current_report

if __name__ == "__main__":
    REPORT.write_text(current_report())
