"""Starts the `ce` of this environment, with the same arguments, streams and exit status: what `pipx run cloudevents-ce` and `uvx cloudevents-ce` call."""

import os
import subprocess
import sys
import sysconfig


def main():
    is_windows = os.name == "nt"
    schemes = [None, "nt_user" if is_windows else "posix_user"]
    folders = [sysconfig.get_path("scripts", *filter(None, [scheme])) for scheme in schemes]
    programs = [os.path.join(folder, "ce.exe" if is_windows else "ce") for folder in folders]
    program = next(filter(os.path.isfile, programs), None)
    if program is None:
        sys.exit(f"ce: there is no {' and no '.join(programs)}")
    command = [program, *sys.argv[1:]]
    if is_windows:
        sys.exit(subprocess.run(command).returncode)
    os.execv(program, command)


if __name__ == "__main__":
    main()
