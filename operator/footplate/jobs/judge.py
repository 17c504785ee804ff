"""An open attempt: has it succeeded, failed, is it to be stopped, does it wait, or does it run? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from footplate.api.conditions import COMPLETE, RUNNING
from footplate.api.phases import Phase
from footplate.api.training_job import TrainingJob
from footplate.api.training_job_status import Attempt, RetryCounts
from footplate.jobs import deadline, losses, progress, restart
from footplate.jobs.blame import first_failure
from footplate.jobs.deciding import accountable, all_stored, decided_at, left_behind_in, serving
from footplate.jobs.diagnosis import Cause, Diagnosis
from footplate.jobs.naming import pod_name
from footplate.jobs.observe import PodView
from footplate.jobs.scene import SETTLE_SECONDS, Plan, Scene, deletions, fail, soonest, stuck_check
from footplate.jobs.start import children
from footplate.jobs.starting import never_started
from footplate.jobs.text import byte_size, listed, plural
from footplate.jobs.waiting import waiting
from footplate_runtime.contract import completed_message

_ERROR_CHARACTERS = 500
_STOPPING = {Cause.CANCELED: "Canceling", Cause.DELETED: "Deleting", Cause.SUSPENDED: "Suspending"}


def judge(scene: Scene) -> Plan:
    failure = first_failure(accountable(scene), scene.gone)
    if failure is None and all_stored(scene) and not serving(scene):
        return _complete(scene)
    well = decided_at(scene) is not None
    if not well:
        asked = asked_to_stop(scene.job)
        if asked:
            return _stop(scene, asked)
    until = failure.time if failure and failure.time else scene.now
    if not well and deadline.timeout_in(scene.job, until) <= 0:
        return _stop(scene, Cause.TIMEOUT)  # the pods that it deletes fail later than this, and are not the cause
    never = never_started(scene) if not well else None
    if never is not None:
        return _give_up(scene, never)
    if failure is not None:
        return _go_on(scene, failure) or _stop_for(scene, losses.with_losses(scene, failure))
    if well:
        return _stop_serving(scene) if serving(scene) else _finalizing(scene)
    vanished = [
        r for r in scene.missing() if pod_name(scene.job.metadata.name, scene.attempt, r) in scene.observed.lost
    ]
    if vanished:
        sentence = f"the pod of {vanished[0]} is no longer there"
        failure = Diagnosis(Cause.NODE_LOST, sentence, vanished[0], time=scene.now)
        return _go_on(scene, failure) or _stop_for(scene, losses.with_losses(scene, failure))
    return _running(scene) if scene.started() is not None else _starting(scene)


def asked_to_stop(job: TrainingJob) -> Cause | None:
    """Whether somebody wants the job to stop, and how."""
    if job.metadata.deletion_timestamp is not None:
        return Cause.DELETED
    if job.spec.cancel:
        return Cause.CANCELED
    return Cause.SUSPENDED if job.spec.suspend else None


def _go_on(scene: Scene, failure: Diagnosis) -> Plan | None:
    """Write down the loss of a replica that the attempt can do without, and nothing else; None when it cannot."""
    onward = losses.without(scene, failure) if scene.elastic else None
    if onward is None:
        return None
    step = _running(onward) if onward.started() is not None else _starting(onward)
    return replace(step, create=(), delete=(), after=0.1)


def _complete(scene: Scene) -> Plan:
    editor = scene.editor().outputs(scene.pods, scene.primary, () if scene.elastic else scene.missing())
    run = editor.build().run
    files, size = (run.files or 0, run.bytes or 0) if run else (0, 0)
    where = run.uri if run else ""
    editor.close_attempt(scene.attempt, "Completed")
    editor.condition(RUNNING, False, "Completed").condition(COMPLETE, True, "Completed")
    editor.phase(Phase.COMPLETED, "Completed", completed_message(files, size, where)).completion()
    return Plan(editor.build(), after=0.1)


def _stop_serving(scene: Scene) -> Plan:
    """The deciding programs have ended well: end those that only served them. Their agents upload as after any end."""
    left = serving(scene)
    message = f"the program has ended; stopping {listed([str(p.replica) for p in left])} and saving their outputs"
    editor = scene.editor().phase(Phase.FINALIZING, "StoppingReplicas", message)
    editor.condition(RUNNING, False, "StoppingReplicas")
    return Plan(editor.build(), delete=deletions(_unended(left), scene.now), after=stuck_check(left))


def _unended(pods: Sequence[PodView]) -> Sequence[PodView]:
    """Those whose programs still run; where only the agent does, it is let be."""
    return [p for p in pods if not p.train.terminated or p.deleting]


def _stop(scene: Scene, cause: Cause) -> Plan:
    """End all replicas because someone asked for it or time is up; when they have ended, close the attempt."""
    if scene.existing and any(p.live for p in scene.existing):
        why = _STOPPING.get(cause, cause.value)
        return _stopping(scene, scene.existing, why, _stop_sentence(scene, cause))
    return stopped(scene, cause)


def _stop_sentence(scene: Scene, cause: Cause) -> str:
    return {
        Cause.CANCELED: "spec.cancel is true",
        Cause.DELETED: "the TrainingJob was deleted",
        Cause.SUSPENDED: "spec.suspend is true",
        Cause.TIMEOUT: f"it ran for longer than timeoutSeconds ({scene.job.spec.timeout_seconds} s)",
    }[cause]


def _stopping(
    scene: Scene, doomed: Sequence[PodView], reason: str, sentence: str, noted: Diagnosis | None = None
) -> Plan:
    """Pods are ending and their agents upload: wait for them, and force those on dead nodes."""
    waiting_for = [p for p in scene.existing if p.live]
    message = f"{sentence}; saving the outputs of {plural(len(waiting_for), 'replica')}"
    editor = scene.editor().phase(Phase.FINALIZING, reason, message)
    editor.condition(RUNNING, False, reason)
    if noted is not None:
        editor.note_cause(scene.attempt, noted)
    return Plan(
        editor.build(),
        delete=deletions(doomed, scene.now),
        after=stuck_check(waiting_for),
    )


def stopped(scene: Scene, cause: Cause) -> Plan:
    """Nothing runs any more: say so, and close what was open."""
    editor = scene.editor().outputs(scene.pods, scene.primary)
    sentence = _stop_sentence(scene, cause)
    if cause == Cause.TIMEOUT:
        return fail(editor, Diagnosis(cause, sentence), scene.attempt)
    if scene.open:
        editor.close_attempt(scene.attempt, cause.value)
    editor.condition(RUNNING, False, cause.value)
    if cause in (Cause.CANCELED, Cause.DELETED):
        editor.phase(Phase.CANCELED, cause.value, f"canceled: {sentence}").completion()
        editor.condition(COMPLETE, False, cause.value, sentence)
        return Plan(editor.build(), after=0.1)
    editor.phase(Phase.SUSPENDED, cause.value, f"{sentence}; set it to false to start the next attempt")
    return Plan(editor.build(), delete=deletions(scene.observed.pods, scene.now))


def _stop_for(scene: Scene, failure: Diagnosis) -> Plan:
    """A replica failed. Stop those whose programs still run, wait for all uploads, then close the attempt."""
    busy = [p for p in scene.existing if p.live]
    if busy:
        return _stopping(scene, _unended(busy), failure.cause.value, failure.message)
    return close_failed(scene, failure)


def _give_up(scene: Scene, failure: Diagnosis) -> Plan:
    """Some replica never ran. The same, but where no other ran there is nothing to save."""
    busy = [p for p in scene.existing if p.live]
    if any(p.train.started_at is not None for p in busy):
        return _stopping(scene, _unended(busy), failure.cause.value, failure.message, noted=failure)
    return close_failed(scene, failure)


def close_failed(scene: Scene, failure: Diagnosis) -> Plan:
    """Write down the failed attempt, and whether another follows. Its pods are dealt with in the next pass."""
    job = scene.job
    decision = restart.decide(job.spec.retry, job.status.retries or RetryCounts(), failure)
    editor = scene.editor().outputs(scene.pods, scene.primary)
    if not decision.again:
        if decision.budget:
            failure = _with_note(failure, decision.budget)
        return fail(editor, failure, scene.attempt)
    editor.close_attempt(scene.attempt, failure.cause.value, failure).spent(decision.spent)
    first_line = failure.message.partition("\n")[0]
    message = f"attempt {scene.attempt} failed ({first_line}); {decision.budget} follows"
    editor.condition(RUNNING, False, failure.cause.value)
    editor.phase(Phase.SCALING, "Restarting", message)
    return Plan(editor.build(), after=0.1)


def _with_note(failure: Diagnosis, note: str) -> Diagnosis:
    """The note belongs to the first line: what follows it are the program's last lines."""
    first, newline, rest = failure.message.partition("\n")
    return replace(failure, message=f"{first} ({note}){newline}{rest}")


