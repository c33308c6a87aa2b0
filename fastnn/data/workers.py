"""Work done ahead of need by threads or processes, handed out in order."""

import concurrent.futures
import ctypes
import itertools
import multiprocessing
import pickle
import random
import signal
import sys
import traceback
from collections import deque

import numpy as np

_END = object()


def ordered(function, tasks, workers, ahead, in_order=True):
    """function(task) of each task, in the order of the tasks, computed by threads.

    Args:
        ahead: how many results may wait to be taken.
        in_order: False hands results out as they are done.
    Raises:
        What `function` raises, with its traceback, in the place of that task; the threads have ended by then.
    """
    pool = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="fastnn-data")
    try:
        yield from _results(lambda task: pool.submit(function, task), tasks, max(workers, ahead), in_order)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def ordered_in_processes(source, tasks, workers, ahead):
    """source[task] of each task, in order, computed by processes that hold a copy of `source` each.

    Where the system can fork, `source` is inherited as it is; elsewhere it must be picklable. Random numbers drawn
    in a worker depend on the task alone, not on which worker does it.
    Raises:
        What `source` raises, with the worker's traceback; RuntimeError where a worker died. No process is left.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else None)
    seed = int(np.random.randint(2**31))
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(source, seed)
    )
    try:
        yield from _results(lambda task: pool.submit(_item, task), tasks, max(workers, ahead), True)
    except concurrent.futures.process.BrokenProcessPool:
        raise RuntimeError(
            f"a worker process of {type(source).__name__} died (killed, out of memory, or by a crash "
            "in a library); use workers=1 to see where, or use_multiprocessing=False"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(submit, tasks, ahead, in_order):
    tasks = iter(tasks)
    waiting = deque(submit(task) for task in itertools.islice(tasks, ahead))
    while waiting:
        if not in_order:
            done, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            waiting.remove(future := done.pop())
        else:
            future = waiting.popleft()
        result = future.result()
        task = next(tasks, _END)
        if task is not _END:
            waiting.append(submit(task))
        yield result


# In a worker process: what it takes items from, and the seed of its pass.
_source = _seed = None


def _begin(source, seed):
    """Set up a worker: Ctrl-C is the parent's business, and it ends when the parent does."""
    global _source, _seed
    _source, _seed = source, seed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: even a killed parent leaves no worker


def _item(task):
    state = (_seed + 1_000_003 * int(task)) % 2**32
    np.random.seed(state)
    random.seed(state)
    try:
        return _source[task]
    except Exception as error:
        if _survives_pickling(error):
            raise
        # What the parent cannot read back would count as a worker's death there.
        told = "".join(traceback.format_exception(error))
    raise RuntimeError(f"a worker's exception cannot be pickled; this is what it said:\n{told}")


def _survives_pickling(error):
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
