"""The exit codes of the command line. No command uses another one."""

from __future__ import annotations

SUCCESS = 0
FAILED = 1
WRONG_USAGE = 2
REFUSED = 3
WAITS_FOR_APPROVAL = 4
TRANSIENT = 75  # EX_TEMPFAIL of sysexits.h
INTERRUPTED = 130  # 128 and the number of SIGINT
TERMINATED = 143  # 128 and the number of SIGTERM

MEANINGS = {
    SUCCESS: "Done. Nothing needs a person.",
    FAILED: "An error that trying again cannot mend, or a check that found a fault (check, test, "
    "doctor, explain, ci report).",
    WRONG_USAGE: "A wrong command, option or argument. Nothing was done.",
    REFUSED: "Done, and the answer is no: the challenger was rejected (run, ci release), there are blockers "
    "(release, adopt, promote), the champion was bad and traffic has gone back (watch), the rehearsal failed "
    "(drill), rows have no prediction (predict).",
    WAITS_FOR_APPROVAL: "The version waits for an approval (run, release, adopt, promote, ci release).",
    TRANSIENT: "An error that may pass: a network, a lock or a service. Try again.",
    INTERRUPTED: "Ctrl-C (SIGINT) stopped it.",
    TERMINATED: "SIGTERM stopped it. A rollout of this process was ended first.",
}