def _starting(scene: Scene) -> Plan:
    """Some replica does not run yet: make what is missing, and say why it takes long."""
    stop = waiting(scene.existing, scene.observed.hindrances)
    left = deadline.start_timeout_in(scene.job, scene.existing, scene.now)
    settled = scene.settled
    editor = scene.editor()
    running = sum(p.train.running or p.train.terminated for p in scene.pods)
    total = len(scene.replicas())
    if settled or scene.job.status.phase != Phase.SCALING or scene.missing():
        reason = stop.reason if stop and settled else "PodsStarting"
        message = stop.message if stop and settled else f"{running} of {plural(total, 'replica')} started"
        editor.phase(Phase.SCALING, reason, message)
    waited = scene.job.spec.start_timeout_seconds - left
    again = scene.context.poll_seconds if settled else SETTLE_SECONDS - waited  # what events tell comes with no watch
    return Plan(
        editor.build(),
        create=children(scene, scene.attempt, losses.to_make(scene)),
        delete=losses.to_delete(scene),
        after=soonest(left, again, stuck_check(scene.leaving)),
    )


def _running(scene: Scene) -> Plan:
    running = sum(p.train.running for p in scene.pods)
    ended = sum(p.train.terminated for p in scene.pods)
    message = f"{running} of {plural(len(scene.replicas()), 'replica')} running"
    if ended:
        message += f", {ended} succeeded"
    fewer = losses.why_fewer(scene)
    editor = scene.editor()
    if fewer:
        editor.phase(Phase.RUNNING, "RunningWithFewer", f"{message}; {fewer}")
    else:
        message += _resumed_sentence(editor.build().attempts, scene.attempt)
        editor.phase(Phase.RUNNING, "AllReplicasRunning", message)
    editor.condition(RUNNING, True, "RunningWithFewer" if fewer else "AllReplicasRunning")
    silent = progress.watch(scene, editor)
    after = soonest(
        deadline.timeout_in(scene.job, scene.now),
        scene.context.poll_seconds,
        silent,
        stuck_check(scene.leaving),
        left_behind_in(scene),
    )
    make = children(scene, scene.attempt, losses.to_make(scene))
    return Plan(editor.build(), create=make, delete=losses.to_delete(scene), after=after)


