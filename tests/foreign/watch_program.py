"""holdfast watch as the tests of what a server may answer see it: one outcome after the other.

Its lines are "12:34:56  " and a state, or a message. See describe() in src/state/state.cpp.
"""
import re

from foreign_server import PATIENCE, Program


class Watch(Program):
    def expect_outcome(self, pattern):
        """What becomes of the attempt, or ends the session, must be as told: other than expect(), this passes over
        no other outcome.
        """
        outcome = self.expect(r"^\d\d:\d\d:\d\d  ((?:connected|disconnected) .*)$")[1]
        found = re.fullmatch(pattern, outcome)
        assert found, f"{outcome!r} is not {pattern!r}"
        return found

    def expect_echo(self, text):
        self.expect(rf"^\d\d:\d\d:\d\d  < {re.escape(text)}$")

    def expect_end_with_status_1(self):
        """It ends by itself, because what came was final."""
        assert self.process.wait(timeout=PATIENCE) == 1, self.process.returncode

    def close(self):
        self.process.terminate()
        assert self.process.wait(timeout=PATIENCE) == 0, self.process.returncode
