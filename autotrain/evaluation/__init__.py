"""How good the result is: metrics, intervals, baselines, mistakes."""
