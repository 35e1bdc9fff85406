"""The console command. Commands import their libraries late: ``airworthy --help`` is fast."""

from __future__ import annotations

import sys

import typer

from airworthy.cli import (
    adopt_command,
    backtest_commands,
    ci_commands,
    client_commands,
    doctor_command,
    explain_command,
    gc_command,
    kubernetes_commands,
    ledger_commands,
    lineage_commands,
    login_commands,
    metrics_commands,
    model_commands,
    model_test_commands,
    monitor_commands,
    new_model_command,
    predict_command,
    prediction_commands,
    promote_command,
    release_commands,
    role_commands,
    run_commands,
    score_commands,
    server_commands,
    spec_commands,
    staleness_commands,
    status_commands,
    tuning_commands,
    version_commands,
    watch_commands,
)
from airworthy.cli.command_help import teach
from airworthy.cli.error_output import run_application, show_error
from airworthy.cli.private_files import close_new_files
from airworthy.errors import AirworthyError
from airworthy.known_errors import keep_in_temporary_file, known_errors
from airworthy.loopback import keep_loopback_direct

app = typer.Typer(
    name="airworthy",
    help="CI/CD for machine-learning models: inspect, approve, release and bring back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
spec_commands.register(app)
model_commands.register(app)
status_commands.register(app)
new_model_command.register(app)
model_test_commands.register(app)
run_commands.register(app)
ledger_commands.register(app)
release_commands.register(app)
adopt_command.register(app)
promote_command.register(app)
login_commands.register(app)
watch_commands.register(app)
predict_command.register(app)
prediction_commands.register(app)
score_commands.register(app)
monitor_commands.register(app)
staleness_commands.register(app)
backtest_commands.register(app)
tuning_commands.register(app)
lineage_commands.register(app)
explain_command.register(app)
version_commands.register(app)
metrics_commands.register(app)
server_commands.register(app)
doctor_command.register(app)
gc_command.register(app)
client_commands.register(app)
ci_commands.register(app)
kubernetes_commands.register(app)
role_commands.register(app)
teach(app)


def main() -> None:
    """Run the command. An error becomes its message on stderr, without a traceback.

    `airworthy.cli.exit_codes` has the exit codes.
    """
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal cannot show becomes an escape, and not an exception.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    keep_loopback_direct()
    arguments = sys.argv[1:]
    try:
        with known_errors(keep_in_temporary_file):
            close_new_files(arguments)
            code = run_application(app, arguments)
    except AirworthyError as error:
        code = show_error(error, arguments)
    raise SystemExit(code)