def _resumed_sentence(attempts: Sequence[Attempt], number: int) -> str:
    """What this attempt has of the ones before it."""
    resumed = next((a.resumed for a in attempts if a.number == number), None)
    if resumed is None or not (resumed.files or resumed.damaged):
        return ""
    earlier = "attempt 1" if number == 2 else "earlier attempts"
    sentence = f"; resumed with {plural(resumed.files, 'file')} ({byte_size(resumed.bytes)}) of {earlier}"
    if resumed.damaged:
        sentence += f", {resumed.damaged} left out as damaged"
    return sentence


def _finalizing(scene: Scene) -> Plan:
    """Uploads that are over in a moment cost no write."""
    waited = (scene.now - (decided_at(scene) or scene.now)).total_seconds()
    if waited < SETTLE_SECONDS and scene.job.status.phase in (Phase.SCALING, Phase.RUNNING):
        return Plan(scene.job.status, after=min(SETTLE_SECONDS, SETTLE_SECONDS - waited))
    agent = scene.observed.agent
    message = "the program has ended; its outputs are being uploaded"
    if agent is not None and agent.pending_files:
        message = f"uploading outputs: {plural(agent.pending_files, 'file')} ({byte_size(agent.pending_bytes)}) left"
        if agent.last_error:
            message += f"; the last error: {agent.last_error[:_ERROR_CHARACTERS]}"
    editor = scene.editor().phase(Phase.FINALIZING, "UploadingOutputs", message)
    editor.condition(RUNNING, False, "UploadingOutputs")
    return Plan(editor.build(), after=scene.context.poll_seconds)
