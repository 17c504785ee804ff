"""Why a program was never started, and the exit codes that say so."""

ORDERS = 2  # launch.json or what it asks for makes no sense
PEERS = 124  # the peers did not come in time; the code of timeout(1)
NOT_EXECUTABLE = 126  # POSIX: Shell Command Language, Exit Status for Commands
NOT_FOUND = 127


class CannotStart(Exception):
    """The program cannot be started; the message is one sentence for the user."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Stopped(Exception):
    """A signal came before the program was started."""

    def __init__(self, number: int) -> None:
        super().__init__("signal {} came before the program was started".format(number))
        self.number = number
