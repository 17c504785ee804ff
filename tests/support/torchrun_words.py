"""What torchrun prints when a worker of its node fails."""

TORCHRUN = """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "/footplate/code/train.py", line 9, in <module>
[rank1]:     main()
[rank1]: RuntimeError: shape mismatch
E1121 torch/distributed/elastic/multiprocessing/api.py:874] failed (exitcode: 3) local_rank: 1 (pid: 42) of binary: py
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
[0]:
  time      : 2026-11-21_10:00:01
  host      : worker-0
  rank      : 0 (local_rank: 0)
  exitcode  : 1 (pid: 41)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
------------------------------------------------------------
Root Cause (first observed failure):
[1]:
  time      : 2026-11-21_10:00:00
  host      : worker-0
  rank      : 1 (local_rank: 1)
  exitcode  : {code} (pid: 42)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""
