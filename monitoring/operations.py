"""How the service fares: latency, queue, errors, use of the GPU."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from monitoring.columns import ARRIVED, DRAFTED, FAILED, SECONDS
from monitoring.policy import Operations

GPU = "gpu_use"  # 0 to 1, while the study was drafted


@dataclass(frozen=True, slots=True)
class Running:
    """Of the `n` studies that were drafted, or failed, lately; None where nothing is known. Seconds from arrival to
    draft. `queue`: arrived, and neither drafted nor failed as of now."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None
    queue: int
    error_rate: float | None
    gpu_use: float | None

    def slow(self, policy: Operations) -> str | None:
        """Why the 99th percentile alarms, in words."""
        if self.p99 is None or self.p99 <= policy.p99_seconds or self.n < policy.minimum_studies:
            return None
        return f"the slowest of a hundred drafts takes {self.p99:.1f} s, more than {policy.p99_seconds:g} s"


def running(frame: pd.DataFrame, as_of: datetime, policy: Operations) -> Running:
    """Of a stream as of a time. A failed study has `drafted_at` too: the time at which it failed."""
    now = pd.Timestamp(as_of)
    done = frame[DRAFTED].notna() & (frame[DRAFTED] <= now)
    queue = int(((frame[ARRIVED] <= now) & ~done).sum())
    lately = frame[done & (frame[DRAFTED] > now - timedelta(hours=policy.hours))]
    failed = lately[FAILED].astype(bool) if FAILED in lately else pd.Series(False, index=lately.index)
    seconds = lately.loc[~failed, SECONDS].dropna().to_numpy(float) if SECONDS in lately else np.array([])
    p50, p95, p99 = (float(q) for q in np.quantile(seconds, [0.5, 0.95, 0.99])) if seconds.size else (None,) * 3
    gpu = lately[GPU].dropna() if GPU in lately else pd.Series(dtype=float)
    return Running(
        n=len(lately),
        p50=p50,
        p95=p95,
        p99=p99,
        queue=queue,
        error_rate=float(failed.mean()) if len(lately) else None,
        gpu_use=float(gpu.mean()) if gpu.size else None,
    )
