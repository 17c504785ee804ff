from __future__ import annotations

import pytest
from job_factory import RUNTIME, make_job

from footplate.jobs.context import Context, StoreAddress
from footplate.jobs.launch import parameter_arguments, program, store_of
from footplate.jobs.naming import rendezvous_port, run_uri


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({}, []),
        ({"epochs": 10, "amp": True}, ["--amp", "--epochs", "10"]),
        ({"verbose": False}, []),
        ({"lr": 1e-4, "name": "a b"}, ["--lr", "0.0001", "--name", "a b"]),
        ({"zero": 0, "empty": ""}, ["--empty", "", "--zero", "0"]),
    ],
)
def test_parameters_become_arguments(parameters: dict[str, object], wanted: list[str]) -> None:
    assert parameter_arguments(parameters) == wanted


def test_parameters_come_after_the_arguments_of_a_script() -> None:
    job = make_job(entrypoint={"script": "a.py", "args": ["x"]}, parameters={"n": 1})
    assert program(job) == {"script": "a.py", "argv": ["x", "--n", "1"]}


def test_and_after_a_command() -> None:
    job = make_job(entrypoint={"command": ["run"]}, parameters={"n": 1})
    assert program(job) == {"command": ["run", "--n", "1"]}


def test_two_jobs_of_one_name_have_different_runs() -> None:
    first, second = (run_uri("s3://b/p/", "ns", "digits", uid) for uid in ("11111111-a", "22222222-b"))
    assert first == "s3://b/p/ns/digits-11111111/"
    assert first != second


def test_ports_stay_in_their_range() -> None:
    assert all(20000 <= rendezvous_port(str(n)) < 30000 for n in range(200))


def test_a_store_of_the_jobs_own_has_nothing_of_the_operators() -> None:
    operators = StoreAddress("s3://runs", "keys", "https://minio.example", "eu-west-1")
    context = Context(store=operators, runtime=RUNTIME)
    assert store_of(make_job(), context) == operators
    own = make_job(outputs={"store": {"uri": "s3://mine", "secretName": "my-keys"}})
    assert store_of(own, context) == StoreAddress("s3://mine", "my-keys", None, None)
