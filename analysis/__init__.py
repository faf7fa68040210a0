"""Is the judge any good: agreement, preference, calibration, bias, sensitivity, benchmarks, report."""
